ALTER TABLE subscription
    ADD COLUMN hazards text[] NOT NULL DEFAULT '{}',
    ADD COLUMN quiet_from time, ADD COLUMN quiet_to time, ADD COLUMN timezone text NOT NULL DEFAULT 'Asia/Karachi',
    ADD COLUMN escalate_to bigint CONSTRAINT fk_subscription_escalate_to REFERENCES subscription (id) ON DELETE SET NULL,
    ADD COLUMN escalate_after_min integer,
    ADD CONSTRAINT ck_subscription_quiet CHECK ((quiet_from IS NULL) = (quiet_to IS NULL)),
    ADD CONSTRAINT ck_subscription_escalate CHECK (escalate_after_min > 0 AND escalate_to <> id);

ALTER TABLE delivery
    ADD COLUMN queued_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    ADD COLUMN reason text NOT NULL DEFAULT 'subscribed',
    ADD COLUMN receipt text, ADD COLUMN receipt_at timestamptz, ADD COLUMN receipt_note text,
    ADD CONSTRAINT ck_delivery_reason CHECK (reason IN ('subscribed', 'escalated')),
    ADD CONSTRAINT ck_delivery_receipt CHECK (receipt IN ('delivered', 'acknowledged', 'bounced'));
CREATE INDEX ix_delivery_subscription_id ON delivery (subscription_id);

-- Whether somebody sleeps: hours of their own clock, over midnight too.
CREATE FUNCTION is_quiet(quiet_from time, quiet_to time, timezone text, at timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN quiet_from IS NULL OR quiet_from = quiet_to THEN false
                WHEN quiet_from < quiet_to THEN (at AT TIME ZONE timezone)::time >= quiet_from AND (at AT TIME ZONE timezone)::time < quiet_to
                ELSE (at AT TIME ZONE timezone)::time >= quiet_from OR (at AT TIME ZONE timezone)::time < quiet_to END
$$;

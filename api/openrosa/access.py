"""Who a phone is: HTTP Digest with a key of its own, HTTP Basic with either, a key in a header or in the path."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import threading
import time
from collections import OrderedDict
from dataclasses import dataclass
from urllib.request import parse_http_list, parse_keqv_list

from fastapi import Request

from api.security import RANKS, Identity, log_in, sent_key
from api.state import State, state_of
from hazard_db import accounts, connect
from hazard_db.accounts import PREFIX, REALM, Account, Key
from hazard_db.errors import AccessDeniedError, AuthenticationError, NotFoundError
from hazard_db.submissions import Sender

NONCE_LASTS_S = 300.0
REMEMBERED_S = 600.0
MOST_REMEMBERED = 10_000


class ChallengeError(AuthenticationError):
    """Log in with the name and password of an account, or with the key of a phone."""

    def __init__(self, message: str | None = None, *, basic_only: bool = False, stale: bool = False) -> None:
        super().__init__(message)
        self.basic_only, self.stale = basic_only, stale


@dataclass(frozen=True)
class Phone:
    """Who sends forms."""

    identity: Identity
    account_id: int | None

    @property
    def sender(self) -> Sender:
        """Whose submissions they are."""
        return Sender(self.identity.name, self.account_id, self.identity.may("reviewer"))


def challenges(request: Request, error: ChallengeError) -> list[str]:
    """Return the challenges of a refusal, the strongest first.

    Only Basic where the name is no phone's: of a password that a person made there is no checksum that Digest could use, and
    clients that know both go on with Basic only when Digest is not offered again.
    """
    basic = f'Basic realm="{REALM}", charset="UTF-8"'
    if error.basic_only:
        return [basic]
    nonce = make_nonce(state_of(request).signing_key)
    stale = ", stale=true" if error.stale else ""
    return [f'Digest realm="{REALM}", nonce="{nonce}", qop="auth", algorithm=MD5{stale}', basic]


def identify(request: Request) -> Phone:
    """Return who is asking.

    Raises
    ------
    ChallengeError
        Nobody we know.
    AccessDeniedError
        The account may not send anything.
    """
    if request.headers.get("sec-fetch-site") == "cross-site":
        raise AccessDeniedError("this was sent from another site's page")  # browsers add Basic by themselves
    phone = _known(request)
    if not phone.identity.may("field"):
        raise AccessDeniedError(f"this needs the role field; {phone.identity.name} has {phone.identity.role}")
    return phone


def _known(request: Request) -> Phone:
    token = request.path_params.get("token")
    if token is not None:
        try:
            return _by_key(request, str(token), most="field")
        except AuthenticationError as error:  # no challenge: whoever has a wrong address has no password to give
            raise NotFoundError("this address has ended or was never valid; get a new code for the phone") from error
    scheme, _, rest = request.headers.get("authorization", "").partition(" ")
    try:
        if scheme.lower() == "digest":
            return _by_digest(request, rest)
        if scheme.lower() == "basic":
            return _by_password(request, rest)
        if (key := sent_key(request)) is not None:
            return _by_key(request, key)
    except ChallengeError:
        raise
    except AuthenticationError as error:
        raise ChallengeError(str(error)) from error
    raise ChallengeError


def _by_key(request: Request, sent: str, *, most: str = "admin") -> Phone:
    with connect.transaction(state_of(request).engine) as conn:
        key = accounts.check_key(conn, sent)
        accounts.note_use(conn, key.id)
    return _phone(key, most)


def _phone(key: Key, most: str = "admin") -> Phone:
    """Return who a key stands for; one that travels in an address may do no more than send."""
    role = min(key.role, most, key=RANKS.index)
    return Phone(Identity(key.account or f"key:{key.name}", role, "key"), key.account_id)


def _by_password(request: Request, sent: str) -> Phone:
    try:
        name, _, password = base64.b64decode(sent.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError) as error:
        raise ChallengeError("the Authorization header cannot be read") from error
    if "\0" in name + password:
        raise ChallengeError("the Authorization header cannot be read")
    if PREFIX.fullmatch(name):
        return _by_key(request, f"{name}.{password}")
    state = state_of(request)
    mark = hmac.new(state.signing_key.encode(), f"{name}\0{password}".encode(), hashlib.sha256).digest()
    account = _remembered(state, mark)
    if account is None:
        with _memory.turn:  # a phone's other requests wait for its first, instead of asking Argon2 all at once
            account = _remembered(state, mark) or log_in(request, name, password)
            _memory.put(mark, (account.id, account.session_epoch))
    return Phone(Identity(account.name, account.role, "key", account), account.id)


def _remembered(state: State, mark: bytes) -> Account | None:
    seen = _memory.get(mark)
    if seen is None:
        return None
    try:
        with connect.transaction(state.engine) as conn:
            return accounts.in_session(conn, *seen)
    except AuthenticationError:
        return None  # shut, or a new password


class _Memory:
    """Passwords that were right lately, as keyed checksums: a phone sends its own with every request, and Argon2 is slow by design."""

    def __init__(self) -> None:
        self._seen: OrderedDict[bytes, tuple[float, tuple[int, int]]] = OrderedDict()
        self._lock = threading.Lock()
        self.turn = threading.Lock()

    def get(self, mark: bytes) -> tuple[int, int] | None:
        """Return the account and its epoch."""
        with self._lock:
            until, seen = self._seen.get(mark, (0.0, None))
        return seen if until > time.monotonic() else None

    def put(self, mark: bytes, seen: tuple[int, int]) -> None:
        """Remember a right password."""
        with self._lock:
            self._seen.pop(mark, None)
            self._seen[mark] = (time.monotonic() + REMEMBERED_S, seen)
            while len(self._seen) > MOST_REMEMBERED:
                self._seen.popitem(last=False)


_memory = _Memory()


def _by_digest(request: Request, sent: str) -> Phone:
    """Return the phone that made this response [RFC 7616 section 3.4]."""
    said = parse_keqv_list([part for part in parse_http_list(sent) if part.partition("=")[2]])
    name, uri = said.get("username", ""), said.get("uri", "")
    if not PREFIX.fullmatch(name):
        raise ChallengeError("Digest is for the keys of phones; accounts log in with Basic", basic_only=True)
    if said.get("realm") != REALM or said.get("qop") != "auth" or uri not in _own_addresses(request):
        raise ChallengeError("the Digest is for another address")
    state = state_of(request)
    if not right_nonce(state.signing_key, said.get("nonce", "")):
        raise ChallengeError("the Digest is too old", stale=True)

    def expected(ha1: str) -> str:
        middle = ":".join(said.get(part, "") for part in ("nonce", "nc", "cnonce", "qop"))
        return _md5(f"{ha1}:{middle}:{_md5(f'{request.method}:{uri}')}")

    with connect.transaction(state.engine) as conn:
        key = accounts.check_digest(conn, name, said.get("response", ""), expected)
        accounts.note_use(conn, key.id)
    return _phone(key)


def _own_addresses(request: Request) -> set[str]:
    """Return what a client may call the address it asks, behind a proxy that takes a prefix away too."""
    raw = request.scope.get("raw_path") or request.url.path.encode()
    here = raw.decode("latin-1").partition("?")[0] + (f"?{request.url.query}" if request.url.query else "")
    prefix = request.headers.get("x-forwarded-prefix", "").rstrip("/")
    return {here, prefix + here}


def make_nonce(key: str) -> str:
    """Return a nonce that tells by itself when it was made, and that we made it."""
    said = f"{time.time():.0f}.{secrets.token_urlsafe(9)}"
    return f"{said}.{_nonce_mark(key, said)}"


def right_nonce(key: str, nonce: str) -> bool:
    """Return whether a nonce is ours and not too old."""
    said, _, mark = nonce.rpartition(".")
    made = said.partition(".")[0]
    ours = hmac.compare_digest(_nonce_mark(key, said).encode(), mark.encode("utf-8", "surrogateescape"))
    return ours and made.isdecimal() and 0 <= time.time() - int(made) + 1 <= NONCE_LASTS_S


def _nonce_mark(key: str, said: str) -> str:
    return hmac.new(key.encode(), f"nonce|{said}".encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[:32]


def _md5(value: str) -> str:
    return hashlib.md5(value.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()

"""Base of every table, and the columns that many share."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import BigInteger, DateTime, Float, ForeignKey, Identity, MetaData, Text, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, declared_attr, mapped_column

WGS84 = 4326
UTM = 32643

ACTOR = "coalesce(nullif(current_setting('hazard.actor', true), ''), session_user)"
"""Who writes: the account named for the transaction, else the database role."""

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Declarative base; text, JSON and aware datetimes by annotation."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = {  # noqa: RUF012 - read once by the declarative machinery
        str: Text,
        float: Float(53),
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
    }


class Numbered:
    """A surrogate key."""

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)


class Stamped:
    """When and by whom the row came in."""

    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    created_by: Mapped[str] = mapped_column(server_default=text(ACTOR))


class Referenced:
    """Where along the road: filled by the database from `geom`, NULL beyond the corridor's reach."""

    @declared_attr
    def alignment_id(cls) -> Mapped[int | None]:  # noqa: N805 - declared_attr passes the class
        """Alignment that the chainage belongs to."""
        return mapped_column(ForeignKey("alignment.id"), index=False)

    chainage_km: Mapped[float | None] = mapped_column(index=True)
    chainage_from_km: Mapped[float | None]
    chainage_to_km: Mapped[float | None]
    offset_m: Mapped[float | None]
    side: Mapped[str | None]


def geometry(kind: str, *, nullable: bool = False, srid: int = WGS84, index: bool = True) -> Mapped[Any]:
    """Return a geometry column with its GiST index."""
    dimension = 3 if kind.endswith(("M", "Z")) else 2
    return mapped_column(Geometry(kind, srid=srid, dimension=dimension, spatial_index=index), nullable=nullable)

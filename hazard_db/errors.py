"""Every error of the project, in one tree; the docstring is the default message."""

from __future__ import annotations


class HazardError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or type(self).__doc__ or "")


class SettingsError(HazardError):
    """A setting is missing or unusable."""


class ClusterError(HazardError):
    """The private PostgreSQL cluster cannot be used."""


class MissingSoftwareError(ClusterError):
    """PostgreSQL with PostGIS is not installed on this machine."""


class DatabaseUnavailableError(HazardError):
    """The database does not answer; start it with `kkh db up`."""


class NotFoundError(HazardError):
    """There is no such record."""


class ConflictError(HazardError):
    """The record was changed by someone else in the meantime."""


class AccessDeniedError(HazardError):
    """The account may not do that."""


class AuthenticationError(HazardError):
    """A valid account or API key is needed."""


class CorridorError(HazardError):
    """The alignment cannot be used."""


class OutsideCorridorError(NotFoundError):
    """That place or kilometre is outside the corridor."""


class InputError(HazardError):
    """The input cannot be used; say the file, the record, the field and what to do."""


class UnknownFormatError(InputError):
    """The format of the file was not recognised."""


class RecordError(InputError):
    """A record of the file cannot be used."""


class RasterError(InputError):
    """The raster cannot be used."""


class SpaceError(HazardError):
    """The disk is full; work waits until there is space."""


class SourceError(HazardError):
    """The source of imagery does not answer as it should; it is tried again."""


class DetectionError(HazardError):
    """The detection could not be made from this input."""


class DeliveryError(HazardError):
    """An alert could not be delivered."""


class RefusedError(DeliveryError):
    """The receiver will not take the message, now or later."""


class UnreachableError(HazardError):
    """The address cannot be reached, or must not be."""


class MapError(HazardError):
    """The map could not be made."""

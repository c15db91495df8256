"""What ODK Collect and KoboCollect ask for: the list of forms, each form, and a place for them when they are filled."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from api.openrosa import documents, forms, instances
from api.openrosa.access import ChallengeError, Phone, challenges, identify
from api.problems import OURS, status_of
from api.state import state_of
from api.storage import writing
from hazard_db import media_files, submissions
from hazard_db.errors import HazardError, InputError
from hazard_db.media import NewFile
from hazard_db.media_files import Arrived
from hazard_db.submissions import NewSubmission, Receipt

XML_PART = "xml_submission_file"
MOST_FILES, MOST_FIELDS = 60, 10


class OpenRosaRoute(APIRoute):
    """Tells what went wrong in XML: phones show their users nothing else."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except ChallengeError as error:
                return documents.told(request, 401, str(error), challenges=challenges(request, error))
            except HazardError as error:
                if (status := status_of(error)) >= 500:
                    raise
                return documents.told(request, status, str(error))
            except HTTPException as error:
                return documents.told(request, error.status_code, str(error.detail) or OURS)
            except ClientDisconnect:
                return documents.told(request, 400, "the request broke off")  # nobody reads it; nothing was stored

        return answer


router = APIRouter(tags=["phones"], route_class=OpenRosaRoute, include_in_schema=False)

Sender = Annotated[Phone, Depends(identify)]


def form_list(request: Request, phone: Sender) -> Response:
    """Return the list of forms."""
    del phone
    return documents.form_list(request, forms.all_forms())


def form(request: Request, phone: Sender, form_id: str) -> Response:
    """Return a form."""
    del phone
    return documents.answer(request, forms.by_id(form_id).xml)


def manifest(request: Request, phone: Sender, form_id: str) -> Response:
    """Return the list of files that go with a form."""
    del phone
    forms.by_id(form_id)
    return documents.manifest(request)


def ready(request: Request, phone: Sender) -> Response:
    """Say that a submission would be taken: exactly 204, all else is an error to a phone."""
    del phone
    return documents.answer(request, status=204)


async def submit(request: Request, phone: Sender) -> Response:
    """Store a submission or a further part of it: exactly 201, and only when all of this request is on the disk."""
    form = await _read_form(request)
    try:
        receipt = await run_in_threadpool(_store, request, phone, form)
    finally:
        await form.close()
    return documents.told(request, 201, _said(receipt))


def _said(receipt: Receipt) -> str:
    count = len(receipt.media)
    what = "Stored" if receipt.is_new else "Stored before; nothing is there twice"
    return f"{what}: observation {receipt.observation_id}, {count} file{'' if count == 1 else 's'} in this part."


class _Parser(MultiPartParser):
    """Notices whether the end was reached: a body that breaks off would otherwise only lack its last photos."""

    spool_max_size = 64 * 1024
    ended = False

    def on_end(self) -> None:
        """Note the closing boundary."""
        self.ended = True

    def close(self) -> None:
        """Remove what came so far."""
        for file in self._files_to_close_on_error:
            file.close()


async def _read_form(request: Request) -> FormData:
    """Return the parts of the request; photos go to the disk as they come.

    Raises
    ------
    InputError
        It is no whole multipart/form-data.
    """
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "multipart/form-data":
        raise InputError("send the form as multipart/form-data")
    limits = {"max_files": MOST_FILES, "max_fields": MOST_FIELDS, "max_part_size": instances.LARGEST_XML}
    parser = _Parser(request.headers, request.stream(), **limits)
    try:
        form = await parser.parse()
    except ClientDisconnect:
        parser.close()
        raise
    except (MultiPartException, KeyError) as error:
        raise InputError(f"the request cannot be read: {getattr(error, 'message', 'no boundary')}") from error
    if not parser.ended:
        parser.close()
        raise InputError("the request broke off before its end; nothing was stored, send it again")
    return form


@dataclass(frozen=True)
class _Parcel:
    """What came in one request."""

    submission: NewSubmission
    files: list[tuple[str, Arrived]]


def _store(request: Request, phone: Phone, form: FormData) -> Receipt:
    folder = state_of(request).settings.home / "media"
    parcel = _Parcel(instances.read(_xml(form), phone.identity.name), [])
    try:
        for name, upload in _uploads(form):
            parcel.files.append((name, media_files.take(upload.file, folder, name)))
        new = [NewFile(filename=name, **asdict(arrived.stored)) for name, arrived in parcel.files]
        with writing(request, phone.identity) as conn:
            receipt = submissions.receive(conn, parcel.submission, new, phone.sender)
            for _, arrived in parcel.files:  # on the disk before the commit: a receipt without its file would be a lie
                media_files.keep(arrived, folder)
        return receipt
    finally:
        for _, arrived in parcel.files:
            with suppress(OSError):
                media_files.drop(arrived)


def _xml(form: FormData) -> bytes:
    part = form.get(XML_PART)
    if isinstance(part, UploadFile):
        return part.file.read(instances.LARGEST_XML + 1)
    if isinstance(part, str) and part:
        return part.encode("utf-8", "surrogatepass")
    raise InputError(f"the request has no part named {XML_PART}")


def _uploads(form: FormData) -> list[tuple[str, UploadFile]]:
    """Return the photos and files by their names.

    Raises
    ------
    InputError
        A name leads somewhere else, or two are the same.
    """
    found: dict[str, UploadFile] = {}
    for key, part in form.multi_items():
        if key == XML_PART or not isinstance(part, UploadFile):
            continue
        given = part.filename or key
        name = media_files.plain_name(given)
        if name != given.strip() or name.startswith("."):
            raise InputError(f"{given[:100]!r} is no plain file name")
        if name in found:
            raise InputError(f"{name[:100]}: two files of one name in one request")
        found[name] = part
    return list(found.items())


for prefix in ("/openrosa", "/openrosa/t/{token}"):
    router.add_api_route(f"{prefix}/formList", form_list, methods=["GET"])
    router.add_api_route(f"{prefix}/forms/{{form_id}}.xml", form, methods=["GET"])
    router.add_api_route(f"{prefix}/forms/{{form_id}}/manifest", manifest, methods=["GET"])
    router.add_api_route(f"{prefix}/submission", ready, methods=["HEAD"])
    router.add_api_route(f"{prefix}/submission/", ready, methods=["HEAD"])  # a redirect would be no 204
    router.add_api_route(f"{prefix}/submission", submit, methods=["POST"], status_code=201)

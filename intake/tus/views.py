"""The two addresses of tus. Cookies need the CSRF token in the header X-CSRFToken, programs a token with the scope
`upload`; every refusal is JSON with a `code` for programs and a `message` for people."""

import uuid
from typing import Any

from django.http import Http404, HttpRequest
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.http import http_date
from django.utils.translation import gettext as _
from rest_framework.exceptions import APIException
from rest_framework.parsers import BaseParser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import Allow, Public
from intake import kinds, policies
from intake.models import PartialUpload
from intake.resumable import Busy
from intake.services import partial
from intake.services.errors import IntakeError
from intake.services.partial import Held
from intake.tus import protocol
from intake.tus.body import Body, Full

# Refusals that time or another request may mend have a status that tus clients try again; those for good have not.
_STATUS = {"too_large": 413, "metadata": 400}
_REFUSED = 422


class Refusal(Exception):  # noqa: N818
    def __init__(self, status: int, code: str, message: object, **headers: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message, self.headers = status, code, str(message), headers


class _Unread(BaseParser):
    """Whatever it is, it is not parsed: not even for a CSRF token that a form may hold."""

    media_type = "*/*"

    def parse(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {}


class _Tus(APIView):
    parser_classes = [_Unread]
    schema = None  # the protocol describes itself (OPTIONS); docs/hospitals.md says what the metadata are

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if request.method == "POST" and (method := request.headers.get("X-HTTP-Method-Override")):
            request.method = method.upper()
        self.body = Body(request.META)
        response = super().dispatch(request, *args, **kwargs)
        # Not for strangers, nor where there are too many already: each would hold a thread as long as it likes.
        if response.status_code >= 400 and response.status_code not in (401, 403, 503):
            self.body.discard()
        response["Tus-Resumable"] = protocol.VERSION
        response["Cache-Control"] = "no-store"
        return response

    def get_permissions(self) -> list[BasePermission]:
        allowed = Public if self.request.method == "OPTIONS" else Allow(policies.is_hospital_user, scope="upload")
        return [allowed()]

    def handle_exception(self, exc: Exception) -> Response:
        refusal = _refusal(exc)
        if refusal is None:
            response = super().handle_exception(exc)
            if isinstance(exc, APIException):  # not signed in, a wrong token, no hospital user, another method
                response.data = {"code": exc.default_code, "message": str(exc.detail)}
            return response
        response = Response({"code": refusal.code, "message": refusal.message}, refusal.status, headers=refusal.headers)
        response.exception = True
        return response

    def options(self, request: Request, *args: Any, **kwargs: Any) -> Response:  # type: ignore[override]
        headers = {
            "Tus-Version": protocol.VERSION,
            "Tus-Extension": protocol.EXTENSIONS,
            "Tus-Max-Size": str(kinds.largest(None)),
            "Tus-Checksum-Algorithm": ",".join(protocol.ALGORITHMS),
        }
        return Response(status=204, headers=headers)

    def _write(self, request: Request, held: Held) -> None:
        """Takes the body, and the file over when that was the last of it."""
        row = held.row
        if held.appender is not None:
            partial.append(held, self.body.pieces(row.length - row.offset), protocol.checksum(request.headers))
            partial.finish(held)


def _refusal(error: Exception) -> Refusal | None:
    match error:
        case Refusal():
            return error
        case IntakeError():
            return Refusal(_STATUS.get(error.code, _REFUSED), error.code, error)
        case protocol.BadHeader():
            return Refusal(400, "bad_header", error)
        case Http404() | PartialUpload.DoesNotExist():
            return Refusal(404, "not_found", _("There is no such upload. Start it anew."))
        case partial.Expired():
            return Refusal(410, "gone", _("This upload is gone. Start it anew."))
        case Full():
            words = _("The portal takes as many files as it can just now. Try again in a moment.")
            return Refusal(503, "full", words, **{"Retry-After": "5"})
        case Busy():
            words = _("This file is being sent by another connection. Wait a little and go on.")
            return Refusal(423, "locked", words)
        case partial.WrongChecksum():
            words = _("Some bytes changed on the way and were dropped. Send this part again.")
            return Refusal(460, "checksum_mismatch", words)
        case partial.StorageFailed():
            words = _("The server could not store this now. What it had confirmed is kept: try again later.")
            return Refusal(507, "storage_failed", words)
    return None


def _check_version(request: Request) -> None:
    if request.headers.get("Tus-Resumable") != protocol.VERSION:
        words = f"Tus-Resumable must be {protocol.VERSION}."
        raise Refusal(412, "version", words, **{"Tus-Version": protocol.VERSION})


def _check_content_type(request: Request) -> None:
    if request.headers.get("Content-Type", "").split(";")[0].strip().lower() != protocol.CONTENT_TYPE:
        raise Refusal(415, "content_type", f"Content-Type must be {protocol.CONTENT_TYPE}.")


def _progress(row: PartialUpload, status: int) -> Response:
    headers = {"Upload-Offset": str(row.offset), "Upload-Expires": http_date(row.expires_at.timestamp())}
    if row.finished_at is not None:
        headers["Upload-File"] = str(row.pk)  # the id of the file that it is now
    return Response(status=status, headers=headers)


class Uploads(_Tus):
    """POST begins an upload; with a body it takes the first bytes too."""

    def post(self, request: Request) -> Response:
        _check_version(request)
        for header in ("Upload-Defer-Length", "Upload-Concat"):
            if header in request.headers:
                raise protocol.BadHeader(f"{header} is not offered.")
        length = protocol.number(request.headers, "Upload-Length")
        with_body = self.body.is_there
        if with_body:
            _check_content_type(request)
        protocol.checksum(request.headers)
        if (self.body.length or 0) > length:
            raise Refusal(413, "too_much", "The body is longer than Upload-Length.")
        metadata = request.headers.get("Upload-Metadata", "")
        batch_pk = protocol.metadata(metadata).get("batch", "")
        batches = policies.visible_batches(request.user).select_related("hospital", "dataset")
        batch = batches.filter(pk=batch_pk).first() if batch_pk.isdecimal() and len(batch_pk) < 19 else None
        if batch is None:
            raise Refusal(404, "no_batch", _("There is no such batch of your hospital."))
        with self.body.room():
            row = partial.begin(user=request.user, batch=batch, length=length, metadata=metadata)
            if with_body or length == 0:
                with partial.hold(row) as held:
                    self._write(request, held)
        response = _progress(row, 201)
        response["Location"] = reverse("intake:tus_upload", args=[row.pk])
        return response


class Upload(_Tus):
    """One upload: HEAD says how far it is, PATCH goes on with it, DELETE ends it."""

    def _row(self, request: Request, pk: uuid.UUID) -> PartialUpload:
        rows = partial.visible(request.user).select_related("batch__dataset", "batch__hospital", "user")
        row = get_object_or_404(rows, pk=pk)
        _check_version(request)
        return row

    def _refused(self, held: Held) -> None:
        row = held.row
        if row.refusal_code:
            raise Refusal(_STATUS.get(row.refusal_code, _REFUSED), row.refusal_code, row.refusal)

    def head(self, request: Request, pk: uuid.UUID) -> Response:
        row = self._row(request, pk)
        with partial.hold(row) as held:
            partial.finish(held)
            self._refused(held)
            response = _progress(row, 200)
        response["Upload-Length"] = str(row.length)
        if metadata := partial.metadata_of(row):
            response["Upload-Metadata"] = metadata
        return response

    def patch(self, request: Request, pk: uuid.UUID) -> Response:
        row = self._row(request, pk)
        _check_content_type(request)
        offset = protocol.number(request.headers, "Upload-Offset")
        protocol.checksum(request.headers)
        with self.body.room(), partial.hold(row) as held:
            self._refused(held)
            if offset != row.offset:
                words = _("The upload stands at another place. Ask where (HEAD) and go on from there.")
                raise Refusal(409, "offset", words, **{"Upload-Offset": str(row.offset)})
            if (self.body.length or 0) > row.length - row.offset:
                raise Refusal(413, "too_much", "The body is longer than what is left of Upload-Length.")
            self._write(request, held)
            return _progress(row, 204)

    def delete(self, request: Request, pk: uuid.UUID) -> Response:
        with partial.hold(self._row(request, pk)) as held:
            partial.terminate(held)
        return Response(status=204)

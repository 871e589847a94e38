"""The addresses of STOW-RS: a study's, or any study's; of a batch that a person opened, or of the day's own batch."""

import sys
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import APIException, ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.authentication import ApiTokenAuthentication
from accounts.permissions import Allow
from intake import policies, services
from intake.dicomweb import answer
from intake.dicomweb.multipart import BadMultipart, Parts, parameters
from intake.dicomweb.storing import store_part
from intake.models import UploadBatch
from intake.services.errors import IntakeError
from intake.tus.body import Body, Full


class DicomJson(JSONRenderer):
    media_type = "application/dicom+json"
    format = "dicom+json"


class _Unread(BaseParser):
    """The body is read as it comes off the line: Django takes one that comes in chunks for empty."""

    media_type = "*/*"

    def parse(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return {}


class Conflict(APIException):
    status_code = 409
    default_code = "conflict"


class Overloaded(APIException):
    status_code = 503
    default_code = "full"
    default_detail = gettext_lazy("The portal takes as many files as it can just now. Try again in a moment.")
    wait = 5  # seconds, for Retry-After


class Studies(APIView):
    """POST stores instances (PS3.18 10.5). A token with the scope `upload`; no cookies, so no CSRF either."""

    authentication_classes: list[type[BaseAuthentication]] = [ApiTokenAuthentication]
    permission_classes = [Allow(policies.is_hospital_user, scope="upload")]
    parser_classes = [_Unread]
    renderer_classes = [DicomJson, JSONRenderer]
    schema = None  # the standard describes it

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        self.body = Body(request.META)
        response = super().dispatch(request, *args, **kwargs)
        if response.status_code not in (401, 403, 503):  # a stranger would hold a thread as long as he likes
            self.body.discard()
        return response

    def post(self, request: Request, study: str = "", pk: int | None = None) -> HttpResponse:
        try:
            with self.body.room():
                return self._store(request, study, pk)
        except Full:
            raise Overloaded from None

    def _store(self, request: Request, study: str, pk: int | None) -> HttpResponse:
        parts = _parts(request, self.body)
        batch = _batch(request, pk)
        answered = answer.Answer()
        try:
            for number, (headers, chunks) in enumerate(parts, start=1):
                if number > settings.CXR_MAX_FILES_PER_REQUEST:
                    words = _("More instances than one request may have. Send the rest in another one.")
                    answered.fail(None, answer.OUT_OF_RESOURCES, words)
                elif parameters(headers.get("content-type", "application/dicom"))[0] != "application/dicom":
                    words = _("A part is no DICOM instance (application/dicom).")
                    answered.fail(None, answer.CANNOT_UNDERSTAND, words)
                else:
                    store_part(answered, chunks, batch=batch, user=request.user, study=study)
        except BadMultipart as error:
            raise ParseError(str(error)) from None
        if not answered.stored and not answered.failed:
            raise ParseError(_("There is no instance in this request."))
        return _response(request, answered)


def _parts(request: Request, body: Body) -> Parts:
    kind, found = parameters(request.headers.get("Content-Type", ""))
    if kind != "multipart/related" or found.get("type", "application/dicom").lower() != "application/dicom":
        raise UnsupportedMediaType(kind, _('Send multipart/related; type="application/dicom".'))
    try:
        return Parts(body.pieces(sys.maxsize), found.get("boundary", ""))
    except BadMultipart as error:
        raise ParseError(str(error)) from None


def _batch(request: Request, pk: int | None) -> UploadBatch:
    if pk is not None:
        return get_object_or_404(policies.visible_batches(request.user).select_related("hospital", "dataset"), pk=pk)
    try:
        return services.batch_of_the_day(user=request.user)
    except IntakeError as error:
        raise Conflict(str(error)) from None


def _response(request: Request, answered: answer.Answer) -> HttpResponse:
    # Also for those who accept application/json alone: the two are the same bytes.
    content = JSONRenderer().render(answered.content())
    response = HttpResponse(content, status=answered.status, content_type=DicomJson.media_type)
    if answered.words:  # RFC 7234 5.5; what an administrator finds in the log of the sender
        text = " ".join(answered.words).encode("ascii", "replace").decode().replace('"', "'")
        response["Warning"] = f'299 - "{text[:1000]}"'
    return response

"""The HTTP answer that carries an archive: from S3 where the archives lie there, by nginx where CXR_ACCEL_PREFIX names
its location, else by ourselves."""

from urllib.parse import quote

from django.conf import settings
from django.core.files.storage import storages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from django.utils.translation import gettext as _
from rest_framework.request import Request

from accounts.models import AccessGrant, User
from datasets import services
from datasets.errors import ArchiveGone
from datasets.models import Archive, Download
from datasets.ranges import ByteRange, Unsatisfiable, parse
from datasets.throttle import seconds_to_wait

TYPES = {
    "zip": "application/zip",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
# Tells nginx which row of ours its log line belongs to; nginx passes it on to nobody.
DOWNLOAD_HEADER = "X-CXR-Download"


def deliver(request: HttpRequest | Request, user: User, archive: Archive, grant: AccessGrant) -> HttpResponseBase:
    """The bytes of `archive`, or the range that was asked for, for somebody who may have them.

    The ETag is strong (the SHA-256), so a broken download resumes only onto the same file (If-Range). Before the first
    byte leaves, the download is recorded. A HEAD request gets the headers alone and leaves no record.
    """
    etag = f'"{archive.sha256}"'
    if (early := get_conditional_response(request, etag=etag)) is not None:
        return early
    size = archive.size or 0
    span, partial = ByteRange(0, size - 1), False
    if request.method == "GET" and request.headers.get("If-Range", etag) == etag:
        try:
            if (part := parse(request.headers.get("Range", ""), size)) is not None:
                span, partial = part, True
        except Unsatisfiable:
            return _headed(HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"}), archive, etag)
    if request.method == "HEAD":
        response: HttpResponseBase = HttpResponse()
        response["Content-Length"] = str(len(span))
        return _headed(response, archive, etag)
    if wait := seconds_to_wait(user):
        text = _("You began too many downloads in this minute. Go on in %(seconds)s seconds.") % {"seconds": wait}
        return HttpResponse(text, status=429, headers={"Retry-After": str(wait)}, content_type="text/plain")
    if settings.CXR_S3_BUCKET:
        # The address opens the whole file, whatever was asked for: so that is what is recorded.
        span = ByteRange(0, size - 1)
    try:
        download = services.start_download(user=user, archive=archive, grant=grant, span=span)
    except ArchiveGone as gone:
        return HttpResponse(str(gone), status=410, content_type="text/plain; charset=utf-8")
    services.count_download(user, archive.release.dataset, archive.release)
    if settings.CXR_S3_BUCKET:
        return _from_s3(archive)
    if settings.CXR_ACCEL_PREFIX:
        response = _headed(_by_nginx(archive, download), archive, etag)
        del response["Accept-Ranges"]  # nginx sends one of its own
        return response
    return _headed(_by_ourselves(archive, download, partial), archive, etag)


def _from_s3(archive: Archive) -> HttpResponse:
    """A redirection to an address that S3 itself has agreed to for CXR_S3_LINK_SECONDS."""
    parameters = {"ResponseContentDisposition": _disposition(archive), "ResponseContentType": _type(archive)}
    address = storages["archives"].url(str(archive.file.name), parameters=parameters)  # type: ignore[call-arg]
    response = HttpResponseRedirect(address)
    response["Cache-Control"] = "private, no-store"
    return response


def _by_nginx(archive: Archive, download: Download) -> HttpResponse:
    """Headers alone: nginx sends the bytes, and its log says how many (services.read_delivery_logs)."""
    response = HttpResponse()
    response["X-Accel-Redirect"] = f"{settings.CXR_ACCEL_PREFIX.rstrip('/')}/{quote(str(archive.file.name))}"
    response[DOWNLOAD_HEADER] = str(download.pk)
    return response


def _by_ourselves(archive: Archive, download: Download, partial: bool) -> HttpResponseBase:
    file = storages["archives"].open(str(archive.file.name))
    first, last = download.first_byte, download.last_byte
    response = StreamingHttpResponse(services.Delivery(file, download), status=206 if partial else 200)
    response["Content-Length"] = str(last - first + 1)
    if partial:
        response["Content-Range"] = f"bytes {first}-{last}/{archive.size}"
    return response


def _headed(response: HttpResponseBase, archive: Archive, etag: str) -> HttpResponseBase:
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = etag
    response["Cache-Control"] = "private"
    response["Content-Type"] = _type(archive)
    response["Content-Disposition"] = _disposition(archive)
    return response


def _type(archive: Archive) -> str:
    return TYPES.get(archive.filename.rpartition(".")[2], "application/octet-stream")


def _disposition(archive: Archive) -> str:
    return f'attachment; filename="{archive.filename}"'

"""The HTTP answer that carries an archive: by nginx where CXR_ACCEL_PREFIX names its location, else by ourselves."""

from urllib.parse import quote

from django.conf import settings
from django.core.files.storage import storages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.cache import get_conditional_response
from rest_framework.request import Request

from accounts.models import AccessGrant, User
from datasets import services
from datasets.models import Archive
from datasets.ranges import ByteRange, Unsatisfiable, parse

TYPES = {
    "zip": "application/zip",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def deliver(request: HttpRequest | Request, user: User, archive: Archive, grant: AccessGrant) -> HttpResponseBase:
    """The bytes of `archive`, or the range that was asked for, for somebody who may have them.

    The ETag is strong (the SHA-256), so a broken download resumes only onto the same file (If-Range). Before the first
    byte leaves, the download is recorded. A HEAD request gets the headers alone and leaves no record.
    """
    etag, path = f'"{archive.sha256}"', str(archive.file.name)
    if (early := get_conditional_response(request, etag=etag)) is not None:
        return early
    size = archive.size or 0
    span = whole = ByteRange(0, size - 1)
    status = 200
    if request.method == "GET" and request.headers.get("If-Range", etag) == etag:
        try:
            if (part := parse(request.headers.get("Range", ""), size)) is not None:
                span, status = part, 206
        except Unsatisfiable:
            return _headed(HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"}), archive, etag)
    if request.method == "HEAD":
        response: HttpResponseBase = HttpResponse()
        response["Content-Length"] = str(len(whole))
        return _headed(response, archive, etag)
    if settings.CXR_ACCEL_PREFIX:
        services.start_download(user=user, archive=archive, grant=grant, span=span)
        response = HttpResponse()
        response["X-Accel-Redirect"] = f"{settings.CXR_ACCEL_PREFIX.rstrip('/')}/{quote(path)}"
        return _headed(response, archive, etag)
    file = storages["archives"].open(path)
    download = services.start_download(user=user, archive=archive, grant=grant, span=span)
    response = StreamingHttpResponse(services.Delivery(file, download), status=status)
    response["Content-Length"] = str(len(span))
    if status == 206:
        response["Content-Range"] = f"bytes {span.first}-{span.last}/{size}"
    return _headed(response, archive, etag)


def _headed(response: HttpResponseBase, archive: Archive, etag: str) -> HttpResponseBase:
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = etag
    response["Cache-Control"] = "private"
    response["Content-Type"] = TYPES.get(archive.filename.rpartition(".")[2], "application/octet-stream")
    response["Content-Disposition"] = f'attachment; filename="{archive.filename}"'
    return response

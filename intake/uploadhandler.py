"""Receives multipart uploads without a plaintext byte on a disk.

Files in the field `files` are sealed into the quarantine as they arrive; the table in the field `table` (it names
patients too, but the web process has to read it) is kept in memory, up to a small limit. Everything that no row has
taken over by the end of the request is removed again.
"""

import io
from typing import IO, Any, cast

import structlog
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http import HttpRequest
from django.http.multipartparser import MultiPartParser, MultiPartParserError
from django.template.defaultfilters import filesizeformat
from django.utils.functional import Promise
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from intake import kinds
from intake.quarantine import Sealed, Sealer

logger = structlog.get_logger(__name__)

FILES_FIELD = "files"
TABLE_FIELD = "table"
MAX_TABLE_BYTES = 5 * 1024 * 1024


class SealedUpload(UploadedFile):  # type: ignore[type-arg]
    """A file of the request: its bytes are in the quarantine already, or `refusal` says why they are not."""

    def __init__(self, name: str, sealed: Sealed | None, refusal: Promise | str = "") -> None:
        super().__init__(None, name=name, size=sealed.size if sealed else 0)
        self.sealed = sealed
        self.refusal = refusal

    def close(self) -> None:
        """Called by Django at the end of every request, and when parsing it fails."""
        if self.sealed is not None:
            self.sealed.discard()


class TableUpload(UploadedFile):  # type: ignore[type-arg]
    """The table of the request, in memory; `refusal` says why there is none."""

    def __init__(self, name: str, content: bytes, refusal: Promise | str = "") -> None:
        super().__init__(io.BytesIO(content), name=name, size=len(content))
        self.refusal = refusal


class _Counting:
    """The request's body, counting: Django takes a body that was cut off between two parts for a complete one."""

    def __init__(self, source: Any) -> None:
        self._source = source
        self.count = 0

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._source.read(size)
        self.count += len(data)
        return data


class SealingUploadHandler(FileUploadHandler):
    takes_files = True

    def __init__(self, request: HttpRequest | None = None) -> None:
        super().__init__(request)
        self._parsing = self._has_table = False
        self._sealer: Sealer | None = None
        self._table: bytearray | None = None
        self._refusal: Promise | str = ""

    def handle_raw_input(
        self,
        input_data: IO[bytes],
        META: dict[str, Any],  # noqa: N803 (Django's name)
        content_length: int,
        boundary: bytes,  # type: ignore[override]  # that is what Django hands over
        encoding: str | None = None,
    ) -> Any:
        if self._parsing:
            return None
        self._parsing = True
        body = _Counting(input_data)
        try:
            post, files = MultiPartParser(META, cast(Any, body), [self], encoding).parse()
        except BaseException:
            self.upload_interrupted()
            raise
        if body.count < content_length:
            for _name, parts in files.lists():
                for part in parts:
                    part.close()
            raise MultiPartParserError("The upload was cut off.")
        return post, files

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._refusal = ""
        self._sealer = self._table = None
        if self.field_name == FILES_FIELD and self.takes_files:
            self._sealer = Sealer()
        elif self.field_name == TABLE_FIELD and not self._has_table:
            self._has_table = True
            self._table = bytearray()
        else:
            raise SkipFile  # nobody asked for it, so it takes no memory

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if self._sealer is not None:
            limit = kinds.largest(self._sealer.head or raw_data)
            if self._sealer.size + len(raw_data) > limit:
                self._sealer.discard()
                self._sealer = None
                self._refusal = format_lazy(
                    _("The file is larger than {limit}. Export a single image."),
                    limit=filesizeformat(limit),
                )
            else:
                try:
                    self._sealer.write(raw_data)
                except OSError:
                    self._give_up()
        elif self._table is not None:
            if len(self._table) + len(raw_data) > MAX_TABLE_BYTES:
                self._table = None
                self._refusal = format_lazy(
                    _("The table is larger than {limit}. Send it in parts."), limit=filesizeformat(MAX_TABLE_BYTES)
                )
            else:
                self._table += raw_data

    def file_complete(self, file_size: int) -> UploadedFile:  # type: ignore[type-arg]
        name = self.file_name or ""
        if self.field_name != FILES_FIELD:
            return TableUpload(name, bytes(self._table or b""), self._refusal)
        sealed = None
        if self._sealer is not None:
            try:
                sealed = self._sealer.finish()
            except OSError:
                self._give_up()
        self._sealer = None
        return SealedUpload(name, sealed, self._refusal)

    def _give_up(self) -> None:
        """The disk is full or broken: the file is refused, what came of it is removed, the request goes on."""
        logger.exception("quarantine_write_failed")
        self.upload_interrupted()
        self._refusal = _("The server could not store this file. Nothing was kept of it; tell the data manager.")

    def upload_interrupted(self) -> None:
        """The body ended or broke within a file."""
        if self._sealer is not None:
            self._sealer.discard()
            self._sealer = None


class TableUploadHandler(SealingUploadHandler):
    """Where only a table is asked for: nothing reaches the quarantine."""

    takes_files = False

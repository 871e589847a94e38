"""Handing out archives. Every answer with bytes is a row and two events, whoever breaks the connection."""

from collections.abc import Iterator, Sequence
from typing import IO

from django.db import transaction

from accounts.models import AccessGrant, User
from audit.services import record
from datasets.models import Archive, Download
from datasets.ranges import ByteRange

CHUNK = 128 * 1024  # bytes


@transaction.atomic
def start_download(*, user: User, archive: Archive, grant: AccessGrant, span: ByteRange) -> Download:
    """Records that `user` is about to get the bytes `span` of `archive`; called before the first byte leaves."""
    download = Download.objects.create(
        user=user, archive=archive, grant=grant, first_byte=span.first, last_byte=span.last
    )
    record(
        "download.started",
        actor=user,
        about=archive,
        download=download.pk,
        grant=grant.pk,
        first_byte=span.first,
        last_byte=span.last,
    )
    return download


def refuse_download(*, user: User, archive: Archive, codes: Sequence[str]) -> None:
    """Records that `user` asked for `archive` and why it was refused (codes of the policy)."""
    record("download.refused", actor=user, about=archive, reasons=list(codes))


@transaction.atomic
def finish_download(download: Download, bytes_sent: int) -> None:
    """Records how many bytes went out, all or not."""
    Download.objects.filter(pk=download.pk).update(bytes_sent=bytes_sent)
    record(
        "download.finished",
        actor=download.user,
        about=download.archive,
        download=download.pk,
        bytes_sent=bytes_sent,
        complete=bytes_sent == download.last_byte - download.first_byte + 1,
    )


class Delivery(Iterator[bytes]):
    """The bytes of a download, in chunks of CHUNK. The server closes it at the end or when the client is gone.

    A class and not a generator: `close` must run even if the server never asked for the first chunk.
    """

    def __init__(self, file: IO[bytes], download: Download) -> None:
        self._file, self._download = file, download
        self._left = download.last_byte - download.first_byte + 1
        self._sent = self._on_the_way = 0
        self._closed = False
        file.seek(download.first_byte)

    def __next__(self) -> bytes:
        # The server comes back only after it has passed on what it got.
        self._sent, self._on_the_way = self._sent + self._on_the_way, 0
        data = self._file.read(min(CHUNK, self._left))
        if not data:
            raise StopIteration
        self._left -= len(data)
        self._on_the_way = len(data)
        return data

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._file.close()
        finish_download(self._download, self._sent)

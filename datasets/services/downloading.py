"""Handing out archives. Every answer with bytes is a row and two events, whoever breaks the connection."""

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import IO
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import AccessGrant, User
from accounts.selectors import current_grants
from audit.services import record
from datasets.errors import ArchiveGone
from datasets.models import Archive, Download, Release
from datasets.ranges import ByteRange

CHUNK = 128 * 1024  # bytes
CHECK = 64  # chunks: every 8 MiB


@transaction.atomic
def start_download(*, user: User, archive: Archive, grant: AccessGrant, span: ByteRange) -> Download:
    """Records that `user` is about to get the bytes `span` of `archive`; called before the first byte leaves.

    Raises ArchiveGone where it was withdrawn, or an archive of a cohort was removed, meanwhile."""
    download = Download.objects.create(
        user=user, archive=archive, grant=grant, first_byte=span.first, last_byte=span.last
    )
    # A withdrawal locks the archive before it looks who has it: it sees this row and tells this person, or this row
    # comes after it and sees what it did.
    if not _is_ready(archive.pk):
        raise ArchiveGone(_("This file was just taken away. Its page says why, and what there is instead."))
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


def _is_ready(archive_id: UUID) -> bool:
    return Archive.objects.filter(pk=archive_id, status=Archive.Status.READY).exists()


def refuse_download(*, user: User, archive: Archive, codes: Sequence[str]) -> None:
    """Records that `user` asked for `archive` and why it was refused (codes of the policy)."""
    record("download.refused", actor=user, about=archive, reasons=list(codes))


def note_links(*, user: User, release: Release, archives: Sequence[Archive]) -> None:
    """Records that `user` made signed links for `archives` of `release`."""
    record("download.links_made", actor=user, about=release, archives=[str(archive.pk) for archive in archives])


@transaction.atomic
def finish_download(download: Download, bytes_sent: int) -> None:
    """Records how many bytes went out at most, all or not; once, however often it is called."""
    if not Download.objects.filter(pk=download.pk, bytes_sent=None).update(bytes_sent=bytes_sent):
        return
    record(
        "download.finished",
        actor=download.user,
        about=download.archive,
        download=download.pk,
        bytes_sent=bytes_sent,
        complete=bytes_sent == download.last_byte - download.first_byte + 1,
    )


class Delivery(Iterator[bytes]):
    """The bytes of a download, in chunks of CHUNK. The server closes it at the end or when the client is gone. It ends
    early, short of what was promised, when the archive is withdrawn or the grant ends: that is looked up every CHECK
    chunks.

    A class and not a generator: `close` must run even if the server never asked for the first chunk.
    """

    def __init__(self, file: IO[bytes], download: Download) -> None:
        self._file, self._download = file, download
        self._left = download.last_byte - download.first_byte + 1
        self._handed = 0
        self._chunks = 0
        self._closed = False
        file.seek(download.first_byte)

    def __next__(self) -> bytes:
        self._chunks += 1
        if self._chunks % CHECK == 0 and not self._may_go_on():
            raise StopIteration
        data = self._file.read(min(CHUNK, self._left))
        if not data:
            raise StopIteration
        self._left -= len(data)
        self._handed += len(data)
        return data

    def _may_go_on(self) -> bool:
        holding = current_grants(self._download.user).filter(pk=self._download.grant_id)
        return _is_ready(self._download.archive_id) and holding.exists()

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        self._file.close()
        # The server may have passed on some of the last chunk, or all of it: it counts as gone.
        finish_download(self._download, self._handed)


# A line of the log `delivery` in deploy/nginx.conf: the download's id, status, bytes of the body.
_LINE = re.compile(r"(\d+) (\d{3}) (\d+)")
_KEPT = timedelta(days=3)


def read_delivery_logs() -> int:
    """Reads what nginx has logged since the last time, and returns how many downloads are finished by that.

    nginx writes a file per day into CXR_VAR/delivery; beside each lies how far it was read. Old ones are removed. A
    line that is read twice changes nothing.
    """
    finished = 0
    for log in sorted((Path(settings.CXR_VAR) / "delivery").glob("*.log")):
        mark = log.with_suffix(".read")
        start = int(mark.read_text()) if mark.exists() else 0
        with log.open("rb") as file:
            file.seek(start)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # nginx is writing it
                start += len(line)
                finished += _finish_logged(line.decode("ascii", "replace").strip())
        mark.write_text(str(start))
        if timezone.now().timestamp() - log.stat().st_mtime > _KEPT.total_seconds():
            log.unlink()
            mark.unlink()
    return finished


def _finish_logged(line: str) -> int:
    match = _LINE.fullmatch(line)
    if match is None:
        return 0
    pk, status, count = (int(number) for number in match.groups())
    download = Download.objects.select_related("user", "archive").filter(pk=pk, bytes_sent=None).first()
    if download is None:
        return 0
    finish_download(download, count if status in (200, 206) else 0)
    return 1

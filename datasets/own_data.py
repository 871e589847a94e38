"""What this app stores about a person, for the person's own export."""

from collections.abc import Iterator
from typing import Any

from accounts.models import User
from datasets.models import Download


def downloads(user: User) -> Iterator[dict[str, Any]]:
    rows = Download.objects.filter(user=user).select_related("archive__release__dataset").order_by("pk")
    for row in rows.iterator(chunk_size=500):
        yield {
            "dataset": row.archive.release.dataset.title,
            "release": row.archive.release.version,
            "file": row.archive.filename,
            "at": row.at,
            "first_byte": row.first_byte,
            "last_byte": row.last_byte,
            "bytes_sent": row.bytes_sent,
        }

"""Tables that leave the portal as CSV, line by line."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from django.utils import translation

from audit.models import Event
from audit.selectors import in_chunks

HEADINGS = [
    *("number", "time", "person", "person_name", "action", "meaning"),
    *("object_type", "object_id", "dataset", "details", "hash"),
]


def trail(found: QuerySet[Event]) -> Iterator[list[Any]]:
    """The trail as rows, its headings first."""
    yield HEADINGS
    for chunk in in_chunks(found):
        for line in chunk:
            event = line.event
            yield [
                *(event.number, event.at.isoformat(), event.actor_id, line.person.name if line.person else ""),
                *(event.action, line.meaning, event.object_type, event.object_id, event.dataset_id),
                *(json.dumps(event.data, ensure_ascii=False, sort_keys=True), event.hash),
            ]


def csv_response(rows: Iterable[list[Any]], filename: str) -> StreamingHttpResponse:
    """`rows` as a CSV file (UTF-8 with a mark, so that spreadsheet programs read it), in constant memory. Nothing in it
    is a formula to them, whatever separator they believe in."""
    response = StreamingHttpResponse(_lines(rows), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{filename}"'
    response["Cache-Control"] = "private, no-store"
    return response


def _lines(rows: Iterable[list[Any]]) -> Iterator[str]:
    language = translation.get_language()
    yield "\ufeff"
    for row in rows:
        with translation.override(language):
            buffer = io.StringIO()
            csv.writer(buffer, quoting=csv.QUOTE_ALL).writerow(["" if cell is None else _plain(cell) for cell in row])
        yield buffer.getvalue()


def _plain(cell: Any) -> str:
    text = str(cell)
    # A number is no formula, and stays a number.
    return (
        f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) and not isinstance(cell, int | float) else text
    )

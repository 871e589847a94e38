"""What became of what is in a ZIP file, on the container's own page."""

from typing import Any

from django import template
from django.core.paginator import Paginator

from intake import names, words
from intake.models import UploadedFile
from intake.services import zips

register = template.Library()

PER_PAGE = 100


@register.inclusion_tag("intake/_container.html", takes_context=True)
def container_contents(context: dict[str, Any], file: UploadedFile) -> dict[str, Any]:
    """The counts, the entries that were refused with their reasons, and what was passed over; nothing for a file that
    is no ZIP. `?entries=2` shows the second hundred."""
    progress = file.facts.get("zip")
    if progress is None:
        return {"progress": None}
    refused = file.refused_entries.select_related("earlier")
    page = Paginator(refused, PER_PAGE).get_page(context["request"].GET.get("entries"))
    entries = [
        {"name": names.reveal(entry.sealed_name), "words": words.ENTRIES.get(entry.code, entry.code), "of": entry}
        for entry in page
    ]
    return {
        "file": file,
        "progress": progress,
        "page": page,
        "entries": entries,
        "system": progress[zips.SYSTEM],
        "dicomdir": progress[zips.DICOMDIR],
    }

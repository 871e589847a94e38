"""A de-identification report in words."""

from typing import Any

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

register = template.Library()

# DICOM PS3.16 CID 7050.
OPTIONS: dict[str, Promise] = {
    "113100": gettext_lazy("Basic profile: what no rule keeps is removed"),
    "113105": gettext_lazy("Descriptions in free text are removed"),
    "113107": gettext_lazy("Dates are moved; the time between a patient's images stays"),
    "113108": gettext_lazy("Sex and age are kept; ages over 89 are one group"),
    "113101": gettext_lazy("The pixels are clean: the program looked for text, and a person checked"),
}


@register.filter
def options(report: dict[str, Any]) -> list[tuple[str, Promise]]:
    """The profile's options that the file names, by code; only DICOM files have a place for them."""
    return [(code, OPTIONS[code]) for code in report.get("options") or () if code in OPTIONS]


@register.filter
def text_summary(report: dict[str, Any]) -> str:
    """What became of text in the picture, in a sentence."""
    boxes = report.get("text")
    if boxes is None:
        return _("The program has not looked for it.")
    if not boxes:
        return _("None was found.")
    painted = sum(box["painted"] for box in boxes)
    left = len(boxes) - painted
    parts = []
    if painted:
        parts.append(ngettext("{count} box painted over", "{count} boxes painted over", painted).format(count=painted))
    if left:
        parts.append(ngettext("{count} box left", "{count} boxes left", left).format(count=left))
    return ", ".join(parts)

"""What a release says about the de-identification of each image: names of attributes and rules, never values."""

from collections.abc import Iterable, Mapping
from typing import Any

COLUMNS = (
    "filename",
    "profile",
    "options",
    "software_version",
    "key_id",
    "kept_count",
    "kept",
    "replaced_count",
    "replaced",
    "removed_count",
    "removed",
    "text_version",
    "text_boxes",
    "text_painted",
    "text_markers",
    "text_by_detector",
    "text_by_person",
    "text_doubtful",
    "text_checked",
    "warnings",
)


def deidentification_row(filename: str, report: Mapping[str, Any]) -> dict[str, Any]:
    """The row of an image by COLUMNS from its report (`imaging.deid.Report.as_dict`): text or int.

    A report of an older version lacks keys: what it does not say is None, an empty cell. Text that nobody looked for
    (`text` is null) is unknown, too; a picture in which none was found has 0 boxes.
    """
    row: dict[str, Any] = {"filename": filename}
    for name in ("profile", "software_version", "key_id", "text_version"):
        row[name] = report.get(name) or None
    for name in ("options", "warnings"):
        row[name] = None if report.get(name) is None else "; ".join(report[name])
    for name in ("kept", "replaced", "removed"):
        entries = report.get(name)
        row[f"{name}_count"] = None if entries is None else len(entries)
        row[name] = None if entries is None else _by_rule(entries)
    boxes = report.get("text")
    row |= dict.fromkeys(("text_boxes", "text_painted", "text_markers", "text_by_detector", "text_by_person"))
    if boxes is not None:
        row["text_boxes"] = len(boxes)
        row["text_painted"] = sum(box["painted"] for box in boxes)
        row["text_markers"] = sum(bool(box["marker"]) and not box["painted"] for box in boxes)
        row["text_by_detector"] = sum(box["origin"] == "detector" for box in boxes)
        row["text_by_person"] = sum(box["origin"] == "person" for box in boxes)
    row["text_doubtful"] = _yes_no(None if boxes is None else report.get("doubtful"))
    row["text_checked"] = _yes_no(report.get("checked"))
    return row


def _yes_no(value: bool | None) -> str | None:
    return None if value is None else "yes" if value else "no"


def _by_rule(entries: Iterable[Mapping[str, str]]) -> str:
    """``rule: Attribute, Attribute; rule: Attribute``, in the order of the report."""
    rules: dict[str, list[str]] = {}
    for entry in entries:
        rules.setdefault(entry["rule"], []).append(entry["attribute"])
    return "; ".join(f"{rule}: {', '.join(attributes)}" for rule, attributes in rules.items())

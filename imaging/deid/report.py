"""What was done to one file: names of attributes and rules, never a value."""

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

from imaging.formats import Format

from .boxes import TextBox

PROFILE = "DICOM PS3.15 Basic Application Level Confidentiality Profile"
SOFTWARE = "cxr-commons-deid 1.0"


class Entry(NamedTuple):
    """An attribute (keyword, or tag when it has none; elsewhere the part of the file) and the rule that decided."""

    attribute: str
    rule: str


@dataclass(frozen=True)
class Report:
    """The record of one de-identification.

    ``burned_in_declared``: what the file itself said about text in the picture, None when it said nothing.
    ``text``: what the detector ``text_version`` and a person found in the picture and what was done, None when nobody
    looked; ``doubtful``: the detector was not sure. ``checked``: a person has looked at the picture.
    ``needs_person``: somebody must look before the picture goes on. ``options``: codes of the profile and its options
    as the file names them (none in a raster).
    """

    format: Format
    key_id: str
    kept: list[Entry] = field(default_factory=list)
    replaced: list[Entry] = field(default_factory=list)
    removed: list[Entry] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    burned_in_declared: bool | None = None
    text: list[TextBox] | None = None
    text_version: str = ""
    doubtful: bool = False
    checked: bool = False
    needs_person: bool = False
    options: list[str] = field(default_factory=list)
    profile: str = PROFILE
    software_version: str = SOFTWARE

    def as_dict(self) -> dict[str, Any]:
        """The same as plain JSON types."""
        plain = asdict(self)
        plain["format"] = self.format.value
        for key in ("kept", "replaced", "removed"):
            plain[key] = [entry._asdict() for entry in getattr(self, key)]
        return plain

"""The Store Instances Response Module (PS3.18 10.5.3, PS3.3 I.2.2) in the DICOM JSON model (PS3.18 F)."""

from dataclasses import dataclass, field
from typing import Any

# Failure Reason (0008,1197), PS3.3 table I.2-2 and PS3.7 C.5.
PROCESSING_FAILURE = 0x0110
SOP_CLASS_NOT_SUPPORTED = 0x0122
OUT_OF_RESOURCES = 0xA700
OTHER_STUDY = 0xA900
CANNOT_UNDERSTAND = 0xC000
SYNTAX_NOT_SUPPORTED = 0xC122


@dataclass(frozen=True)
class Instance:
    """What names an instance: its SOP Class UID and SOP Instance UID, and the study that it belongs to."""

    sop_class: str
    uid: str
    study: str


@dataclass
class Answer:
    """What became of the instances of one request."""

    stored: list[Instance] = field(default_factory=list)
    failed: list[tuple[Instance | None, int]] = field(default_factory=list)
    words: list[str] = field(default_factory=list)

    def fail(self, instance: Instance | None, reason: int, words: str) -> None:
        self.failed.append((instance, reason))
        if words not in self.words:
            self.words.append(words)

    @property
    def status(self) -> int:
        """200: all stored; 202: some; 409: none (PS3.18 table 10.5.3-1)."""
        if not self.failed:
            return 200
        return 202 if self.stored else 409

    def content(self) -> dict[str, Any]:
        named = [(instance, reason) for instance, reason in self.failed if instance is not None]
        nameless = [reason for instance, reason in self.failed if instance is None]
        sequences = {
            "00081198": [{**_reference(instance), **_reason(reason)} for instance, reason in named],
            "00081199": [_reference(instance) for instance in self.stored],
            "0008119A": [_reason(reason) for reason in nameless],
        }
        return {
            "00081190": {"vr": "UR"},  # there is nothing to retrieve: what is stored goes to the curators
            **{tag: {"vr": "SQ", "Value": items} for tag, items in sequences.items() if items},
        }


def _reference(instance: Instance) -> dict[str, Any]:
    return {
        "00081150": {"vr": "UI", "Value": [instance.sop_class]},
        "00081155": {"vr": "UI", "Value": [instance.uid]},
    }


def _reason(code: int) -> dict[str, Any]:
    return {"00081197": {"vr": "US", "Value": [code]}}

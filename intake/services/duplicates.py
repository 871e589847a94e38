"""The same radiograph twice from one hospital: by its bytes, or by its SOP Instance UID (PS3.3 C.12.1).

What a file is gets written on its row before anything else is done with it, in a transaction of its own: it is true
whoever holds the claim, and the unique constraints decide between two workers in the same moment.
"""

from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone

from imaging.deid import pseudonym
from intake import keys
from intake.models import Stage, UploadedFile

DUPLICATE_BYTES = "duplicate_bytes"
DUPLICATE_INSTANCE = "duplicate_instance"
GAVE_WAY = "gave_way"  # in `facts`: tried again, the file is first inspected anew, and may then be a duplicate itself
TURNED_AWAY = (Stage.REJECTED, Stage.WITHDRAWN)


class Repeated(Exception):  # noqa: N818 (the name says what happened to the file)
    """The hospital has the same file here already. `earlier` says where, JSON-able: file, batch, received."""

    def __init__(self, code: str, earlier: UploadedFile) -> None:
        super().__init__(code)
        self.code = code
        self.earlier: dict[str, Any] = {
            "file": str(earlier.pk),
            "batch": earlier.batch_id,
            "received": timezone.localtime(earlier.received_at).isoformat(),
        }


def received_sha256(file: UploadedFile) -> str:
    """What the original has to be, also of a file that gave way (`moves.give_way`); empty where it came in pieces."""
    return file.sha256 or str(file.facts.get("received_sha256", ""))


def settle_bytes(file: UploadedFile, sha256: str) -> None:
    """Writes the SHA-256 (hex) of the original on a row that came without one. Raises Repeated."""
    if file.sha256 != sha256:
        _settle(file, DUPLICATE_BYTES, "sha256", sha256, [sha256])


def settle_instance(file: UploadedFile, uid: str | None) -> None:
    """Writes the keyed hash of the SOP Instance UID on the row; a picture without one stays without. Raises Repeated.

    An earlier file is found under every key of the ring, so that a rotation lets nothing come twice. One that was set
    aside gives way: this may be the corrected export, which an archive sends only once."""
    if not uid or not uid.strip():
        return
    hashes = [pseudonym(key.secret, "instance", str(file.hospital_id), uid) for key in keys.pseudonym_keys()]
    if file.instance_hash not in hashes:
        _pass_over_set_aside(file, hashes)
        _settle(file, DUPLICATE_INSTANCE, "instance_hash", hashes[0], hashes)


def _pass_over_set_aside(file: UploadedFile, hashes: list[str]) -> None:
    with transaction.atomic():
        same = UploadedFile.objects.select_for_update().filter(hospital_id=file.hospital_id, instance_hash__in=hashes)
        for row in same.filter(stage=Stage.SET_ASIDE).exclude(pk=file.pk):
            row.instance_hash = ""
            row.facts[GAVE_WAY] = True
            row.save(update_fields=["instance_hash", "facts"])


def _settle(file: UploadedFile, code: str, field: str, value: str, forms: list[str]) -> None:
    if (earlier := find(file.hospital_id, field, forms, but=file)) is not None:
        raise Repeated(code, earlier)
    try:
        with transaction.atomic():
            UploadedFile.objects.filter(pk=file.pk).update(**{field: value})
    except IntegrityError:
        if (earlier := find(file.hospital_id, field, forms, but=file)) is None:
            raise
        raise Repeated(code, earlier) from None
    setattr(file, field, value)


def find(hospital_id: int, field: str, values: list[str], but: UploadedFile | None = None) -> UploadedFile | None:
    """The file of the hospital, not turned away, whose `field` ("sha256", "instance_hash") is one of `values`."""
    same = UploadedFile.objects.filter(hospital_id=hospital_id, **{f"{field}__in": values})
    if but is not None:
        same = same.exclude(pk=but.pk)
    # A ZIP file that was unpacked stands in nobody's way: what was in it may have been withdrawn since.
    return same.exclude(stage__in=[*TURNED_AWAY, Stage.UNPACKED]).order_by("received_at").first()

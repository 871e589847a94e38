"""One part of a STOW-RS request: sealed as it comes, looked at just enough to name it, handed over."""

import io
from collections.abc import Iterator
from typing import Any

import structlog
from django.conf import settings
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from imaging.formats import Refused
from imaging.formats import header as dicom_header
from imaging.formats.dicom import SOP_CLASSES
from intake import kinds, services
from intake.dicomweb import answer
from intake.dicomweb.answer import Answer, Instance
from intake.models import UploadBatch
from intake.quarantine import Sealed, Sealer
from intake.services.errors import BatchFull, Duplicate, IntakeError, QuotaReached, TooLarge

logger = structlog.get_logger(__name__)

# The header of a radiograph is a few kilobytes; one that is longer than this cannot be named and is not taken.
_HEADER_BYTES = 1024 * 1024


def store_part(answered: Answer, chunks: Iterator[bytes], *, batch: UploadBatch, user: Any, study: str) -> None:
    """Takes one instance into `batch` and says in `answered` what became of it. `study`: the only Study Instance UID
    that may come, or "" for any. Raises what `chunks` raises, and nothing is left of the part then."""
    head, sealed, failure = _sealed(chunks)
    instance, reason, words = _named(head, study)
    if sealed is None:
        answered.fail(instance, answer.OUT_OF_RESOURCES, failure)
        return
    if instance is None or reason:
        sealed.discard()
        answered.fail(instance, reason, words)
        return
    try:
        services.receive_file(batch=batch, user=user, name=f"{instance.uid}.dcm", sealed=sealed, group=None)
    except Duplicate:
        answered.stored.append(instance)  # it is here: whoever sends again after a lost answer has to be told so
    except (BatchFull, QuotaReached, TooLarge) as error:
        answered.fail(instance, answer.OUT_OF_RESOURCES, str(error))
    except IntakeError as error:
        answered.fail(instance, answer.PROCESSING_FAILURE, str(error))
    else:
        answered.stored.append(instance)


def _sealed(chunks: Iterator[bytes]) -> tuple[bytes, Sealed | None, str]:
    """The first bytes, the sealed whole, and why there is none."""
    head = bytearray()
    sealer = Sealer()
    try:
        for chunk in chunks:
            head += chunk[: _HEADER_BYTES - len(head)]
            if sealer.size + len(chunk) > settings.CXR_MAX_FILE_BYTES:
                sealer.discard()
                limit = filesizeformat(settings.CXR_MAX_FILE_BYTES)
                return (
                    bytes(head),
                    None,
                    _("The file is larger than {limit}. Export a single image.").format(limit=limit),
                )
            sealer.write(chunk)
        return bytes(head), sealer.finish(), ""
    except OSError:
        # The disk is full or broken: the sender is told, and the rest of the request goes on.
        logger.exception("quarantine_write_failed")
        sealer.discard()
        return bytes(head), None, _("The server could not store this. Nothing was kept of it; tell the data manager.")
    except BaseException:
        sealer.discard()
        raise


def _named(head: bytes, study: str) -> tuple[Instance | None, int, str]:
    """What the part is, and why it cannot be taken: a reason, 0 for none, and words."""
    if kinds.kind(head) != kinds.DICOM:
        return None, answer.CANNOT_UNDERSTAND, _("A part is no DICOM file (Part 10).")
    try:
        found = dicom_header.read(io.BytesIO(head))
    except Refused as refused:
        syntax = refused.code == "unsupported_transfer_syntax"
        code = answer.SYNTAX_NOT_SUPPORTED if syntax else answer.CANNOT_UNDERSTAND
        return None, code, _(refused.message)
    instance = Instance(found.text("SOPClassUID"), found.text("SOPInstanceUID"), found.text("StudyInstanceUID"))
    if not (instance.sop_class and instance.uid and instance.study):
        words = _("SOP Class UID, SOP Instance UID or Study Instance UID is missing.")
        return None, answer.CANNOT_UNDERSTAND, words
    if study and instance.study != study:
        return instance, answer.OTHER_STUDY, _("The instance belongs to another study than the address says.")
    if instance.sop_class not in SOP_CLASSES:
        words = _("This DICOM object is no CR, DX or SC image. Send the radiograph itself.")
        return instance, answer.SOP_CLASS_NOT_SUPPORTED, words
    return instance, 0, ""

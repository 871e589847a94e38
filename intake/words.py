"""What codes mean to a person. Codes are stored, words are said in the reader's language."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from intake.models import Stage, UploadedFile

# Why a file was set aside, where the reason does not come from `imaging` with its own words.
SET_ASIDE: dict[str, Promise] = {
    "worker_lost": _("The program that worked on this file was stopped several times. A curator will look into it."),
    "internal_error": _("The portal failed on this file several times. A curator will look into it."),
    "damaged": _(
        "Stored bytes are not those that were written. A curator will try again; if that fails, send the file again."
    ),
    "original_purged": _("The original was destroyed at the end of its retention time before the file was through."),
}

# Why a curator rejects.
REJECTIONS: dict[str, Promise] = {
    "text_in_picture": _("Something in the picture identifies the patient."),
    "not_a_chest": _("It is not a chest radiograph."),
    "not_frontal": _("It is not a frontal view (PA or AP)."),
    "lungs_cut": _("The lungs are not wholly in the picture."),
    "unreadable": _("The picture is too poor to be read."),
    "wrong_diagnosis": _("The diagnosis does not fit the picture."),
    "photographed": _("It is a photograph of a screen or film."),
    "duplicate": _("The same radiograph is there already."),
    "cannot_be_processed": _("The file cannot be processed."),
    "other": _("Another reason, given below."),
}

# Why an entry of a ZIP file was not taken.
ENTRIES: dict[str, Promise] = {
    "encrypted": _("It is protected by a password. Make the ZIP file without one; it is encrypted on its way anyway."),
    "link": _("It is a link, not a file."),
    "path": _("Its name leads out of the ZIP file's folder."),
    "method": _("It is packed in an unusual way. Make the ZIP file with ordinary compression (Deflate)."),
    "too_large": _("It is larger than the portal takes. Export a single image."),
    "bomb": _("It unpacks to far more than an image needs."),
    "damaged": _("It is damaged, or not as large as the ZIP file says. Make the ZIP file once more."),
    "nested": _("It is an archive itself. Send what is in it."),
    "empty": _("It is empty."),
    "not_an_image": _("It is no DICOM, JPEG, PNG or TIFF image."),
    "type_not_taken": _("The portal takes no files of this type."),
    "duplicate": _("Your hospital sent the same file already."),
}

# Why the portal itself rejects: the hospital has the same here already. `facts["earlier"]` says where.
DUPLICATES: dict[str, Promise] = {
    "duplicate_bytes": _(
        "Your hospital sent the same file on {date} already (batch {batch}); it was not stored again."
    ),
    "duplicate_instance": _(
        "Your hospital sent this image on {date} already (batch {batch}, same SOP Instance UID); it was not stored "
        "again. To replace the earlier file, withdraw it and send this one once more."
    ),
}

QUALITY_REASONS: dict[str, Promise] = {
    "not_chest": _("This does not look like a chest radiograph. Check the picture, and reject it if it is none."),
    "lateral": _("This looks like a lateral view. Only frontal views (PA, AP) belong here."),
    "inverted": _("The grey scale looks inverted. Ask for the image with air dark."),
    "rotated": _("The picture looks turned. Ask for it upright."),
    "mirrored": _("Left and right look exchanged, or the heart lies on the right. Compare with the side marker."),
    "cut": _("The lungs are cut off at the edge. Ask for the whole picture."),
    "framed": _("There is a wide border around it, as in a screenshot. Ask for the original."),
    "flat": _("Hardly any contrast. Ask for the original."),
    "saturated": _("Large parts are plain black or white. Ask for the original."),
    "posterised": _("Too few grey levels. Ask for the original."),
    "no_lungs": _("No lungs were found."),
    "one_lung": _("Only one lung was found."),
    "resolution": _("The lungs are under 300 px high or wide."),
    "unsure": _("The network is unsure about the outline of the lungs."),
    "shape": _("The outline does not look like two lungs."),
    "outlier": _("The outline is shaped less like lungs than others in this dataset. Check the mask."),
}

RULES = frozenset({"no_lungs", "one_lung", "resolution", "unsure", "shape"})  # of which there is nothing to be unsure

VIEWS: dict[str, Promise] = {
    "frontal": _("frontal"),
    "lateral": _("lateral"),
    "other": _("no chest radiograph"),
}

ERRORS: dict[str, Promise] = {
    "withdrawn": _("stopped: the file was withdrawn"),
    "patient_changed": _("stopped: the patient key was changed"),
    "worker_lost": _("the worker was lost"),
    "internal_error": _("the program failed"),
    "original_purged": _("stopped: the original was destroyed"),
    "damaged": _("the stored bytes are damaged"),
    "duplicate_bytes": _("the same file is there already"),
    "duplicate_instance": _("the same image is there already"),
}


def reason(file: UploadedFile) -> str:
    """Why a file was set aside or rejected; empty if it was not."""
    if file.stage == Stage.REJECTED:
        if file.reason_code in DUPLICATES:
            return _duplicate(file)
        canned = REJECTIONS.get(file.reason_code)
        parts = [str(canned)] if canned is not None and file.reason_code != "other" else []
        # What stood there before is from `imaging`; what a curator typed is shown as it was typed.
        return " ".join([*parts, file.reason]).strip()
    if file.reason_code in SET_ASIDE:
        return str(SET_ASIDE[file.reason_code])
    return gettext(file.reason) if file.reason else ""


def _duplicate(file: UploadedFile) -> str:
    earlier = file.facts["earlier"]
    date = date_format(datetime.fromisoformat(earlier["received"]), "SHORT_DATETIME_FORMAT")
    return str(DUPLICATES[file.reason_code]).format(date=date, batch=earlier["batch"])


@dataclass(frozen=True)
class QualityReason:
    """Why a quality is Bad. percent: how sure the program is, 0..99; None where there is nothing to be unsure of."""

    code: str
    words: str
    percent: int | None = None

    def __str__(self) -> str:
        if self.percent is None:
            return self.words
        return gettext("{words} (certainty {percent} %)").format(words=self.words, percent=self.percent)


def quality_reasons(assessment: dict[str, Any], *, outlier: bool = False) -> list[QualityReason]:
    """The reasons of an assessment, the most serious first; that it is an outlier in its dataset at the end."""
    findings = assessment.get("findings", {})
    return [
        QualityReason(code, str(QUALITY_REASONS.get(code, code.replace("_", " "))), _percent(code, findings.get(code)))
        for code in (*assessment.get("reasons", []), *(["outlier"] if outlier else []))
    ]


def _percent(code: str, sure: float | None) -> int | None:
    # Nothing is quite sure that a network says.
    return None if sure is None or code in RULES else min(99, round(100 * sure))


def run_reason(code: str, text: str) -> str:
    """What ended a run: our words for our codes, else the words of `imaging`."""
    if code in ERRORS:
        return str(ERRORS[code])
    return gettext(text) if text else ""


def contradictions(file: UploadedFile) -> list[str]:
    """Where the file's header and the hospital disagree; shown to the hospital and to the curator."""
    found = []
    sex, age = file.facts.get("sex"), file.facts.get("age")
    if sex and file.sex and sex != file.sex:
        found.append(str(_("The file's header and the hospital give different sexes.")))
    # The birthday lies between, or the age was rounded.
    if age is not None and file.age is not None and abs(age - file.age) > 1:
        found.append(str(_("The file's header and the hospital give different ages.")))
    return found


def removed(report: dict[str, Any]) -> str:
    """What de-identification took away from a file, in a few words; empty before it."""
    if not report.get("profile"):
        return ""
    count = len(report.get("removed", ())) + len(report.get("replaced", ()))
    parts = [ngettext("{count} attribute", "{count} attributes", count).format(count=count)]
    if painted := sum(bool(box["painted"]) for box in report.get("text") or ()):
        parts.append(
            ngettext("{count} text in the picture", "{count} texts in the picture", painted).format(count=painted)
        )
    return ", ".join(parts)

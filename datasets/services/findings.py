"""Findings: what may be seen in an image beside its diagnosis group. An image may have several, or none."""

from collections.abc import Iterable, Mapping, Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit.services import record
from datasets.errors import DatasetError
from datasets.metadata import DETAIL_COLUMNS, IMAGE_COLUMNS
from datasets.models import Dataset, Finding, Radiograph

_TAKEN = {name.casefold() for name in (*IMAGE_COLUMNS, *DETAIL_COLUMNS)}


@transaction.atomic
def set_findings(
    *, manager: User, dataset: Dataset, findings: Sequence[tuple[str, str]], labels_only: bool = False
) -> None:
    """Gives the dataset these findings (code, label), a column each; a code that is there keeps its images and place.
    `labels_only`: labels.csv is the only table of metadata of its releases.

    Raises DatasetError: a code is no name of a column, is taken or named twice, or one that goes has images."""
    if dataset.is_segmentation and (findings or labels_only):
        raise DatasetError(_("A collection of masks has sources, no findings."))
    codes = [code for code, _label in findings]
    if len({code.casefold() for code in codes}) != len(codes) or any(code.casefold() in _TAKEN for code in codes):
        raise DatasetError(_("Every finding needs a code of its own, and none that is a column of the metadata."))
    gone = dataset.findings.exclude(code__in=codes)
    if (used := gone.filter(radiographs__isnull=False).first()) is not None:
        raise DatasetError(_("Images have the finding %(code)s: it can't go.") % {"code": used.code})
    gone.delete()
    for code, label in findings:
        finding = dataset.findings.filter(code=code).first() or Finding(dataset=dataset, code=code)
        finding.label = label
        try:
            finding.full_clean()
        except ValidationError as error:
            raise DatasetError(" ".join(error.messages)) from error
        finding.save()
    Dataset.objects.filter(pk=dataset.pk).update(labels_only=labels_only)
    record("dataset.findings_set", actor=manager, about=dataset, findings=len(codes), labels_only=labels_only)


def known_findings(dataset: Dataset, codes: Iterable[str]) -> list[Finding]:
    """The findings of those codes. Raises DatasetError where the dataset has none of a code."""
    known = {finding.code: finding for finding in dataset.findings.all()}
    wanted = set(codes)
    if unknown := sorted(wanted - known.keys()):
        raise DatasetError(_("The dataset has no finding %(code)s.") % {"code": unknown[0][:40]})
    return [finding for code, finding in known.items() if code in wanted]


@transaction.atomic
def label_images(*, user: User, dataset: Dataset, labels: Mapping[str, Sequence[str]]) -> int:
    """Gives images (by file name) exactly these findings (codes), all or none of them; returns how many images.

    Releases keep what they said; the next one has it. Raises DatasetError: an unknown image or code."""
    Dataset.objects.select_for_update().get(pk=dataset.pk)  # a release that is being frozen has all of it or nothing
    images = {
        image.filename: image
        for image in dataset.radiographs.filter(filename__in=labels, status=Radiograph.Status.ACCEPTED)
    }
    if missing := sorted(set(labels) - images.keys()):
        raise DatasetError(_("The dataset has no image %(name)s.") % {"name": missing[0][:120]})
    for name, codes in labels.items():
        images[name].findings.set(known_findings(dataset, codes))
    record("radiographs.labelled", actor=user, about=dataset, images=len(images))
    return len(images)

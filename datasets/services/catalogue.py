"""Datasets and their diagnosis groups."""

import re
from collections.abc import Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit.services import record
from datasets.errors import DatasetError
from datasets.models import Dataset, DiagnosisGroup, Radiograph, Release

Group = tuple[int, str, str]  # class id, label, subtype prefix
FIELDS = (
    "origin",
    "title",
    "summary",
    "description",
    "licence",
    "licence_url",
    "citation",
    "agreement",
    "is_public",
    "access",
    "requires_mfa",
    "grant_days",
)
# A spreadsheet takes a cell that begins so for a formula.
_FORMULA = re.compile(r"^[=+\-@\t\r]")


@transaction.atomic
def create_dataset(
    *,
    manager: User,
    slug: str,
    groups: Sequence[Group],
    kind: str = Dataset.Kind.RADIOGRAPHS,
    reviewers: Sequence[User] = (),
    **fields: Any,
) -> Dataset:
    """A new dataset with its diagnosis groups; `fields` are those of `FIELDS`. Raises DatasetError.

    The kind never changes. A segmentation collection has sources, which come with its masks, and no groups.
    """
    dataset = Dataset(slug=slug, kind=kind)
    _fill(dataset, fields)
    _set_groups(dataset, groups)
    record("dataset.created", actor=manager, about=dataset, groups=len(groups), public=dataset.is_public)
    _set_reviewers(manager, dataset, reviewers)
    return dataset


@transaction.atomic
def update_dataset(
    *,
    manager: User,
    dataset: Dataset,
    groups: Sequence[Group] | None = None,
    reviewers: Sequence[User] | None = None,
    **fields: Any,
) -> Dataset:
    """Changes a dataset and, where given, its groups and reviewers. Releases keep what they said. Raises DatasetError.

    A group that has images keeps its class id, because the images' file names carry it. The slug never changes.
    """
    dataset = Dataset.objects.select_for_update().get(pk=dataset.pk)
    changed = sorted(name for name, value in fields.items() if getattr(dataset, name) != value)
    _fill(dataset, fields)
    if groups is not None:
        _set_groups(dataset, groups)
    record("dataset.changed", actor=manager, about=dataset, fields=changed, public=dataset.is_public)
    if reviewers is not None:
        _set_reviewers(manager, dataset, reviewers)
    return dataset


def _set_reviewers(manager: User, dataset: Dataset, reviewers: Sequence[User]) -> None:
    before, now = set(dataset.reviewers.values_list("pk", flat=True)), {person.pk for person in reviewers}
    if before != now:
        dataset.reviewers.set(now)
        record(
            "dataset.reviewers", actor=manager, about=dataset, added=sorted(now - before), removed=sorted(before - now)
        )


def _fill(dataset: Dataset, fields: dict[str, Any]) -> None:
    if unknown := set(fields) - set(FIELDS):
        raise TypeError(f"unknown fields: {sorted(unknown)}")
    for name, value in fields.items():
        setattr(dataset, name, value)
    if _FORMULA.match(dataset.origin):
        raise DatasetError(_("The origin must not begin with =, +, - or @: spreadsheets take that for a formula."))
    try:
        dataset.full_clean()
    except ValidationError as error:
        raise DatasetError(" ".join(error.messages)) from error
    dataset.save()


def _set_groups(dataset: Dataset, groups: Sequence[Group]) -> None:
    if dataset.is_segmentation:
        if groups:
            raise DatasetError(_("A collection of masks has sources, no diagnosis groups."))
        return
    wanted = {class_id: (label.strip(), prefix.strip()) for class_id, label, prefix in groups}
    labels = [label for label, _prefix in wanted.values()]
    if not groups:
        raise DatasetError(_("Give at least one diagnosis group."))
    if len(wanted) != len(groups) or len(set(labels)) != len(labels):
        raise DatasetError(_("Every diagnosis group needs a class id and a label of its own."))
    if any(not label or _FORMULA.match(label) for label in labels):
        raise DatasetError(_("A label must not be empty and must not begin with =, +, - or @."))
    present = {group.class_id: group for group in dataset.groups.all()}
    for class_id in present.keys() - wanted.keys():
        group = present[class_id]
        if _is_used(group):
            raise DatasetError(
                _("The group %(label)s is in use: it must stay, with its class id.") % {"label": group.label}
            )
        group.delete()
    # Labels may change places; a name that nobody has in between keeps the constraint content.
    for class_id in present.keys() & wanted.keys():
        if present[class_id].label != wanted[class_id][0]:
            DiagnosisGroup.objects.filter(pk=present[class_id].pk).update(label=f"… {class_id}")
    for class_id, (label, prefix) in wanted.items():
        group = present.get(class_id) or DiagnosisGroup(dataset=dataset, class_id=class_id)
        group.label, group.subtype_prefix = label, prefix
        group.save()


def _is_used(group: DiagnosisGroup) -> bool:
    return (
        Radiograph.objects.filter(group=group).exists()
        or Release.objects.filter(items__group=group).exists()
        or group.access_requests.exists()
        or group.access_grants.exists()
    )

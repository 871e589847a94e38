"""What managers type in so that a dataset can be cited."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audit.services import record
from datasets.errors import DatasetError
from datasets.models import Citation, Dataset, Release
from datasets.models.citation import FACTS


@transaction.atomic
def describe_dataset(
    *, manager: User, dataset: Dataset, least_cell: int, dois: Mapping[Release, str], **facts: Any
) -> Citation:
    """Sets the citation facts (`datasets.models.citation.FACTS`) of a dataset, the DOIs of its releases, and the least
    count that its public statistics tell. Releases keep the facts that they froze. Raises DatasetError."""
    if set(facts) != set(FACTS):
        raise TypeError(f"these facts are needed: {FACTS}")
    dataset = Dataset.objects.select_for_update().get(pk=dataset.pk)
    row = Citation.objects.filter(dataset=dataset).first() or Citation(dataset=dataset)
    changed = sorted(name for name, value in facts.items() if getattr(row, name) != value)
    for name, value in facts.items():
        setattr(row, name, value)
    dataset.least_cell = least_cell
    try:
        row.full_clean(exclude=["creators", "keywords", "funding", "publications"])
        dataset.clean_fields(exclude=[field.name for field in dataset._meta.fields if field.name != "least_cell"])
    except ValidationError as error:
        raise DatasetError(" ".join(error.messages)) from error
    row.save()
    dataset.save(update_fields=["least_cell"])
    record("dataset.described", actor=manager, about=dataset, fields=changed, least_cell=least_cell)
    for release, doi in dois.items():
        _give_doi(manager, release, doi)
    return row


def _give_doi(manager: User, release: Release, doi: str) -> None:
    """Notes the DOI under which a release was registered elsewhere; empty takes it back."""
    release = Release.objects.select_for_update().get(pk=release.pk)
    if release.doi == doi:
        return
    if doi and Release.objects.filter(doi=doi).exclude(pk=release.pk).exists():
        raise DatasetError(_("%(doi)s is the DOI of another version.") % {"doi": doi})
    release.doi = doi
    release.save(update_fields=["doi"])
    record("release.doi_given", actor=manager, about=release, dataset=release.dataset_id, doi=doi)

"""Custom cohorts: conditions on the metadata of a release.

A condition is a dict: by column of CHOICES a list of values, of which an image has to have one; by RANGES a lowest and
a highest number (both count). What is unknown of an image fits no condition on it. An empty dict is the whole release.
"""

import hashlib
import json
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from datasets.models import Dataset, Release, ReleaseItem

CHOICES = ("class_id", "quality", "sex", "hospital_id", "smoke", "subtype", "set")
RANGES = ("age", "smoke_packyears")
LEAST_SHOWN = 10  # images; a smaller count on a public page could point at a person
Filters = dict[str, list[Any]]


def matching(release: Release, filters: Filters) -> QuerySet[ReleaseItem]:
    """The images of the release that fit and are not withdrawn."""
    return ReleaseItem.objects.filter(fits(filters), release=release, tombstone=None)


def groups(release: Release, filters: Filters) -> set[int]:
    """The ids of the groups of these images."""
    found = matching(release, filters).order_by().values_list("group_id", flat=True).distinct()
    return {group for group in found if group is not None}


def fits(filters: Filters) -> Q:
    """The condition on a ReleaseItem, withdrawn or not."""
    found = Q()
    for column, values in filters.items():
        if column in CHOICES:
            found &= Q(**{f"metadata__{column}__in": values})
        else:
            # Both ends: in PostgreSQL's order of JSON null and text would be below or above a single one.
            lowest, highest = values
            found &= Q(**{f"metadata__{column}__gte": lowest, f"metadata__{column}__lte": highest})
    return found


def values(release: Release, column: str) -> list[Any]:
    """What stands in a column of the release, sorted; without what is unknown."""
    items = ReleaseItem.objects.filter(release=release, tombstone=None).order_by()
    return sorted(
        {value for value in items.values_list(f"metadata__{column}", flat=True).distinct() if value is not None}
    )


def settled(filters: Filters) -> Filters:
    """The condition in its one form: every value once, in order."""
    return {
        column: sorted(set(chosen)) if column in CHOICES else list(chosen) for column, chosen in sorted(filters.items())
    }


def identifier(release: Release, filters: Filters, digits: int = 8) -> str:
    """The same condition on the same release has the same identifier, whoever saves it. More `digits` where another
    condition has it."""
    content = json.dumps([release.dataset.slug, release.version, settled(filters)], sort_keys=True)
    digest = hashlib.sha256(content.encode()).hexdigest()[:digits]
    return f"{release.dataset.slug}-{release.version}-c{digest}"


def shown(count: int, dataset: Dataset) -> str:
    """How many images fit, as everybody may read it."""
    least = max(dataset.least_cell, LEAST_SHOWN)
    return f"{count:,}" if count >= least else _("fewer than %(number)s") % {"number": least}


def where(filters: Filters) -> str:
    """The condition as `cxr download --where` takes it."""
    parts = []
    for column, chosen in sorted(filters.items()):
        if column in CHOICES:
            words = ", ".join(str(value) if isinstance(value, int) else f'"{value}"' for value in chosen)
            parts.append(f"{column} in ({words})")
        else:
            parts.append(f"{column} >= {chosen[0]:g} and {column} <= {chosen[1]:g}")
    return " and ".join(parts)

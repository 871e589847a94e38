"""Cohorts: a condition on a release, kept under a name that can be cited."""

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.models import User
from audit.services import record
from datasets import cohorts, policies
from datasets.errors import DatasetError
from datasets.models import Cohort, Release


@transaction.atomic
def save_cohort(*, user: User, release: Release, filters: cohorts.Filters) -> Cohort:
    """Keeps the condition; one that was kept before is found again. Raises DatasetError where the person may not have
    the metadata, no image fits, or it would be the whole release, which has a name already."""
    if not policies.may_choose(user, release).allowed:
        raise DatasetError(_("You need access to all images of this version."))
    if not filters:
        raise DatasetError(_("Choose at least one condition; the whole version can be cited by itself."))
    images = cohorts.matching(release, filters).count()
    if not images:
        raise DatasetError(_("No image fits these conditions."))
    filters = cohorts.settled(filters)
    for digits in range(8, 65, 8):
        cohort, new = Cohort.objects.get_or_create(
            identifier=cohorts.identifier(release, filters, digits),
            defaults={"release": release, "filters": filters, "images": images, "created_by": user},
        )
        if (cohort.release_id, cohort.filters) == (release.pk, filters):
            break
    if new:
        record("cohort.saved", actor=user, about=cohort, release=release.pk, images=images)
    return cohort

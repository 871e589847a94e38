"""The archives of a cohort, as the person who looks may have them."""

from dataclasses import dataclass

from accounts.policies import Person
from datasets import cohorts
from datasets.models import Archive, Cohort, CohortOrder
from datasets.policies import Decision, Standing, may_order

CONTENTS = (Archive.Content.RADIOGRAPHS, Archive.Content.LUNG_REGIONS, Archive.Content.LUNG_MASKS)


@dataclass(frozen=True)
class CohortFile:
    """A content of a cohort; `archive` is the one that this person ordered last, None where it may not be had."""

    content: Archive.Content
    decision: Decision
    archive: Archive | None

    @property
    def working(self) -> bool:
        return self.archive is not None and self.archive.status in Archive.UNFINISHED

    @property
    def ready(self) -> bool:
        return self.archive is not None and self.archive.status == Archive.Status.READY


def cohort_files(user: Person, cohort: Cohort) -> list[CohortFile]:
    """One for each content that an archive can be had of."""
    groups = cohorts.groups(cohort.release, cohort.filters)
    standing = Standing(user, cohort.release.dataset)
    orders = (
        CohortOrder.objects.filter(archive__cohort=cohort, people=user.pk) if user.pk else CohortOrder.objects.none()
    )
    newest = {order.archive.content: order.archive for order in orders.select_related("archive").order_by("at", "pk")}
    found = []
    for content in CONTENTS:
        decision = may_order(standing, cohort, groups, content)
        archive = newest.get(content) if decision.allowed else None
        found.append(CohortFile(content, decision, archive))
    return found

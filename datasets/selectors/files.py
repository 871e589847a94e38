from dataclasses import dataclass

from django.db.models import Q, QuerySet

from accounts.policies import Person
from datasets.models import Archive, CohortOrder, Release
from datasets.policies import Decision, Standing, decide_archive, visible


def listed_archives(user: Person) -> QuerySet[Archive]:
    """The archives that stand in the file tables that `user` may see, whether or not the person may have them, and
    those of cohorts that the person ordered."""
    ordered = CohortOrder.objects.filter(people=user.pk).values("pk") if user.pk else CohortOrder.objects.none()
    return Archive.objects.select_related("release__dataset__agreement", "group", "source", "cohort", "order").filter(
        Q(cohort=None) | Q(pk__in=ordered),
        release__status=Release.Status.PUBLISHED,
        release__dataset__in=visible(user),
    )


@dataclass(frozen=True)
class FileRow:
    """A file of a release, and whether the person who looks may have it."""

    archive: Archive
    decision: Decision


def file_rows(user: Person, release: Release, standing: Standing | None = None) -> list[FileRow]:
    """The files of a release for `user`: by group or source, then by content, what covers all of them at the end."""
    standing = standing or Standing(user, release.dataset)
    archives = list(release.archives.select_related("group", "source"))
    for archive in archives:
        archive.release = release
    everything = {archive.group_id for archive in archives if archive.group_id is not None}
    order = list(Archive.Content)

    def place(archive: Archive) -> tuple[bool, int, int, int]:
        number = archive.group.class_id if archive.group else archive.source.source_id if archive.source else 0
        return number == 0, number, order.index(Archive.Content(archive.content)), archive.part

    return [
        FileRow(
            archive,
            decide_archive(standing, archive, everything if archive.group_id is None else {archive.group_id}),
        )
        for archive in sorted(archives, key=place)
    ]


@dataclass(frozen=True)
class FileCategory:
    """The files of a diagnosis group or source, or (without a name) those of the whole release."""

    number: int  # class id, or id of the source; 0: of the whole release
    name: str
    files: list[FileRow]

    @property
    def size(self) -> int:
        """Bytes of what can be downloaded."""
        return sum(row.archive.size or 0 for row in self.files if row.archive.status == Archive.Status.READY)

    @property
    def withdrawn(self) -> int:
        return sum(row.archive.status == Archive.Status.WITHDRAWN for row in self.files)


def file_categories(rows: list[FileRow]) -> list[FileCategory]:
    """`file_rows`, group by group; the tables and texts of the whole release at the end."""
    found: dict[int, FileCategory] = {}
    for row in rows:
        group, source = row.archive.group, row.archive.source
        number, name = (0, "") if group is None else (group.class_id, group.label)
        if source is not None:
            number, name = source.source_id, source.source
        found.setdefault(number, FileCategory(number, name, [])).files.append(row)
    return list(found.values())

from dataclasses import dataclass

from django.db.models import QuerySet

from accounts.policies import Person
from datasets.models import Archive, Release
from datasets.policies import Decision, Standing, decide_archive, visible


def listed_archives(user: Person) -> QuerySet[Archive]:
    """The archives that stand in the file tables that `user` may see, whether or not the person may have them."""
    return Archive.objects.select_related("release__dataset__agreement", "group", "source").filter(
        release__status=Release.Status.PUBLISHED, release__dataset__in=visible(user)
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

"""The texts that go with a release, from what it froze. In English, as everything that a release freezes."""

from collections.abc import Iterator
from typing import Any

from datasets import cohorts, dictionary
from datasets.archives import names
from datasets.citing import cff, frozen_facts
from datasets.metadata import csv_lines
from datasets.models import Archive, Release

_CONTENTS = {
    "radiographs": "the radiographs as they were accepted, de-identified",
    "lung_regions": "the lungs cut out at 512 x 512 px (Anonymous_….png) and their masks (Anonymous_…_mask.png)",
    "lung_masks": "the lung masks at the size of the radiographs, as 1-bit PNG (white is lung)",
    "masks": "the masks drawn by hand at the size of the images, as 1-bit PNG (white is lung)",
    "images": "the images that the masks were drawn on, as TIFF, bright where dense; a mask has its image's name",
}
_ABOUT_DETAILS = (
    f"{names.DETAILS_CSV}   what counts as lung in each mask, its size, and the licence of each image: "
    "it binds you as well"
)
_ABOUT_DEIDENTIFICATION = (
    f"{names.DEIDENTIFICATION_CSV}   what was kept, replaced and removed of each image: names of attributes, "
    "never values"
)


def text(archive: Archive) -> Iterator[bytes]:
    """One of names.TEXTS or names.SUMS of a release, in pieces."""
    release = archive.release
    if archive.content == Archive.Content.SUMS:
        yield from _sums(archive, "sha256" if archive.filename.endswith(names.SHA256SUMS) else "md5")
    elif archive.filename.endswith(names.LICENSE):
        yield licence(release).encode()
    elif archive.filename.endswith(names.CITATION):
        yield cff(frozen_facts(release)).encode()
    elif archive.filename.endswith(names.DICTIONARY):
        yield from csv_lines(dictionary.rows(release), dictionary.COLUMNS)
    else:
        yield readme(release).encode()


def _sums(archive: Archive, kind: str) -> Iterator[bytes]:
    """A line for every other file of the release, as sha256sum and md5sum write and check them."""
    others = archive.release.archives.exclude(content=Archive.Content.SUMS).values_list("filename", kind)
    for filename, value in sorted(others):  # databases sort text in different ways
        yield f"{value}  {filename}\n".encode()


def carries_deidentification(archive: Archive) -> bool:
    """Not so in releases from before there was a report."""
    pictures = archive.content in (Archive.Content.RADIOGRAPHS, Archive.Content.IMAGES)
    return pictures and bool(archive.release.about.get("deidentification"))


def readme_of_zip(archive: Archive) -> str:
    """Unless it is of a cohort it names no version: a later one hands out the same file."""
    lines = [
        archive.release.about.get("title", ""),
        *_about_part(archive),
        "",
        f"{archive.content}/   {_CONTENTS[archive.content]}",
        "metadata.csv   one row per image that has files in this archive",
        *([_ABOUT_DETAILS] if archive.release.dataset.is_segmentation else []),
        *([_ABOUT_DEIDENTIFICATION] if carries_deidentification(archive) else []),
        "SHA256SUMS   the SHA-256 of every image file: check them with sha256sum --check SHA256SUMS",
        "LICENSE.txt   the terms under which you have these files",
        "",
        "How to cite, what changed between versions, the agreement and the meaning of every column stand in files of",
        f"the release: {names.CITATION}, {names.README}, {names.LICENSE} and {names.DICTIONARY}.",
        "",
    ]
    return "\n".join(lines)


def _about_part(archive: Archive) -> list[str]:
    """What the release froze of the archive's group or source; of a cohort the condition."""
    about = archive.release.about
    if archive.cohort is not None:
        identifier, condition = archive.cohort.identifier, cohorts.where(archive.cohort.filters)
        return [
            f"Version {archive.release.version}, cohort {identifier}: {condition}",
            "Withdrawn images are left out.",
        ]
    if archive.source is None:
        label = about.get("groups", {}).get(str(archive.group.class_id), "") if archive.group else "all"
        return [f"Diagnosis group: {label}"]
    return _about_source(about, str(archive.source.source_id))


def _about_source(about: dict[str, Any], source_id: str) -> list[str]:
    source = about.get("sources", {}).get(source_id, {})
    lines = [f"Source: {source.get('source', '')} (source_id {source_id})"]
    for words, name in (
        ("", "description"),
        ("Licence of the masks: ", "licence"),
        ("", "url"),
        ("Cite: ", "citation"),
    ):
        if said := source.get(name):
            lines.append(f"{words}{said}")
    return lines


def licence_of_zip(archive: Archive) -> str:
    """The licence; of the agreement only its title: a new version of it leaves the images as they are."""
    about = archive.release.about
    agreement = about.get("agreement", "").partition(", version ")[0]
    lines = [about.get("licence", ""), about.get("licence_url", "")]
    if agreement:
        lines += ["", f"Handed out under the agreement that you signed: {agreement}"]
    return "\n".join([*lines, ""])


def licence(release: Release) -> str:
    """The licence and the agreement under which the release was handed out."""
    about = release.about
    lines = [about.get("licence", ""), about.get("licence_url", ""), "", about.get("agreement", ""), ""]
    return "\n".join([*lines, about.get("agreement_text", ""), ""])


def readme(release: Release) -> str:
    """What the release is, what its files hold, and what its columns mean."""
    about = release.about
    groups = [f"{class_id}  {label}" for class_id, label in about.get("groups", {}).items()]
    sources = [line for source in about.get("sources", {}) for line in [*_about_source(about, source), ""]]
    archives = list(release.archives.order_by("filename").values_list("filename", "content", "items"))
    lines = [
        f"{about.get('title', '')}, version {release.version} ({release.created_at:%Y-%m-%d})",
        "",
        about.get("description", ""),
        "",
        "What changed in this version:",
        release.changes,
        "",
        "How to cite:",
        about.get("citation", ""),
        "",
        *(["Diagnosis groups (class_id and class):", *groups, ""] if groups else []),
        *(["Sources:", *sources] if sources else []),
        "Files:",
        *(f"{filename}   {_about_file(filename, content, items)}" for filename, content, items in sorted(archives)),
        "",
        "A number at the end of a name (part2of3) tells parts: images stay in theirs from version to version, so that",
        "a part that has not changed need not be downloaded again.",
        "",
        *dictionary.paragraphs(release),
    ]
    return "\n".join(lines)


def _about_file(filename: str, content: str, items: int) -> str:
    if content in _CONTENTS:
        return f"{_CONTENTS[content]}; {items} images"
    return next((words for ending, words in _FILES.items() if filename.endswith(ending)), "one row per image")


_FILES = {
    f"-{names.IMAGES_XLSX}": "the metadata of all images as a workbook",
    ".parquet": "the metadata of all images as typed columns",
    f"-{names.DETAILS_CSV}": "what counts as lung in each mask, its size, and the licence of its image",
    f"-{names.DEIDENTIFICATION_CSV}": "what was kept, replaced and removed of each image: attributes, never values",
    f"-{names.QUALITY_CSV}": "what the quality check said of each image",
    f"-{names.README}": "this text",
    f"-{names.LICENSE}": "the licence, and the agreement under which you have the files",
    f"-{names.CITATION}": "how to cite, for programs",
    f"-{names.DICTIONARY}": "what every column means",
    f"-{names.SHA256SUMS}": "check the files with sha256sum --check",
    f"-{names.MD5SUMS}": "check the files with md5sum --check",
}

"""``cxr datasets`` and ``cxr files``: what a portal has."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from cxr import account
from cxr.folder import shown

if TYPE_CHECKING:
    from cxr.portal import Portal


@dataclass(frozen=True)
class RemoteFile:
    """A file of a release. ``missing``: codes of what the person lacks to have it; empty if nothing."""

    id: str
    name: str
    content: str
    group: str
    size: int
    sha256: str
    missing: tuple[str, ...]

    @property
    def path(self) -> str:
        return f"/api/v1/archives/{quote(self.id, safe='')}/download"


@dataclass(frozen=True)
class RemoteRelease:
    dataset: str
    version: str
    files: tuple[RemoteFile, ...]
    classes: dict[str, str]  # class id: label


def each_dataset(portal: "Portal") -> Iterator[dict[str, Any]]:
    page = 1
    while True:
        answer = portal.get(f"/api/v1/datasets/?page={page}")
        yield from answer["results"]
        if not answer["next"]:
            return
        page += 1


def find_release(portal: "Portal", wanted: str) -> RemoteRelease:
    """The release ``DATASET@VERSION``; without a version the latest. Raises Wrong where there is none."""
    from cxr.portal import Gone

    slug, _, version = wanted.partition("@")
    try:
        dataset = portal.get(f"/api/v1/datasets/{quote(slug, safe='')}/")
        if not version:
            if dataset["latest_release"] is None:
                raise account.Wrong(f"{shown(slug)} has no release yet.")
            version = dataset["latest_release"]["version"]
        release = portal.get(f"/api/v1/datasets/{quote(slug, safe='')}/releases/{quote(version, safe='')}/")
    except Gone:
        raise account.Wrong(f"There is no {shown(wanted)} (or not for you). See: cxr datasets") from None
    files = (
        RemoteFile(
            str(file["id"]),
            str(file["filename"]),
            str(file["content"]),
            str(file["group"] or file["source"] or ""),
            int(file["size"] or 0),
            str(file["sha256"]),
            tuple(file["missing"]),
        )
        for file in release["files"]
    )
    classes = {str(group["class_id"]): str(group["label"]) for group in dataset["groups"]}
    return RemoteRelease(slug, str(release["version"]), tuple(files), classes)


def datasets(arguments: list[str]) -> int:
    """Run ``cxr datasets``."""

    def run(portal: "Portal", options: argparse.Namespace) -> int:
        found = list(each_dataset(portal))
        if options.json:
            print(json.dumps(found, indent=1))
            return 0
        for entry in found:
            release = entry["latest_release"]
            images = (entry["figures"] or {}).get("images", 0)
            version = f"@{release['version']}" if release else " (no release yet)"
            print(f"{shown(entry['slug'])}{version}\t{images} images\t{shown(entry['title'])}")
        return 0

    return _command("datasets", "List the datasets of a portal with their latest release.", arguments, run)


def files(arguments: list[str]) -> int:
    """Run ``cxr files``."""

    def run(portal: "Portal", options: argparse.Namespace) -> int:
        release = find_release(portal, options.dataset)
        if options.json:
            print(json.dumps([{**file.__dict__, "missing": list(file.missing)} for file in release.files], indent=1))
            return 0
        print(f"{shown(release.dataset)}@{release.version}")
        for file in release.files:
            state = "yours" if not file.missing else f"not yours: {', '.join(file.missing)}"
            columns = (file.name, file.content, file.group or "-", size_words(file.size), file.sha256, state)
            print("\t".join(shown(column) for column in columns))
        return 0

    return _command("files", "List the files of a release.", arguments, run, dataset=True)


def size_words(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _command(
    name: str,
    words: str,
    arguments: list[str],
    run: "Callable[[Portal, argparse.Namespace], int]",
    *,
    dataset: bool = False,
) -> int:
    parser = argparse.ArgumentParser(prog=f"cxr {name}", description=words)
    if dataset:
        parser.add_argument("dataset", metavar="DATASET[@VERSION]", help="as cxr datasets lists it")
    parser.add_argument("--json", action="store_true", help="for programs")
    account.add_options(parser)
    options = parser.parse_args(arguments)
    from cxr.portal import Refused, Unreachable

    try:
        with closing(account.connect(options)) as portal:
            return run(portal, options)
    except KeyboardInterrupt:
        return 3
    except Unreachable as error:
        print(f"The portal cannot be reached ({error}).", file=sys.stderr)
        return 3
    except (account.Wrong, Refused) as error:
        print(str(error), file=sys.stderr)
        return 2

"""Lines for a shell, and lists for programs, that fetch files by signed links. They go on where they broke off."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from datasets.models import Archive


@dataclass(frozen=True)
class Linked:
    """A file and the absolute address under which a program may fetch it."""

    archive: Archive
    url: str


def curl(files: Sequence[Linked]) -> str:
    return _lines("curl --fail --location --continue-at - --remote-name {url}", files)


def wget(files: Sequence[Linked]) -> str:
    return _lines("wget --continue {url}", files)


def aria2c(files: Sequence[Linked]) -> str:
    """Eight connections at once, and the checksum is compared at the end."""
    options = "--continue=true --max-connection-per-server=8 --split=8"
    return _lines(f"aria2c {options} --checksum=sha-256={{sha256}} --out={{name}} {{url}}", files)


def _lines(form: str, files: Sequence[Linked]) -> str:
    return "\n".join(
        form.format(
            url=shlex.quote(file.url), name=shlex.quote(file.archive.filename), sha256=shlex.quote(file.archive.sha256)
        )
        for file in files
    )


def link_list(files: Sequence[Linked]) -> str:
    """For `wget --continue --input-file`: one address a line."""
    return "".join(f"{file.url}\n" for file in files)


def aria2_list(files: Sequence[Linked]) -> str:
    """For `aria2c --input-file`: addresses with names and checksums."""
    return "".join(
        f"{file.url}\n  out={file.archive.filename}\n  checksum=sha-256={file.archive.sha256}\n" for file in files
    )


def checksum_list(files: Sequence[Linked]) -> str:
    """For `sha256sum --check`."""
    return "".join(f"{file.archive.sha256}  {file.archive.filename}\n" for file in files)


def client(dataset: str, version: str, files: Sequence[Linked], *, whole: bool) -> str:
    """The line for `cxr`; it names files unless they are all that the person may have (`whole`)."""
    names = "" if whole else "".join(f" --file {shlex.quote(file.archive.filename)}" for file in files)
    return f"cxr download {dataset}@{version}{names} {dataset}"

"""Images out of the ZIP files of a release, checked against the SHA256SUMS that lies in each."""

import errno
import hashlib
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath

from cxr.holding import Holding
from cxr.names import safe_path

_PIECE = 256 * 1024
Wanted = Callable[[str], bool]


class Damaged(ValueError):  # noqa: N818
    """The ZIP is not what a portal builds."""


def image_stem(name: str) -> str:
    """``lung_regions/Anonymous_1_2_3_mask.png`` belongs to the image ``Anonymous_1_2_3``: region masks end so."""
    return PurePosixPath(name).stem.removesuffix("_mask")


def sums(archive: zipfile.ZipFile) -> dict[str, str]:
    """SHA-256 by name, as the ZIP says."""
    try:
        lines = archive.read("SHA256SUMS").decode().splitlines()
    except KeyError:
        return {}
    return {name: digest for digest, _, name in (line.partition("  ") for line in lines)}


def extract(path: Path, holding: Holding, wanted: Wanted) -> int:
    """Writes the entries of the ZIP at `path` whose names are `wanted` into the folder, whole or not at all; those that
    are there stay. Returns how many entries are there then. Raises Damaged; OSError, also where there is no room."""
    count = 0
    try:
        with zipfile.ZipFile(path) as archive:
            _check(path, archive)
            expected = sums(archive)
            lacking = []
            for entry in archive.infolist():
                if entry.is_dir() or "/" not in entry.filename or not wanted(entry.filename):
                    continue  # tables and words lie at the top
                name, sha256 = safe_path(entry.filename), expected.get(entry.filename, "")
                if not (sha256 and name in holding.files and holding.has(name, sha256)):
                    lacking.append((entry, name, sha256))
                count += 1
            if sum(entry.file_size for entry, _name, _sha256 in lacking) > shutil.disk_usage(holding.folder).free:
                raise OSError(errno.ENOSPC, "there is no room for the images")
            for entry, name, sha256 in lacking:
                _write(archive, entry, holding, name, sha256)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError) as error:
        raise Damaged(f"{path.name}: {error}") from None
    holding.save()
    return count


def _check(path: Path, archive: zipfile.ZipFile) -> None:
    """A portal packs nothing: what would come out larger than it lies there (a bomb) is none of its. Raises Damaged."""
    entries = archive.infolist()
    if any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
        raise Damaged("its entries are packed, as no portal packs them")
    if sum(entry.file_size for entry in entries) > path.stat().st_size:
        raise Damaged("its entries are larger than it is")


def _write(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, holding: Holding, name: str, sha256: str) -> None:
    target = holding.path(name)
    if not target.parent.resolve().is_relative_to(holding.folder.resolve()):
        raise Damaged("a link in the folder leads out of it")
    target.parent.mkdir(parents=True, exist_ok=True)
    part, digest = target.with_name(f"{target.name}.part"), hashlib.sha256()
    try:
        with archive.open(entry) as source, part.open("wb") as file:
            while piece := source.read(_PIECE):
                digest.update(piece)
                file.write(piece)
        if sha256 and digest.hexdigest() != sha256:
            raise Damaged(f"{entry.filename} has another SHA-256 than the ZIP says")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    holding.note(name, digest.hexdigest())

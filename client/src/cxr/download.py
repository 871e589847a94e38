"""``cxr download`` and ``cxr verify``."""

import argparse
import csv
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from contextlib import closing
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote

from cxr import account
from cxr.catalogue import RemoteFile, find_release, size_words
from cxr.extracting import Damaged, extract, image_stem
from cxr.extras import complain_of_missing
from cxr.folder import shown
from cxr.holding import Holding
from cxr.names import safe_name
from cxr.where import WhereError, condition

if TYPE_CHECKING:
    from cxr.portal import Portal

# What the client's own dependencies bring.
MODULES = {"httpx": "httpx", "tqdm": "tqdm"}
_EPILOG = """\
Run again, it goes on where it was, and of a later version it fetches only what changed. Every file is checked against
its SHA-256 before it gets its name.

--where takes the columns of the metadata: sex=F and age>60 and quality=Good and class in (NORMAL, "COVID-19") and
smoke is known. The ZIP files of the groups in question are fetched whole; the matching images are taken out of them.

exit status: 0 everything is there; 1 some files were refused (each is named with its reason); 2 wrong use, token or
dataset; 3 not finished (no connection, no room, interrupted): run the same command again.
"""
_ALL, _SOME_REFUSED, _WRONG, _AGAIN = 0, 1, 2, 3
COHORT = "cohort:"


def parse(arguments: list[str]) -> argparse.Namespace:
    """The options of ``cxr download``."""
    parser = argparse.ArgumentParser(
        prog="cxr download",
        description="Fetch a release, or a part of it, into a folder.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add(
        "dataset",
        metavar="DATASET[@VERSION]",
        help="as cxr datasets lists it, or cohort:ID; without a version the latest",
    )
    add("folder", metavar="DIR", type=Path, help="where to; made if it is not there")
    add(
        "--group",
        action="append",
        default=[],
        help="only this diagnosis group (label or class id) or source; repeatable",
    )
    add("--content", action="append", default=[], help="only this content, e.g. radiographs, lung_masks; repeatable")
    add("--file", action="append", default=[], metavar="NAME", help="only these files (* and ? work); repeatable")
    add("--where", metavar="CONDITION", help="only images with these metadata, taken out of the ZIP files")
    add("--extract", action="store_true", help="take the images out of the ZIP files, too")
    add("--jobs", metavar="N", type=int, default=4, help="files at once (default 4)")
    account.add_options(parser)
    return parser.parse_args(arguments)


def download(arguments: list[str]) -> int:
    """Run ``cxr download``. Returns the exit status (`_EPILOG`)."""
    return run(parse(arguments))


def run(options: argparse.Namespace) -> int:
    """Download what the options say. Afterwards they name the version and, of a cohort, the condition."""
    if complain_of_missing("download", "", MODULES):
        return _WRONG
    from cxr.portal import Refused, Unreachable

    try:
        if options.jobs < 1:
            raise account.Wrong("--jobs is 1 or more.")
        with closing(account.connect(options, options.jobs + 1)) as portal:
            return _download(options, portal)
    except KeyboardInterrupt:
        return _say("Interrupted. Run the same command again to go on.", _AGAIN)
    except Unreachable as error:
        return _say(f"The portal cannot be reached ({error}). Run the same command again later.", _AGAIN)
    except OSError as error:
        return _say(f"The folder cannot be written ({error.strerror}).", _AGAIN)
    except Damaged as error:
        return _say(f"{error}. Run cxr verify, then the same command again.", _SOME_REFUSED)
    except (account.Wrong, Refused, WhereError) as error:
        return _say(str(error), _WRONG)


def _download(options: argparse.Namespace, portal: "Portal") -> int:
    if options.dataset.startswith(COHORT):
        _of_cohort(options, portal)
    release = find_release(portal, options.dataset)
    options.dataset = f"{release.dataset}@{release.version}"
    groups = {release.classes.get(group, group).casefold() for group in options.group}
    contents = {content.casefold() for content in options.content}
    fitting = of_groups(release.files, groups)
    chosen = [
        file
        for file in fitting
        if (not contents or file.content.casefold() in contents)
        and (not options.file or any(fnmatchcase(file.name, pattern) for pattern in options.file))
    ]
    if not chosen:
        raise account.Wrong(
            f"No file of {shown(release.dataset)}@{release.version} fits. See: cxr files {options.dataset}"
        )
    mine = [file for file in chosen if not file.missing]
    if not mine:
        lacking = ", ".join(sorted({code for file in chosen for code in file.missing}))
        if lacking == "withdrawn":
            raise account.Wrong(f"These files were withdrawn; a later version has the rest: {shown(release.dataset)}")
        raise account.Wrong(f"None of these files is yours yet ({lacking}). The dataset's page says what to do.")
    if len(mine) < len(chosen):
        print(f"{len(chosen) - len(mine)} files are not yours and left out (cxr files says why).", file=sys.stderr)
    holding = open_holding(options.folder)
    label = f"{release.dataset}@{release.version}"
    if options.where is None:
        status = _fetch(portal, holding, mine, options.jobs, label)
        wanted: Callable[[str], bool] | None = (lambda _name: True) if options.extract else None
    else:
        tables = [file for file in fitting if _is_table(file) and not file.missing]
        if others := sorted({file.group for file in fitting if _is_table(file) and file.missing and file.group}):
            print(f"Not yours, and left out: {shown(', '.join(others))}.", file=sys.stderr)
        status = _fetch(portal, holding, tables, options.jobs, f"{label} (metadata)")
        if status != _ALL:
            return status
        rows = read_rows(holding.path(safe_name(file.name)) for file in tables)
        stems, having = _matching(options.where, [row for row in rows if is_of(row, groups)])
        mine = [file for file in mine if file.name.endswith(".zip") and (not file.group or file.group in having)]
        size = size_words(sum(file.size for file in mine))
        print(f"{len(stems)} images match; {len(mine)} ZIP files ({size}) may hold them and are fetched whole.")
        status = _fetch(_reopened(portal, options), holding, mine, options.jobs, label) if mine else status
        wanted = lambda name: image_stem(name) in stems  # noqa: E731
    if status == _ALL and wanted is not None:
        zips = [holding.path(safe_name(file.name)) for file in mine if file.name.endswith(".zip")]
        print(f"{sum(extract(path, holding, wanted) for path in zips)} files taken out of {len(zips)} ZIP files.")
    return status


def _is_table(file: RemoteFile) -> bool:
    return file.content == "metadata" and file.name.endswith(".csv")


def of_groups(files: Iterable[RemoteFile], groups: set[str]) -> list[RemoteFile]:
    """The files of the groups or sources; where these have no table of their own, with the table of all."""
    files = list(files)
    with_table = {file.group.casefold() for file in files if _is_table(file)}
    known = {file.group.casefold() for file in files} & groups
    return [
        file
        for file in files
        if not groups
        or file.group.casefold() in groups
        or (not file.group and _is_table(file) and not known <= with_table)
    ]


def _of_cohort(options: argparse.Namespace, portal: "Portal") -> None:
    """Puts the release and the condition of a kept cohort into the options. Raises Wrong where there is none."""
    from cxr.portal import Gone

    if options.where is not None:
        raise account.Wrong("A cohort has its own condition: leave --where out.")
    try:
        cohort = portal.get(f"/api/v1/cohorts/{quote(options.dataset.removeprefix(COHORT), safe='')}/")
    except Gone:
        raise account.Wrong(f"There is no {shown(options.dataset)} (or not for you).") from None
    options.dataset, options.where = f"{cohort['dataset']}@{cohort['version']}", str(cohort["where"])


def _reopened(portal: "Portal", options: argparse.Namespace) -> "Portal":
    """A fetch ends its connection's threads; the next one needs a new one."""
    portal.close()
    return account.connect(options, options.jobs + 1)


def open_holding(folder: Path) -> Holding:
    """The record of a folder, which is made. Raises Wrong."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return Holding(folder)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise account.Wrong(f"DIR cannot be used ({error}).") from None


def read_rows(tables: Iterable[Path]) -> list[dict[str, str]]:
    """The metadata of images: rows of the tables that have a column `filename`, each image once."""
    rows: dict[str, dict[str, str]] = {}
    for table in tables:
        with table.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row.get("filename"):
                    rows[row["filename"]] = rows.get(row["filename"], {}) | row
    return list(rows.values())


def is_of(row: dict[str, str], groups: Collection[str]) -> bool:
    """Whether an image is of one of the ``groups`` or sources (folded labels or ids); of none named: whether at all."""
    cells = (row.get(column) or "" for column in ("class", "class_id", "source", "source_id"))
    return not groups or any(cell.casefold() in groups for cell in cells)


def _matching(where: str, rows: list[dict[str, str]]) -> tuple[set[str], set[str]]:
    """Stems of the images that match, and the groups or sources that they belong to."""
    if not rows:
        raise account.Wrong("--where needs the table of the metadata, which is not yours or not in this release.")
    test = condition(where, rows[0])
    matching = [row for row in rows if test(row)]
    groups = {row.get("class") or row.get("source") or "" for row in matching}
    return {PurePosixPath(row["filename"]).stem for row in matching}, groups


def _fetch(portal: "Portal", holding: Holding, files: list[RemoteFile], jobs: int, label: str) -> int:
    from tqdm import tqdm

    from cxr.fetching import Became, Fetcher

    counts: Counter[Became] = Counter()
    with tqdm(
        total=sum(file.size for file in files), unit="B", unit_scale=True, disable=None, dynamic_ncols=True
    ) as bar:
        fetcher = Fetcher(portal, holding, jobs, bar.update)
        needed, free = fetcher.missing(files), shutil.disk_usage(holding.folder).free
        if needed > free:
            return _say(f"There is no room: {size_words(needed)} needed, {size_words(free)} free.", _AGAIN)
        holding.release = label
        for outcome in fetcher.fetch(files):
            counts[outcome.became] += 1
            if outcome.reason:
                bar.write(f"{outcome.became.value}: {shown(outcome.file.name)}: {outcome.reason}", file=sys.stderr)
    holding.save()
    words = [f"{counts[became]} {became.value}" for became in Became if counts[became]]
    print(f"{shown(label)}: {', '.join(words)}.")
    if counts[Became.LATER]:
        return _say("Run the same command again to go on.", _AGAIN)
    return _SOME_REFUSED if counts[Became.REFUSED] else _ALL


def verify(arguments: list[str]) -> int:
    """Run ``cxr verify``: 0 all is well, 1 something is missing or changed, 2 nothing was downloaded there."""
    parser = argparse.ArgumentParser(
        prog="cxr verify", description="Read every downloaded file again and compare it with its SHA-256."
    )
    parser.add_argument("folder", metavar="DIR", type=Path)
    options = parser.parse_args(arguments)
    if complain_of_missing("verify", "", MODULES):
        return _WRONG
    from tqdm import tqdm

    try:
        holding = Holding(options.folder)
    except (OSError, ValueError, KeyError, TypeError):
        return _say("The record of this folder (.cxr/manifest.json) cannot be read.", _WRONG)
    if not holding.files:
        return _say("Nothing was downloaded into this folder by cxr.", _WRONG)
    total = sum(held.size for held in holding.files.values())
    with tqdm(total=total, unit="B", unit_scale=True, disable=None, dynamic_ncols=True) as bar:
        problems = holding.problems(bar.update)
    for name, reason in problems:
        print(f"{shown(name)} {reason}", file=sys.stderr)
    print(f"{len(holding.files) - len(problems)} of {len(holding.files)} files are well ({shown(holding.release)}).")
    return _SOME_REFUSED if problems else _ALL


def _say(message: str, status: int) -> int:
    print(message, file=sys.stderr)
    return status

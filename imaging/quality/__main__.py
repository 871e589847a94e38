"""``python -m imaging.quality IN --json OUT.json``: which radiographs of a folder are usable, and why others are not.

One record per file: ``file`` (path below IN), ``usable``, ``quality`` ("Good" or "Bad"), ``reasons`` (codes, most
serious first), ``findings`` (how sure each is, 0..1), ``score``, ``view``, ``turned`` (degrees clockwise),
``lung_height_px``, ``lung_width_px``. A file that cannot be read is Bad and unusable for the reason of its refusal.
Where there are enough files, ``outlier`` is a reason too: lungs shaped less like lungs than those of the other files.

Exit status: 0 every file was assessed, 1 some were refused (each is named with its reason), 2 wrong use.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from imaging import batch
from imaging.formats import decode
from imaging.lungs import segment
from imaging.outliers import Distribution
from imaging.quality import Quality, assess


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m imaging.quality", description="Assess chest radiographs.")
    parser.add_argument("source", metavar="IN", help="a file or a folder: DICOM, JPEG, PNG, TIFF")
    parser.add_argument("--json", metavar="FILE", required=True, help="where to write the records")
    parser.add_argument("--jobs", metavar="N", type=int, default=1, help="processes (default 1)")
    options = parser.parse_args(arguments)
    given, target = Path(options.source), Path(options.json)
    if not given.exists():
        return _wrong("IN does not exist.")
    if options.jobs < 1:
        return _wrong("--jobs needs a number from 1 on.")
    paths = [path for path in batch.sources(given) if path.resolve() != target.resolve()]
    if not paths:
        return _wrong("IN holds no files.")
    if not target.parent.is_dir() or target.is_dir():
        return _wrong("The folder for OUT.json does not exist.")
    records, refused = [], 0
    for done in batch.run(_judge, paths, jobs=options.jobs):
        name = str(batch.relative(done.source, given))
        if done.result is None:
            refused += 1
            print(f"refused: {done.source}: {done.message}", file=sys.stderr)
            records.append(_record(name, Quality("Bad", 0.0, [done.code], 0, 0)))
        else:
            records.append(_record(name, done.result))
    _mark_outliers(records)
    target.write_text(json.dumps(records, indent=1) + "\n", encoding="utf-8")
    bad = sum(record["quality"] == "Bad" for record in records)
    print(f"{len(records)} files: {len(records) - bad} good, {bad} bad, of which {refused} could not be read")
    return 1 if refused else 0


def _wrong(message: str) -> int:
    print(message, file=sys.stderr)
    return 2


def _judge(path: Path) -> Quality:
    pixels = decode(path)
    found = segment(pixels)
    return assess(found.mask, found.confidence, pixels)


def _record(name: str, judged: Quality) -> dict[str, Any]:
    return {
        "file": name,
        "usable": judged.usable,
        "quality": judged.quality,
        "reasons": judged.reasons,
        "findings": {code: round(sure, 3) for code, sure in judged.findings.items()},
        "score": round(judged.score, 4),
        "view": judged.view,
        "turned": judged.turned,
        "lung_height_px": judged.lung_height_px,
        "lung_width_px": judged.lung_width_px,
    }


def _mark_outliers(records: list[dict[str, Any]]) -> None:
    """Outliers among the files that have lungs and are otherwise usable make the distribution, as in a dataset."""
    kept = Distribution.of(record["score"] for record in records if record["usable"] and record["score"]).scale()
    for record in records:
        if record["score"] and kept.is_outlier(record["score"]):
            record["reasons"].append("outlier")
            record["quality"] = "Bad"


if __name__ == "__main__":
    sys.exit(main())

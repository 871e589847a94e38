"""``python -m imaging.lungs IN OUT``: the lung masks of radiographs, files or whole folders.

The mask of ``IN/a/b.dcm`` is ``OUT/a/b.png``: 1 bit, white is lung, at the image's own resolution. Where two inputs
differ in their ending only, the second keeps its own: ``b.jpg.png``. With --regions the part cut to the lungs (512 x
512) goes to ``DIR/image/a/b.png``, its mask to ``DIR/mask/a/b.png``, and what puts a mask of it back on the image
(`imaging.lungs.regions.put_back`) to ``DIR/transform/a/b.json``. A picture that is inverted or turned gets the mask of
the upright one, turned as it is.

Exit status: 0 all masks were written, 1 some files were refused (each is named with its reason), 2 wrong use.
"""

import argparse
import json
import sys
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imaging import batch
from imaging.formats import decode, write_png
from imaging.lungs import regions
from imaging.lungs.segmentation import Convention, segment
from imaging.quality.view import recognise

_PLAIN = 0.9
"""So probable must an inversion or turn be; upright radiographs have 0.09 at most."""


def main(arguments: list[str] | None = None) -> int:
    """Run the command. Returns the exit status."""
    options = _parser().parse_args(arguments)
    given, out = Path(options.source), Path(options.out)
    cut_out = Path(options.regions) if options.regions else None
    folders = [out] if cut_out is None else [out, cut_out / "image", cut_out / "mask", cut_out / "transform"]
    if not given.exists():
        return _wrong("IN does not exist.")
    if options.jobs < 1:
        return _wrong("--jobs needs a number from 1 on.")
    # What an earlier run has written below the folder of the images is no radiograph.
    around = (given.resolve(), *given.resolve().parents)
    paths = batch.sources(given, *(folder for folder in folders if folder.resolve() not in around))
    if not paths:
        return _wrong("IN holds no files.")
    names = mask_names([batch.relative(path, given) for path in paths])
    if {(folder / name).resolve() for folder in folders for name in names} & {path.resolve() for path in paths}:
        return _wrong("A mask would be written over an image. Choose another OUT.")
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        return _wrong("OUT or the folder for the regions cannot be made.")
    work = partial(_write, out, cut_out, options.convention)
    refused = 0
    for done in batch.run(work, paths, names, jobs=options.jobs):
        if done.code:
            refused += 1
            print(f"refused: {done.source}: {done.message}", file=sys.stderr)
        elif not done.result:
            print(f"no lungs found, the mask is empty: {done.source}", file=sys.stderr)
    print(f"{len(paths) - refused} masks written, {refused} files refused")
    return 1 if refused else 0


def mask_names(paths: list[Path]) -> list[Path]:
    """A name of its own for the mask of each relative path: its ending replaced by .png, or .png added to it.

    What follows the last dot of a DICOM UID is no ending: digits stay.
    """
    names: dict[Path, None] = {}
    for path in paths:
        stem = path.name if path.suffix[1:].isdigit() else path.stem
        name = path.with_name(f"{stem}.png")
        if name in names:
            name = path.with_name(f"{path.name}.png")
        while name in names:
            name = name.with_name(f"{name.name}.png")
        names[name] = None
    return list(names)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m imaging.lungs", description="Lung masks of chest radiographs.")
    parser.add_argument("source", metavar="IN", help="a file or a folder: DICOM, JPEG, PNG, TIFF")
    parser.add_argument("out", metavar="OUT", help="folder for the masks")
    parser.add_argument(
        "--convention",
        choices=("full", "field"),
        default="full",
        help="full: lung behind the heart included (default); field: the lung fields beside the heart",
    )
    parser.add_argument("--regions", metavar="DIR", help="folder for the parts cut to the lungs, 512 x 512")
    parser.add_argument("--jobs", metavar="N", type=int, default=1, help="processes (default 1)")
    return parser


def _wrong(message: str) -> int:
    print(message, file=sys.stderr)
    return 2


def _write(out: Path, cut_out: Path | None, convention: Convention, source: Path, name: Path) -> bool:
    """Writes what belongs to one image. False when it shows no lungs: its mask is empty and it has no region."""
    pixels = decode(source)
    mask = _mask(pixels, convention)
    _save(mask, out / name)
    if cut_out is not None and mask.any():
        region = regions.cut(pixels, mask)
        _save(region.image, cut_out / "image" / name)
        _save(region.mask, cut_out / "mask" / name)
        facts = (cut_out / "transform" / name).with_suffix(".json")
        facts.parent.mkdir(parents=True, exist_ok=True)
        facts.write_text(json.dumps(region.transform) + "\n", encoding="utf-8")
    return bool(mask.any())


def _mask(pixels: NDArray[np.float32], convention: Convention) -> NDArray[np.bool_]:
    """The lungs as the picture lies: what is plainly inverted or turned is put right for the network only."""
    seen = recognise(pixels)
    turns = seen.quarter_turns
    if seen.other > 0.5:
        return segment(pixels, convention).mask
    if seen.inverted > _PLAIN:
        pixels = 1 - pixels
    if not turns or seen.turned[turns] < _PLAIN:
        return segment(pixels, convention).mask
    return np.rot90(segment(np.rot90(pixels, turns), convention).mask, -turns)


def _save(pixels: NDArray[np.uint8] | NDArray[np.bool_], target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part")
    write_png(pixels, part)
    part.replace(target)


if __name__ == "__main__":
    sys.exit(main())

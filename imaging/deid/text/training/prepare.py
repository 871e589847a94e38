"""Pictures for training: where they carry text of their own, and where the present network is wrong.

python -m imaging.deid.text.training.prepare INDEX OUT --first 239          # before the first training
python -m imaging.deid.text.training.prepare INDEX OUT --first 800 --hard   # before the second, with its weights in use
"""

from __future__ import annotations

import argparse
import csv
import random
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imaging.deid.text import detector, preparation
from imaging.inference import single_threaded

_LOOKED_AT = 960
_TEXT = 0.2


def own_text(picture: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Where PaddleOCR's v4 detector sees print: nothing is learned there, because nobody has labelled it."""
    session = single_threaded((files("rapidocr_onnxruntime") / "models" / "ch_PP-OCRv4_det_infer.onnx").read_bytes())
    height, width = picture.shape
    scale = _LOOKED_AT / max(height, width)
    size = tuple(round(side * scale / 32) * 32 for side in (width, height))
    grey = cv2.resize(np.clip(preparation.stretched(picture), 0, 1), size)
    found = session.run(None, {"x": ((np.stack([grey] * 3) - 0.5) / 0.5)[None].astype(np.float32)})[0][0, 0]
    marked = (cv2.resize(found, (width, height)) > _TEXT).astype(np.uint8)
    return cv2.dilate(marked, np.ones((9, 9), np.uint8)).astype(bool)


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ask.add_argument("index", type=Path, help="index.csv with the columns filename and split")
    ask.add_argument("out", type=Path)
    ask.add_argument("--first", type=int, required=True, help="how many pictures, in the order of seed 3")
    ask.add_argument("--hard", action="store_true", help="only pictures with boxes where there is no text, and these")
    given = ask.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with given.index.open(newline="") as file:
        names = [row["filename"] for row in csv.DictReader(file) if row["split"] == "train"]
    random.Random(3).shuffle(names)
    for number, name in enumerate(names[: given.first]):
        picture = np.asarray(Image.open(given.index.parent / name).convert("L"))
        ignored = own_text(picture)
        hard: list[tuple[int, ...]] = []
        if given.hard:
            areas = detector.joined(detector.candidates(preparation.stretched(picture), 0.4), *picture.shape)
            edges = [tuple(int(edge) for edge in area[:4]) for area in areas]
            hard = [(x, y, r, b) for x, y, r, b in edges if not ignored[y:b, x:r].any()]
        if hard or not given.hard:
            np.savez_compressed(given.out / f"{number:04d}.npz", picture=picture, ignored=ignored, hard=np.array(hard))


if __name__ == "__main__":
    main()

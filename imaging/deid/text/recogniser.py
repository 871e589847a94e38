"""PaddleOCR's v4 recogniser (Apache-2.0), as rapidocr-onnxruntime's wheel brings it: what is written in a line."""

import os
from functools import cache
from importlib.resources import files
from typing import Any

import cv2
import numpy as np
import onnxruntime
from numpy.typing import NDArray

from imaging.inference import single_threaded

_HIGH = 48  # the height of a line, as the recogniser was trained
_WIDE = 480  # longer lines are squeezed: only short ones can be a marker


@cache
def _session(name: str) -> onnxruntime.InferenceSession:
    """One session per process, made at the first use, with one thread: the pool of workers uses the processors."""
    cv2.setNumThreads(1)
    model = files("rapidocr_onnxruntime").joinpath("models", name).read_bytes()
    return single_threaded(model, arena=False)  # lines differ in length


# A session does not survive a fork: the child makes its own.
os.register_at_fork(after_in_child=_session.cache_clear)


def read(line: NDArray[np.uint8]) -> tuple[str, float]:
    """What is written in ``line`` (h, w, 3) uint8 and the least certainty of its letters but spaces, 0..1."""
    wide = min(_WIDE, max(_HIGH, round(line.shape[1] * _HIGH / line.shape[0])))
    sized = cv2.resize(line, (wide, _HIGH), interpolation=cv2.INTER_AREA if line.shape[0] > _HIGH else cv2.INTER_CUBIC)
    return _decode(_run("ch_PP-OCRv4_rec_infer.onnx", np.transpose(sized, (2, 0, 1))[None])[0])


def _decode(scores: NDArray[np.float32]) -> tuple[str, float]:
    """CTC, best path: repeats and blanks (class 0) fall away."""
    best = scores.argmax(axis=1)
    fresh = (best != 0) & np.concatenate(([True], best[1:] != best[:-1]))
    if not fresh.any():
        return "", 0.0
    letters = _letters()
    read = [(letters[i], float(score)) for i, score in zip(best[fresh], scores.max(axis=1)[fresh], strict=True)]
    certain = [score for letter, score in read if letter.strip()]
    return "".join(letter for letter, _ in read).strip(), min(certain, default=0.0)


@cache
def _letters() -> list[str]:
    facts: dict[str, str] = _session("ch_PP-OCRv4_rec_infer.onnx").get_modelmeta().custom_metadata_map
    return ["", *facts["character"].splitlines(), " "]


def _run(name: str, batch: NDArray[Any]) -> NDArray[np.float32]:
    session = _session(name)
    values = np.ascontiguousarray(batch, dtype=np.float32) / np.float32(127.5) - np.float32(1)
    return np.asarray(session.run(None, {session.get_inputs()[0].name: values})[0])

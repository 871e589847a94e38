"""Text drawn on phantoms: found, covered, and markers left alone."""

import subprocess
import sys

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from imaging.deid.text import Text, find_text
from imaging.phantoms import draw

NAME = "KOWALSKA ANNA 1956"
Grey = NDArray[np.integer]


@pytest.fixture(scope="module")
def phantom() -> Grey:
    """A phantom whose own PHANTOM and L lie in the right tenth, cut off."""
    return draw(5)[60:-70, :880]


def printed(
    picture: Grey, text: str, at: tuple[int, int], high: int, light: float, turn: int = 0
) -> tuple[Grey, NDArray[np.bool_]]:
    """``picture`` with ``text`` whose ink is ``light`` (0..1 of the range); the inked pixels."""
    font = ImageFont.load_default(size=high)
    left, top, right, bottom = (int(v) for v in font.getbbox(text))
    canvas = Image.new("L", (right - left + 4, bottom - top + 4))
    ImageDraw.Draw(canvas).text((2 - left, 2 - top), text, fill=255, font=font)
    alpha = np.rot90(np.asarray(canvas, np.float32) / 255, turn // 90)
    x, y = at
    values = picture.astype(np.float32)
    here = values[y : y + alpha.shape[0], x : x + alpha.shape[1]]
    here[:] = here * (1 - alpha) + light * float(picture.max()) * alpha
    ink = np.zeros(picture.shape, bool)
    ink[y : y + alpha.shape[0], x : x + alpha.shape[1]] = alpha > 0.5
    return np.rint(values).astype(picture.dtype), ink


def painted(text: Text, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    mask = np.zeros(shape, bool)
    for box in text.boxes:
        if box.painted:
            mask[box.top : box.top + box.height, box.left : box.left + box.width] = True
    return mask


def covered(picture: Grey, ink: NDArray[np.bool_]) -> float:
    return float(painted(find_text(picture), picture.shape)[ink].mean())


@pytest.mark.parametrize(
    ("at", "high", "light", "turn"),
    [
        ((20, 15), 24, 1.0, 0),  # light, in the black corner
        ((300, 400), 26, 0.0, 0),  # dark, over the lungs
        ((250, 500), 12, 1.0, 0),  # small
        ((30, 300), 70, 1.0, 0),  # large
        ((30, 200), 28, 1.0, 90),
        ((820, 200), 28, 1.0, 270),
        ((300, 780), 26, 1.0, 180),
    ],
)
def test_the_whole_string_is_covered(phantom: Grey, at: tuple[int, int], high: int, light: float, turn: int) -> None:
    picture, ink = printed(phantom, NAME, at, high, light, turn)
    assert covered(picture, ink) > 0.98


def test_a_phantom_without_text_has_no_painted_box(phantom: Grey) -> None:
    assert not painted(find_text(phantom), phantom.shape).any()


@pytest.mark.parametrize("polarity", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("kind", ["uint16, 12 bit", "int16", "text beyond the tissue's range"])
def test_depth_sign_and_polarity_do_not_matter(phantom: Grey, kind: str, polarity: str) -> None:
    picture, ink = printed(phantom.astype(np.uint16) * 16, NAME, (30, 20), 24, 1.0)
    if kind == "int16":
        picture = (picture.astype(np.int32) - 2000).astype(np.int16)
    elif kind.startswith("text"):
        picture = np.where(ink, 65535, picture // 4).astype(np.uint16)
    if polarity == "MONOCHROME1":
        picture = picture.max() - picture + picture.min()
    assert covered(picture, ink) > 0.9


@pytest.mark.parametrize("word", ["R", "L", "PORTABLE", "AP", "ERECT"])
def test_a_marker_stays_and_is_named(phantom: Grey, word: str) -> None:
    picture, ink = printed(phantom, word, (40, 30), 40, 1.0)
    text = find_text(picture)
    assert not painted(text, picture.shape)[ink].any()
    assert all(box.marker == word for box in text.boxes)


@pytest.mark.parametrize("words", ["R JK", "L KOWALSKA", "PORTABLE SMITH"])
def test_a_marker_saves_no_name_beside_it(phantom: Grey, words: str) -> None:
    first, rest = words.split()
    picture, ink = printed(phantom, words, (40, 30), 36, 1.0)
    _, alone = printed(phantom, first, (40, 30), 36, 1.0)
    name = ink.copy()
    name[:, : int(np.nonzero(alone)[1].max()) + 4] = False
    assert painted(find_text(picture), picture.shape)[name].mean() > 0.9, rest


def test_small_print_of_a_large_radiograph_is_found(phantom: Grey) -> None:
    large = np.asarray(cv2.resize(phantom, (3000, 2960), interpolation=cv2.INTER_CUBIC))
    picture, ink = printed(large, NAME, (60, 50), 18, 1.0)
    assert covered(picture, ink) > 0.9


def test_boxes_lie_within_the_picture(phantom: Grey) -> None:
    picture, _ = printed(phantom[:600, :600], "EDGE 1234", (0, 0), 30, 1.0)
    for box in find_text(picture).boxes:
        assert box.left >= 0
        assert box.top >= 0
        assert box.left + box.width <= picture.shape[1]
        assert box.top + box.height <= picture.shape[0]


@pytest.mark.parametrize("shape", [(1, 1), (10, 4000), (100, 100)])
def test_pictures_without_content_have_no_text(shape: tuple[int, int]) -> None:
    assert find_text(np.zeros(shape, np.uint8)).boxes == ()


def test_an_array_with_colours_is_refused() -> None:
    with pytest.raises(ValueError, match="two-dimensional"):
        find_text(np.zeros((30, 30, 3), np.uint8))


def test_the_networks_load_only_when_they_are_needed() -> None:
    code = "import imaging.deid.text, sys; print('onnxruntime' in sys.modules or 'cv2' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"

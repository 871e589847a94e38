"""What a picture shows, and which way round: a small network that has seen chests, laterals and much else."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imaging.inference import Network
from imaging.lungs.preparation import fit, without_border

NETWORK = Network(Path(__file__).with_name("weights") / "view.onnx")
"""Its facts: its input's side in pixels (`size`)."""

Name = Literal["frontal", "lateral", "other"]
_NAMES: tuple[Name, ...] = ("frontal", "lateral", "other")


@dataclass(frozen=True)
class View:
    """Probabilities, 0..1, of what a picture shows: frontal + lateral + other = 1.

    inverted: of its grey scale (air bright). turned: of each quarter turn that it has made clockwise, 0 to 3, sum 1.
    mirrored: of left and right exchanged; 0.5, undecided, unless it is upright and frontal. cut: that some of the lungs
    is cut off at the left, right, top and bottom edge of the picture as it lies; it says little of what is no chest.
    """

    frontal: float
    lateral: float
    other: float
    inverted: float
    turned: tuple[float, float, float, float]
    mirrored: float
    cut: tuple[float, float, float, float]

    @property
    def name(self) -> Name:
        return max(_NAMES, key=lambda name: float(getattr(self, name)))

    @property
    def quarter_turns(self) -> int:
        """The most probable number of clockwise quarter turns, 0..3."""
        return int(np.argmax(self.turned))


def recognise(pixels: NDArray[np.float32], place: tuple[slice, slice] | None = None) -> View:
    """What a (H, W) picture of any range, bright = dense, shows. One without contrast is `other`.

    place: what `without_border` gave for the pixels, if that is known. The picture and its mirror image are both looked
    at and the answers averaged. Raises ValueError unless the array has two dimensions.
    """
    if pixels.ndim != 2 or pixels.size == 0:
        raise ValueError("a radiograph is a two-dimensional array")
    try:
        canvas, _ = fit(pixels[place or without_border(pixels)], NETWORK.facts["size"])
    except ValueError:
        return View(0.0, 0.0, 1.0, 0.0, (1.0, 0.0, 0.0, 0.0), 0.5, (0.0, 0.0, 0.0, 0.0))
    canvas = (canvas - canvas.mean()) / max(float(canvas.std()), 1e-6)
    both = np.stack([canvas, canvas[:, ::-1]])[:, None].astype(np.float32)
    straight, mirrored = NETWORK(image=both).astype(np.float64)
    shows = (_softmax(straight[:3]) + _softmax(mirrored[:3])) / 2
    inverted = (_sigmoid(straight[3]) + _sigmoid(mirrored[3])) / 2
    # What has been turned to the right is turned to the left in the mirror.
    turned = (_softmax(straight[5:9]) + _softmax(mirrored[[5, 8, 7, 6]])) / 2
    left, right, top, bottom = (
        (_sigmoid(one) + _sigmoid(other)) / 2
        for one, other in zip(straight[9:], mirrored[[10, 9, 11, 12]], strict=True)
    )
    upright = bool(shows.argmax() == 0 and turned.argmax() == 0)
    frontal, lateral, other = (float(share) for share in shows)
    return View(
        frontal,
        lateral,
        other,
        inverted,
        (float(turned[0]), float(turned[1]), float(turned[2]), float(turned[3])),
        _sigmoid((straight[4] - mirrored[4]) / 2) if upright else 0.5,
        (left, right, top, bottom),
    )


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    raised = np.exp(logits - logits.max())
    return np.asarray(raised / raised.sum())


def _sigmoid(logit: float) -> float:
    return float(1 / (1 + np.exp(-logit)))

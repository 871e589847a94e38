"""The verdict on a radiograph, from its lungs, its view and how it was saved."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from imaging.lungs.preparation import without_border
from imaging.quality import view as views
from imaging.quality.saving import saved_wrongly
from imaging.quality.shape import Lungs, measure

MIN_LUNG_PX = 300
"""Under this height or width of the lungs in the image a radiograph is Bad (POLCOVID's rule of resolution)."""
MIN_CONFIDENCE = 0.9
"""The lowest of 172 validation radiographs had 0.937; photographs, legs and inverted chests had 0.87 or less."""
EDGE = 0.03
"""Of the longer side: the network ends lungs that are cut a little before the edge."""
MAX_CUT = {"top": 0.7, "bottom": 0.7}
"""Share of the lungs' width that may lie in the edge. Of 84 radiographs of the training split one had more above (0.73)
and one below (0.94), of 42 cut ones most. At the sides it tells nothing: half a lung is drawn as a small one."""
MIN_FRONTAL = 0.6
"""Under this probability a picture is no frontal radiograph; the lowest of 616 radiographs had 0.87."""
SURE = {"inverted": 0.6, "rotated": 0.6, "mirrored": 0.9, "cut": 0.8}
"""The lowest probability at which a finding is named. Of 267 radiographs of the training split one had more (of a cut),
and one when they were cropped to the lungs' own box."""

REASONS = {
    "no_lungs": "No lungs were found. Is this a frontal chest radiograph?",
    "one_lung": "Only one lung was found.",
    "resolution": f"The lungs are under {MIN_LUNG_PX} pixels high or wide.",
    "unsure": "The network is unsure about the outline of the lungs.",
    "shape": "The outline does not look like two lungs.",
}
"""What the mask alone tells."""
FINDINGS = {
    "not_chest": "This does not look like a chest radiograph.",
    "lateral": "This looks like a lateral view.",
    "inverted": "The grey scale looks inverted: air should be dark.",
    "rotated": "The picture looks turned.",
    "mirrored": "Left and right look exchanged.",
    "cut": "The lungs are cut off at the edge of the picture.",
    "framed": "There is a wide border around the radiograph, as in a screenshot.",
    "flat": "The picture has hardly any contrast.",
    "saturated": "Large parts of the picture are plain black or white.",
    "posterised": "The picture has too few grey levels.",
}
"""What the pixels tell as well."""
_ORDER = (*FINDINGS, *REASONS)
TOLERABLE = frozenset({"resolution", "mirrored"})
"""Reasons that make a radiograph Bad, not useless: it is small, or a flip repairs it."""


@dataclass(frozen=True)
class Quality:
    """score: 0..1, how much the outline is shaped like two lungs. reasons: codes of FINDINGS, then of REASONS.

    usable: no reason but a tolerable one. findings: how sure each reason is, 0..1. view: what the picture shows, and
    turned: by how many degrees clockwise, 0 to 270; both None unless pixels were given.
    """

    quality: Literal["Good", "Bad"]
    score: float
    reasons: list[str]
    lung_height_px: int
    lung_width_px: int
    properties: dict[str, float] = field(default_factory=dict)
    findings: dict[str, float] = field(default_factory=dict)
    view: views.Name | None = None
    turned: int | None = None

    @property
    def usable(self) -> bool:
        return set(self.reasons) <= TOLERABLE


def assess(mask: NDArray[np.bool_], confidence: float, pixels: NDArray[np.float32] | None = None) -> Quality:
    """Judges a (H, W) bool mask of the lungs at the image's own size, and the network's confidence in it, 0..1.

    pixels: (H, W) float32 in 0..1 as `formats.decode` gives them; without them only the mask is judged. Raises
    ValueError when the two differ in shape. The score is that of `shape.measure`.
    """
    if pixels is not None and pixels.shape != mask.shape:
        raise ValueError("image and mask differ in shape")
    lungs = measure(mask)
    found = _of_lungs(lungs, confidence)
    seen = None
    if pixels is not None:
        place = without_border(pixels)
        seen = views.recognise(pixels, place)
        found |= _cut(mask[place]) | _of_view(seen) | saved_wrongly(pixels, mask, place)
    if "not_chest" in found:
        # Whatever was taken for its lungs is none: their outline would only fill the page.
        found = {code: sure for code, sure in found.items() if code in FINDINGS and code != "cut"}
    reasons = [code for code in _ORDER if code in found]
    return Quality(
        "Bad" if reasons else "Good",
        lungs.score,
        reasons,
        lungs.height,
        lungs.width,
        lungs.properties,
        {code: found[code] for code in reasons},
        seen.name if seen else None,
        90 * seen.quarter_turns if seen else None,
    )


def _of_lungs(lungs: Lungs, confidence: float) -> dict[str, float]:
    if lungs.count == 0:
        return {"no_lungs": 1.0}
    holds = {
        "one_lung": lungs.count == 1,
        "resolution": min(lungs.height, lungs.width) < MIN_LUNG_PX,
        "unsure": confidence < MIN_CONFIDENCE,
        "shape": lungs.properties["solidity"] < 0.7 or lungs.score < 0.5,
    }
    return {code: 1.0 for code, held in holds.items() if held}


def _of_view(seen: views.View) -> dict[str, float]:
    """What the picture shows, and which way round. What is no radiograph has no right way round."""
    found = {}
    if seen.frontal < MIN_FRONTAL:
        found["lateral" if seen.lateral > seen.other else "not_chest"] = 1 - seen.frontal
    if seen.other < 0.5:
        told = {
            "inverted": seen.inverted,
            "rotated": 1 - seen.turned[0],
            "mirrored": seen.mirrored,
            "cut": max(seen.cut),
        }
        found |= {code: sure for code, sure in told.items() if sure >= SURE[code]}
    return found


def _cut(inner: NDArray[np.bool_]) -> dict[str, float]:
    """Lungs that lie along the upper or lower edge of the picture, a border around it left out of their mask."""
    columns = inner.any(axis=0)
    if not columns.any():
        return {}
    edge = max(1, round(EDGE * max(inner.shape)))
    touching = {
        "top": inner[:edge].any(axis=0).sum() / columns.sum(),
        "bottom": inner[-edge:].any(axis=0).sum() / columns.sum(),
    }
    worst = max((float(share) for side, share in touching.items() if share > MAX_CUT[side]), default=0.0)
    return {"cut": worst} if worst else {}

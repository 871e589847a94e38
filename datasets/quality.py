"""What a release says about the quality of each image: the check's findings beside the curator's verdict."""

from typing import Any

from datasets.models import LungMask, Radiograph
from imaging.outliers import Scale

COLUMNS = (
    "filename",
    "quality",
    "proposed_quality",
    "reasons",
    "confidences",
    "score",
    "score_normalised",
    "score_lower_fence",
    "score_outlier",
    "eccentricity",
    "orientation",
    "area",
    "solidity",
    "lung_height_px",
    "lung_width_px",
    "view",
    "mask_confidence",
    "mask_version",
)


def quality_row(radiograph: Radiograph, scale: Scale) -> dict[str, Any]:
    """The row of an image by COLUMNS: text, int or float; None where it is unknown.

    `quality` is the curator's verdict, `proposed_quality` what the check proposed, an outlier being Bad; `reasons` are
    codes with their `confidences` (0..1) in the same order. `scale` is that of all images of the release: outliers are
    known as such from 20 images on. Expects the masks to be loaded.
    """
    found, score = radiograph.assessment, radiograph.quality_score
    reasons: list[str] | None = found.get("reasons")
    sure = found.get("findings", {})
    known = bool(score) and scale.fences is not None
    outlier = known and scale.is_outlier(score or 0)
    proposed = "Bad" if outlier else found.get("quality")
    row: dict[str, Any] = {
        "filename": radiograph.filename,
        "quality": radiograph.quality,
        "proposed_quality": proposed,
        "reasons": None if reasons is None else "; ".join([*reasons, *(["outlier"] if outlier else [])]),
        "confidences": None if reasons is None else "; ".join(f"{sure.get(code, 1):g}" for code in reasons),
        "score": score,
        "score_normalised": round(scale.normalised(score), 4) if score else None,
        "score_lower_fence": round(scale.fences[0], 4) if scale.fences else None,
        "score_outlier": ("yes" if outlier else "no") if known else None,
        "view": found.get("view"),
    }
    for name in ("eccentricity", "orientation", "area", "solidity"):
        row[name] = found.get("properties", {}).get(name)
    for name in ("lung_height_px", "lung_width_px"):
        row[name] = found.get(name)
    mask = next((mask for mask in radiograph.masks.all() if mask.kind == LungMask.Kind.MODEL), None)
    row["mask_confidence"] = mask.confidence if mask else None
    row["mask_version"] = mask.model_version or None if mask else None
    return {name: row[name] for name in COLUMNS}

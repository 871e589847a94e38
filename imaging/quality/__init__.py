"""Quality of a radiograph: a frontal chest, the right way round, saved well, its lungs whole and large enough."""

from imaging.quality.assessment import FINDINGS, MIN_LUNG_PX, REASONS, TOLERABLE, Quality, assess

__all__ = ["FINDINGS", "MIN_LUNG_PX", "REASONS", "TOLERABLE", "Quality", "assess"]

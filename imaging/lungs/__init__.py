"""Lungs in frontal chest radiographs: the mask, and the region cut out around it."""

from imaging.lungs.segmentation import Segmentation, segment

__all__ = ["Segmentation", "segment"]

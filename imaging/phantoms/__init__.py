"""Drawn chest radiographs with invented identifiers, for the demo and for tests."""

from .chest import Disease, draw, draw_lungs
from .writers import FakePerson, write_dicom, write_jpeg, write_png, write_tiff

__all__ = ["Disease", "FakePerson", "draw", "draw_lungs", "write_dicom", "write_jpeg", "write_png", "write_tiff"]

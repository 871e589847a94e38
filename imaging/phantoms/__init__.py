"""Drawn chest radiographs with invented identifiers, for the demo and for tests."""

from .chest import Disease, draw
from .writers import FakePerson, write_dicom, write_jpeg, write_png, write_tiff

__all__ = ["Disease", "FakePerson", "draw", "write_dicom", "write_jpeg", "write_png", "write_tiff"]

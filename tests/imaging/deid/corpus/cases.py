"""The whole corpus."""

from functools import cache

from .headers import header_cases
from .pixels import pixel_cases
from .rasters import raster_cases
from .secrets import Case


@cache
def all_cases() -> tuple[Case, ...]:
    """Every file, made once per process."""
    return (*header_cases(), *pixel_cases(), *raster_cases())

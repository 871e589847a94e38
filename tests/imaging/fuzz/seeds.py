"""The real and planted files that the fuzzer starts from."""

import re
from functools import cache
from pathlib import Path

from tests.imaging.deid.corpus import all_cases
from tests.imaging.deid.test_samples import SAMPLES

MAX_BYTES = 300_000
SECRET = b"QXZJWVKPGBFM"  # planted anew in every mutated file, see mutations.plant
_OTHER_CLASS = re.compile(rb"1\.2\.840\.10008\.5\.1\.4\.1\.1\.[2-6]\d*[\d.]*")
_SYNTHETIC = (
    "depths-explicit", "depths-implicit", "depths-big", "groups-explicit", "groups-implicit", "second-items-explicit",
    "dirty-explicit-DX-alone", "dirty-implicit-CR-alone", "native-explicit-high", "native-big-tail-12",
    "native-deflated-bit-0", "native-implicit-tail-8", "baseline-COM", "extended-APP1", "lossless-COM",
    "first-order-COM",
    "ls-COM", "ls-8-COM", "j2k-lossless-COM", "j2k-lossy-JP2 boxes", "rle-8-behind the segments",
    "rle-12-behind the segments", "fragments-baseline-several fragments", "high-rle", "jpeg-grey-EXIF with a thumbnail",
    "jpeg-progressive-XMP", "jpeg-restarts-COM", "jpeg-upside-down-COM", "png-L-tail", "png-I;16-iTXt-front",
    "png-RGB-zTXt-end", "png-alpha", "png-palette", "tiff-<-EXIF", "tiff->-sub-IFD", "tiff-16",
)  # fmt: skip


@cache
def synthetic() -> tuple[tuple[str, bytes], ...]:
    """Name and bytes of starting files that go through when nothing is damaged."""
    made = {case.name: case.data for case in all_cases()}
    return tuple((name, made[name]) for name in _SYNTHETIC)


@cache
def real() -> tuple[tuple[str, bytes], ...]:
    """pydicom's own files; what is no CR, DX or SC image is called one, so that it comes further than the door."""
    paths = [path for path in SAMPLES if path.stat().st_size <= MAX_BYTES and _image(path)]
    return tuple((path.name, _OTHER_CLASS.sub(_as_secondary_capture, path.read_bytes())) for path in paths)


def _as_secondary_capture(found: re.Match[bytes]) -> bytes:
    return b"1.2.840.10008.5.1.4.1.1.7".ljust(len(found[0]), b"\x00")


def _image(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(132)
    return head[128:] == b"DICM" or head[:3] == b"\xff\xd8\xff" or head[:4] in (b"\x89PNG", b"II*\x00", b"MM\x00*")

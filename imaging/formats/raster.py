"""JPEG, PNG and TIFF files: opened by Pillow, first page, upright, grey."""

from io import BytesIO
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from . import jpeg, tail
from .directories import check_directory
from .grey import stretch
from .kinds import Format
from .limits import check_size, guarded
from .refusal import Refused

# Mean and share of strongly coloured pixels of a thumbnail, in 8 bit levels between the largest and the smallest
# channel. Scans and photographs of films have a slight tint; pictures with coloured marks or scenes are refused.
MAX_MEAN_TINT = 12.0
COLOURED = 40
MAX_COLOURED_SHARE = 0.002

# 256 MiB in the 8 KiB pieces that libpng writes are 32,768.
_MOST_CHUNKS = 100_000

_ORIENTATION, _PHOTOMETRIC = 274, 262
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_GREY_MODES = {"L": 8, "LA": 8, "I;16": 16, "I;16L": 16, "I;16B": 16}
_COLOUR_MODES = {"RGB": 8, "RGBA": 8, "P": 8}


def open_image(path: Path, kind: Format) -> tuple[Image.Image, bool]:
    """The first picture of the file, pixels decoded, orientation applied, and whether it had to be turned.

    The mode is L, I;16 or RGB: palettes are resolved and alpha is dropped (what it hid is shown). Raises Refused.
    """
    with guarded():
        if kind is Format.TIFF:
            with path.open("rb") as file:
                check_directory(file)
        if kind is Format.PNG:
            check_chunks(path)
        image: Image.Image = Image.open(path, formats=[kind.name])
        check_size(*image.size)
        if image.mode not in _GREY_MODES | _COLOUR_MODES:
            raise Refused("colour" if image.mode in ("CMYK", "YCbCr", "LAB", "HSV") else "unsupported_pixels")
        if kind is Format.TIFF and _bits_per_sample(image) > _bits(image):
            raise Refused("unsupported_pixels")
        if kind is Format.PNG and _png_depth(path) > _bits(image):  # Pillow would cut 16 bit colour or alpha to 8
            raise Refused("unsupported_pixels")
        _check_exif(image)
        orientation = image.getexif().get(_ORIENTATION, 1)
        if kind is Format.TIFF and orientation in _UPRIGHT:
            image = Image.open(_unturned(path), formats=["TIFF"])
        inverted = kind is Format.TIFF and image.mode.startswith("I;16") and _tiff_tag(image, _PHOTOMETRIC) == 0
        try:
            image.load()
        except OSError as error:
            raise Refused("truncated" if "truncated" in str(error) else "undecodable") from None
        image = _plain(image)
        if orientation in _UPRIGHT:
            image = image.transpose(_UPRIGHT[orientation])
        if inverted:  # Pillow inverts MINISWHITE at 8 bits only
            image = Image.fromarray(np.uint16(65535) - np.asarray(image))
        return image, orientation in _UPRIGHT


def check_stream(path: Path) -> jpeg.Jpeg:
    """Walk a JPEG file's segments. Raises Refused when it is cut or malformed, or has more than 8 bits."""
    found = jpeg.clean(path.read_bytes(), jfif=True)
    check_size(found.width, found.height)
    if found.bits != 8:
        raise Refused("unsupported_pixels")
    if found.components not in (1, 3):
        raise Refused("colour")
    return found


def scan_is_exact(stream: jpeg.Jpeg) -> bool:
    """Whether the compressed data of a checked JPEG file is the picture and no more; False where it can't be told."""

    def decode(data: bytes) -> NDArray[np.uint8]:
        with guarded():
            return np.asarray(Image.open(BytesIO(data), formats=["JPEG"]))

    return stream.plain and tail.jpeg_is_exact(stream.data, decode)


def to_float(image: Image.Image) -> NDArray[np.float32]:
    """(H, W) float32 in 0..1 of a picture in mode L or I;16; 16 bit ones are stretched, many use 12 bits only."""
    pixels = np.asarray(image)
    if pixels.dtype == np.uint8:
        shown: NDArray[np.float32] = pixels.astype(np.float32) / np.float32(255)
        return shown
    return stretch(pixels.astype(np.float32))


def _unturned(path: Path) -> BytesIO:
    """The TIFF with its orientation set to 1: Pillow (13.0) turns TIFFs itself and scrambles uncompressed ones."""
    data = BytesIO(path.read_bytes())
    with tifffile.TiffFile(data, mode="r+") as tiff:
        tiff.pages.first.tags[_ORIENTATION].overwrite(1)
    data.seek(0)
    return data


def _bits(image: Image.Image) -> int:
    return (_GREY_MODES | _COLOUR_MODES)[image.mode]


def _tiff_tag(image: Image.Image, tag: int) -> object:
    return getattr(image, "tag_v2", {}).get(tag)


def _bits_per_sample(image: Image.Image) -> int:
    declared = _tiff_tag(image, 258)
    return max(declared) if isinstance(declared, tuple) else 1


def _png_depth(path: Path) -> int:
    with path.open("rb") as file:
        return file.read(25)[24]


def check_chunks(path: Path) -> None:
    """Raise Refused for a PNG of more chunks than a picture is cut into (decompression_bomb), or that ends before one.

    Pillow asks for the memory that a chunk claims before it reads it.
    """
    with path.open("rb") as file:
        at, size, count, kind = 8, file.seek(0, 2), 0, b""
        while kind != b"IEND":
            file.seek(at)
            length, kind = int.from_bytes(file.read(4)), file.read(4)
            at += 12 + length
            count += 1
            if at > size:
                raise Refused("truncated" if count > 1 else "undecodable")
            if count > _MOST_CHUNKS:
                raise Refused("decompression_bomb")


def _check_exif(image: Image.Image) -> None:
    """Look at EXIF data before Pillow reads it. Raises Refused."""
    exif = image.info.get("exif", b"")
    if isinstance(exif, bytes) and exif:
        check_directory(BytesIO(exif.removeprefix(b"Exif\x00\x00")))


def _plain(image: Image.Image) -> Image.Image:
    """Mode L, I;16 or RGB; RGB only where the channels differ a little, if at all. Raises Refused (colour, blank)."""
    if image.mode == "LA":
        image = image.getchannel(0)
    elif image.mode == "RGBA":
        image = Image.merge("RGB", image.split()[:3])
    elif image.mode == "P":
        image = image.convert("RGB")
        red, green, blue = (band.tobytes() for band in image.split())
        if red == green == blue:
            image = image.getchannel(0)
    elif image.mode in ("I;16B", "I;16L"):
        image = Image.fromarray(np.asarray(image).astype(np.uint16))
    if image.mode == "RGB":
        _refuse_colour(image)
    low, high = (image if image.mode != "RGB" else image.getchannel(1)).getextrema()
    if low == high:
        raise Refused("blank")
    return image


def _refuse_colour(image: Image.Image) -> None:
    small = np.asarray(image.resize((256, 256), Image.Resampling.BOX), dtype=np.int16)
    spread = small.max(axis=2) - small.min(axis=2)
    if spread.mean() > MAX_MEAN_TINT or (spread > COLOURED).mean() > MAX_COLOURED_SHARE:
        raise Refused("colour")

"""Reading DICOM files: the checks before anything is decoded, and the display values of the pixels."""

import zlib
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pydicom
import pydicom.config
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import dcmread, read_dataset
from pydicom.pixels.processing import apply_modality_lut, apply_voi
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian

from . import pixeldata
from .grey import stretch
from .limits import MAX_FILE_BYTES, check_size, guarded
from .refusal import Refused

# Values are checked here and by the table of the de-identifier; pydicom's own checks only warn, with the values.
pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE

SOP_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.1": "CR",
    "1.2.840.10008.5.1.4.1.1.1.1": "DX for presentation",
    "1.2.840.10008.5.1.4.1.1.1.1.1": "DX for processing",
    "1.2.840.10008.5.1.4.1.1.7": "SC",
}
_PDF_AND_THE_LIKE = "1.2.840.10008.5.1.4.1.1.104."
_STRUCTURED_REPORTS = "1.2.840.10008.5.1.4.1.1.88."
_MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.7."  # multi-frame Secondary Capture

_MAX_META_BYTES = 64 * 1024
# A window whose 10th and 90th percentiles come closer than this shows next to nothing.
MIN_CONTRAST = 0.1


def transfer_syntax(file: BinaryIO) -> tuple[UID, int]:
    """The transfer syntax from the file meta information (PS3.10 7.1), and where the data set begins.

    The group length is not trusted. Raises Refused: undecodable, truncated, unsupported_transfer_syntax.
    """
    file.seek(132)
    data = file.read(_MAX_META_BYTES)
    at, syntax = 0, ""
    while data[at : at + 2] == b"\x02\x00":
        long = data[at + 4 : at + 6] in (b"OB", b"OW", b"UN", b"SQ", b"UT", b"UC", b"UR")
        start = at + (12 if long else 8)
        length = int.from_bytes(data[at + 8 : start] if long else data[at + 6 : start], "little")
        if start + length > len(data):
            raise Refused("truncated" if len(data) < _MAX_META_BYTES else "undecodable")
        if data[at + 2 : at + 4] == b"\x10\x00":
            syntax = data[start : start + length].rstrip(b"\x00 ").decode("ascii", "replace")
        at = start + length
    if syntax not in pixeldata.SYNTAXES:
        raise Refused("unsupported_transfer_syntax")
    return UID(syntax), 132 + at


def inflate(data: bytes) -> bytes:
    """The data set of a deflated file (PS3.5 A.5), at most MAX_FILE_BYTES long. Raises Refused."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        plain = inflater.decompress(data, MAX_FILE_BYTES)
    except zlib.error:
        raise Refused("undecodable") from None
    if not inflater.eof:
        raise Refused("decompression_bomb" if inflater.unconsumed_tail else "truncated")
    return plain


def read_header(file: BinaryIO) -> tuple[Dataset, BinaryIO]:
    """The data set up to the pixel data, checked, and the stream that holds the rest, standing at the pixel data.

    The stream is ``file`` itself or, for a deflated file, the inflated bytes. ``file_meta`` has the transfer syntax
    as found, nothing else of it is to be trusted. Raises Refused.
    """
    syntax, start = transfer_syntax(file)
    with guarded():
        stream = file
        if syntax == DeflatedExplicitVRLittleEndian:
            file.seek(start)
            stream = BytesIO(inflate(file.read()))
            dataset = read_dataset(stream, is_implicit_VR=False, is_little_endian=True, stop_when=_at_pixels)
        else:
            file.seek(0)
            dataset = dcmread(file, stop_before_pixels=True)
        meta = FileMetaDataset()
        meta.TransferSyntaxUID = syntax
        dataset.file_meta = meta
        check(dataset)
    return dataset, stream


def _at_pixels(tag: int, vr: str | None, length: int) -> bool:
    return tag >= 0x7FE00000


def check(dataset: Dataset) -> None:
    """Refuse what is no single-frame grey CR, DX or SC image, by the header alone."""
    sop_class = text(dataset, "SOPClassUID")
    if sop_class not in SOP_CLASSES:
        if sop_class.startswith(_PDF_AND_THE_LIKE):
            raise Refused("encapsulated_document")
        if sop_class.startswith(_STRUCTURED_REPORTS):
            raise Refused("structured_report")
        raise Refused("multi_frame" if sop_class.startswith(_MULTI_FRAME) else "unsupported_sop_class")
    if "Rows" not in dataset or "Columns" not in dataset:
        raise Refused("no_pixels")
    if text(dataset, "NumberOfFrames") not in ("", "1"):
        raise Refused("multi_frame")
    photometric = text(dataset, "PhotometricInterpretation")
    if photometric not in ("MONOCHROME1", "MONOCHROME2") or text(dataset, "SamplesPerPixel") not in ("", "1"):
        raise Refused("colour" if photometric not in ("MONOCHROME1", "MONOCHROME2", "") else "unsupported_pixels")
    allocated, stored = dataset.BitsAllocated, dataset.BitsStored
    if allocated not in (8, 16) or not 6 <= stored <= allocated or dataset.get("HighBit", stored - 1) != stored - 1:
        raise Refused("unsupported_pixels")
    if dataset.get("PixelRepresentation", 0) not in (0, 1):
        raise Refused("unsupported_pixels")
    check_size(int(dataset.Columns), int(dataset.Rows))


def layout(dataset: Dataset) -> pixeldata.Layout:
    """How the pixels of a checked data set are stored."""
    return pixeldata.Layout(
        int(dataset.Rows),
        int(dataset.Columns),
        int(dataset.BitsAllocated),
        int(dataset.BitsStored),
        dataset.get("PixelRepresentation", 0) == 1,
        text(dataset, "PhotometricInterpretation"),
    )


def text(dataset: Dataset, keyword: str) -> str:
    """The first value of an attribute as text without padding; empty when absent, empty or unreadable."""
    with guarded():
        value = dataset.get(keyword)
        if value is None:
            return ""
        if not isinstance(value, str) and hasattr(value, "__iter__") and keyword != "PatientName":
            value = next(iter(value), "")
        return str(value).strip(" \x00")


def read_pixels(path: Path) -> tuple[Dataset, NDArray[np.integer[Any]]]:
    """The checked data set and its stored values, (H, W) integer. Raises Refused."""
    with path.open("rb") as file:
        dataset, stream = read_header(file)
        with guarded():
            pixels = pixeldata.extract(layout(dataset), str(dataset.file_meta.TransferSyntaxUID), stream).values()
    if pixels.min() == pixels.max():
        raise Refused("blank")
    return dataset, pixels


def display_values(dataset: Dataset, stored: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """(H, W) float32 in 0..1, bright = dense, by the grey-scale pipeline of PS3.4 N.2: rescale or modality LUT,
    then the first VOI LUT or window, then inversion for MONOCHROME1; padding (PS3.3 C.7.5.1.1.2) becomes 0.

    Without a window, or with one that leaves next to nothing visible, the 0.05 and 99.95 percentiles are used.
    """
    padding = _padding(dataset, stored)
    with guarded():
        values = np.asarray(apply_modality_lut(stored, dataset), dtype=np.float32)
        shown: NDArray[np.float32] | None = None
        if dataset.get("VOILUTSequence"):
            voi = apply_voi(np.rint(values).astype(np.int32), dataset)
            top = int(np.max(dataset.VOILUTSequence[0].LUTData))
            shown = np.asarray(voi, dtype=np.float32) / np.float32(max(top, 1))
        elif text(dataset, "WindowCenter") and text(dataset, "WindowWidth"):
            shown = _window(values, dataset)
        if shown is not None:
            shown = np.clip(shown, 0, 1)
        if shown is None or np.ptp(np.percentile(shown[::8, ::8], (10, 90))) < MIN_CONTRAST:
            shown = stretch(values, padding)
    if text(dataset, "PhotometricInterpretation") == "MONOCHROME1":  # small stored values are bright
        shown = 1 - shown
    if padding is not None:
        shown[padding] = 0
    return shown


def _window(values: NDArray[np.float32], dataset: Dataset) -> NDArray[np.float32] | None:
    """The first window applied (PS3.3 C.11.2.1.2); None when it is unusable."""
    centre, width = float(text(dataset, "WindowCenter")), float(text(dataset, "WindowWidth"))
    if not width > 1:
        return None
    if text(dataset, "VOILUTFunction") == "SIGMOID":
        shown: NDArray[np.float32] = 1 / (1 + np.exp(-4 * (values - np.float32(centre)) / np.float32(width)))
        return shown
    if text(dataset, "VOILUTFunction") == "LINEAR_EXACT":
        return (values - np.float32(centre)) / np.float32(width) + np.float32(0.5)
    return (values - np.float32(centre - 0.5)) / np.float32(width - 1) + np.float32(0.5)


def _padding(dataset: Dataset, stored: NDArray[np.integer[Any]]) -> NDArray[np.bool_] | None:
    value: Any = dataset.get("PixelPaddingValue")
    if not isinstance(value, int):
        return None
    other: Any = dataset.get("PixelPaddingRangeLimit")
    low, high = sorted((value, other if isinstance(other, int) else value))
    padding: NDArray[np.bool_] = (stored >= low) & (stored <= high)
    return padding

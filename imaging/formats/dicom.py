"""Reading DICOM files: the checks before anything is decoded, and the display values of the pixels."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from . import pixeldata
from .grey import stretch
from .header import DataSet, Header, read
from .limits import check_size, guarded
from .refusal import Refused

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

SOP_CLASSES = {
    "1.2.840.10008.5.1.4.1.1.1": "CR",
    "1.2.840.10008.5.1.4.1.1.1.1": "DX for presentation",
    "1.2.840.10008.5.1.4.1.1.1.1.1": "DX for processing",
    "1.2.840.10008.5.1.4.1.1.7": "SC",
}
_PDF_AND_THE_LIKE = "1.2.840.10008.5.1.4.1.1.104."
_STRUCTURED_REPORTS = "1.2.840.10008.5.1.4.1.1.88."
_MULTI_FRAME = "1.2.840.10008.5.1.4.1.1.7."  # multi-frame Secondary Capture

# A window whose 10th and 90th percentiles come closer than this shows next to nothing.
MIN_CONTRAST = 0.1


def layout(header: DataSet) -> pixeldata.Layout:
    """How the pixels are stored. Refuses what is no single-frame grey CR, DX or SC image, by the header alone."""
    sop_class = header.text("SOPClassUID")
    if sop_class not in SOP_CLASSES:
        if sop_class.startswith(_PDF_AND_THE_LIKE):
            raise Refused("encapsulated_document")
        if sop_class.startswith(_STRUCTURED_REPORTS):
            raise Refused("structured_report")
        raise Refused("multi_frame" if sop_class.startswith(_MULTI_FRAME) else "unsupported_sop_class")
    if "Rows" not in header or "Columns" not in header:
        raise Refused("no_pixels")
    if header.text("NumberOfFrames") not in ("", "1"):
        raise Refused("multi_frame")
    photometric = header.text("PhotometricInterpretation")
    if photometric not in ("MONOCHROME1", "MONOCHROME2", ""):
        raise Refused("colour")
    rows, columns, allocated, stored = (
        header.integer(keyword) for keyword in ("Rows", "Columns", "BitsAllocated", "BitsStored")
    )
    if not photometric or _optional(header, "SamplesPerPixel", 1) != 1:
        raise Refused("unsupported_pixels")
    if rows is None or columns is None or allocated not in (8, 16) or stored is None or not 6 <= stored <= allocated:
        raise Refused("unsupported_pixels")
    signed = _optional(header, "PixelRepresentation", 0)
    if _optional(header, "HighBit", stored - 1) != stored - 1 or signed not in (0, 1):
        raise Refused("unsupported_pixels")
    check_size(columns, rows)
    return pixeldata.Layout(rows, columns, allocated, stored, signed == 1, photometric)


def _optional(header: DataSet, keyword: str, otherwise: int) -> int | None:
    """The integer, or ``otherwise`` when the attribute is absent or empty; None when it is something else."""
    return header.integer(keyword) if header.raw(keyword) else otherwise


def read_pixels(path: Path) -> tuple[Header, NDArray[np.integer[Any]]]:
    """The header and the stored values, (H, W) integer. Raises Refused."""
    with path.open("rb") as file:
        header = read(file)
        pixels = pixeldata.extract(layout(header), header.syntax, header.stream).values()
    if pixels.min() == pixels.max():
        raise Refused("blank")
    return header, pixels


def display_values(header: DataSet, stored: NDArray[np.integer[Any]]) -> NDArray[np.float32]:
    """(H, W) float32 in 0..1, bright = dense, by the grey-scale pipeline of PS3.4 N.2: rescale or modality LUT,
    then the first VOI LUT or window, then inversion for MONOCHROME1; padding (PS3.3 C.7.5.1.1.2) becomes 0.

    Without a window, or with one that leaves next to nothing visible, the 0.05 and 99.95 percentiles are used.
    """
    from pydicom.pixels.processing import apply_modality_lut, apply_voi

    dataset = header.converted()
    with guarded():
        padding = _padding(dataset, stored)
        values = np.asarray(apply_modality_lut(stored, dataset), dtype=np.float32)
        shown: NDArray[np.float32] | None = None
        if dataset.get("VOILUTSequence"):
            voi = apply_voi(np.rint(values).astype(np.int32), dataset)
            top = int(np.max(dataset.VOILUTSequence[0].LUTData))
            shown = np.asarray(voi, dtype=np.float32) / np.float32(max(top, 1))
        elif header.text("WindowCenter") and header.text("WindowWidth"):
            shown = _window(values, header)
        if shown is not None:
            shown = np.clip(shown, 0, 1)
        if shown is None or np.ptp(np.percentile(shown[::8, ::8], (10, 90))) < MIN_CONTRAST:
            shown = stretch(values, padding)
    if header.text("PhotometricInterpretation") == "MONOCHROME1":  # small stored values are bright
        shown = 1 - shown
    if padding is not None:
        shown[padding] = 0
    return shown


def _window(values: NDArray[np.float32], header: DataSet) -> NDArray[np.float32] | None:
    """The first window applied (PS3.3 C.11.2.1.2); None when it is unusable."""
    centre, width = float(header.text("WindowCenter")), float(header.text("WindowWidth"))
    if not width > 1:
        return None
    if header.text("VOILUTFunction") == "SIGMOID":
        shown: NDArray[np.float32] = 1 / (1 + np.exp(-4 * (values - np.float32(centre)) / np.float32(width)))
        return shown
    if header.text("VOILUTFunction") == "LINEAR_EXACT":
        return (values - np.float32(centre)) / np.float32(width) + np.float32(0.5)
    return (values - np.float32(centre - 0.5)) / np.float32(width - 1) + np.float32(0.5)


def _padding(dataset: "Dataset", stored: NDArray[np.integer[Any]]) -> NDArray[np.bool_] | None:
    value: Any = dataset.get("PixelPaddingValue")
    if not isinstance(value, int):
        return None
    other: Any = dataset.get("PixelPaddingRangeLimit")
    low, high = sorted((value, other if isinstance(other, int) else value))
    padding: NDArray[np.bool_] = (stored >= low) & (stored <= high)
    return padding

"""The permitted attributes of CR, DX and SC images: what is not here does not leave.

Each row says how a value is checked and why it may stay. ``otherwise`` is written when the file has the attribute and
its value does not validate: only where the standard demands the attribute (PS3.3 A.2, A.8.1, A.26). ``None``: drop it.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

from . import vocabulary as words
from .rules import Age, Codes, Fixed, Integer, Lut, Number, Pattern, Rule, Terms, Uid, Values, Vocabulary, code


class Row(NamedTuple):
    """One permitted attribute. ``by_class``: what is written otherwise in images of one SOP class."""

    keyword: str
    rule: Rule
    why: str
    otherwise: Values | None = None
    by_class: Mapping[str, Values] = {}


CR, DX, DX_RAW = "1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1.1"


def _dx(*values: str | int) -> Mapping[str, Values]:
    return {DX: list(values), DX_RAW: list(values)}


def _terms(*terms: str, most: int = 1) -> Terms:
    return Terms(frozenset(terms), most)


_EMPTY: Values = []
_EMPTIED = Fixed(name="emptied")
MEASURED = Fixed(name="measured")
_COUNTER = Number(0, 99_999, whole=True)
_MAKER = Vocabulary(words.MANUFACTURERS)
_PIXEL_VALUE = Integer(-32_768, 65_535)
_EDGE = Number(-10_000, 20_000, whole=True)
_SPACING = Number(0.01, 10, count=(2,))
_RESCALE_TYPES = frozenset({"US", "OD", "HU", "Z_EFF", "MGML"})
_VIEW = Codes(words.VIEWS, ("ViewModifierCodeSequence", Codes(words.VIEW_MODIFIERS)))
_BODY = code("38266002", "SCT", "Entire body")

TABLE: tuple[Row, ...] = (
    # Patient: PS3.3 C.7.1.1. Name and number are written by the engine from the pseudonym.
    Row("PatientBirthDate", _EMPTIED, "type 2, identifies; the age stays", _EMPTY),
    Row("PatientSex", _terms("F", "M", "O"), "113108: research needs it", _EMPTY),
    Row("PatientAge", Age(), "113108: research needs it"),
    # Study and series: PS3.3 C.7.2.1, C.7.3.1.
    Row("StudyInstanceUID", Uid(), "type 1, links the images of a study"),
    Row("SeriesInstanceUID", Uid(), "type 1, links the images of a series"),
    Row("FrameOfReferenceUID", Uid(), "type 1 where a frame of reference is"),
    Row("PositionReferenceIndicator", _EMPTIED, "type 2 beside a frame of reference", _EMPTY),
    Row("AccessionNumber", _EMPTIED, "type 2, identifies", _EMPTY),
    Row("ReferringPhysicianName", _EMPTIED, "type 2, identifies", _EMPTY),
    Row("StudyID", _EMPTIED, "type 2, identifies", _EMPTY),
    Row("Modality", _terms("CR", "DX", "OT", "RG", "XC", "DR"), "type 1", ["OT"], {CR: ["CR"], **_dx("DX")}),
    Row("SeriesNumber", _COUNTER, "order in the study, type 2", _EMPTY),
    Row("AcquisitionNumber", _COUNTER, "order in the series"),
    Row("InstanceNumber", _COUNTER, "order in the series, type 2", _EMPTY),
    Row("Laterality", _terms("R", "L"), "side of a paired part, type 2C", _EMPTY),
    Row("BodyPartExamined", Terms(words.BODY_PARTS), "what is seen, type 2", _EMPTY),
    Row("PatientPosition", _terms("HFP", "HFS", "HFDR", "HFDL", "FFDR", "FFDL", "FFP", "FFS"), "how the patient lay"),
    Row(
        "PresentationIntentType",
        _terms("FOR PRESENTATION", "FOR PROCESSING"),
        "type 1 of DX",
        by_class={DX: ["FOR PRESENTATION"], DX_RAW: ["FOR PROCESSING"]},
    ),
    # Equipment: PS3.3 C.7.5.1, C.8.6.1. The kind of machine, never which one.
    Row("Manufacturer", _MAKER, "kind of machine, type 2", _EMPTY),
    Row("ManufacturerModelName", Vocabulary(words.MODELS), "kind of machine"),
    Row("ConversionType", Terms(words.CONVERSION_TYPE), "type 1 of SC", ["WSD"]),
    Row("SecondaryCaptureDeviceManufacturer", _MAKER, "kind of machine"),
    # Image: PS3.3 C.7.6.1, C.8.11.1.
    Row("ImageType", Terms(words.IMAGE_TYPE, most=6), "type 1 of DX", ["DERIVED", "PRIMARY"]),
    Row("PatientOrientation", Pattern(re.compile("[APRLHF]{0,3}"), most=2), "directions of rows and columns", _EMPTY),
    Row("ImageLaterality", _terms("R", "L", "U", "B"), "type 1 of DX", ["U"]),
    Row("LossyImageCompression", _terms("00", "01"), "whether detail was lost, type 1 of DX", ["01"]),
    Row("LossyImageCompressionRatio", Number(0.1, 1_000, count=(1, 2, 3)), "how much was lost"),
    Row(
        "LossyImageCompressionMethod",
        _terms("ISO_10918_1", "ISO_14495_1", "ISO_15444_1", "ISO_13818_2", most=3),
        "how it was lost",
    ),
    Row("PresentationLUTShape", _terms("IDENTITY", "INVERSE"), "display, type 1 of DX", ["IDENTITY"]),
    Row("QualityControlImage", Terms(words.YES_NO), "tells test images apart"),
    Row("CalibrationImage", Terms(words.YES_NO), "tells test images apart"),
    # Pixels: PS3.3 C.7.6.3. Written as the pixel data was measured, whatever stood there.
    Row("SamplesPerPixel", MEASURED, "type 1"),
    Row("PhotometricInterpretation", MEASURED, "type 1"),
    Row("Rows", MEASURED, "type 1"),
    Row("Columns", MEASURED, "type 1"),
    Row("BitsAllocated", MEASURED, "type 1"),
    Row("BitsStored", MEASURED, "type 1"),
    Row("HighBit", MEASURED, "type 1"),
    Row("PixelRepresentation", MEASURED, "type 1"),
    Row("PixelAspectRatio", Number(1, 100, count=(2,), whole=True), "shape of a pixel"),
    Row("SmallestImagePixelValue", _PIXEL_VALUE, "range of values"),
    Row("LargestImagePixelValue", _PIXEL_VALUE, "range of values"),
    Row("PixelPaddingValue", _PIXEL_VALUE, "what is no image"),
    Row("PixelPaddingRangeLimit", _PIXEL_VALUE, "what is no image"),
    # Grey levels: PS3.3 C.11.1, C.11.2, C.8.11.3.
    Row("PixelIntensityRelationship", _terms("LIN", "LOG", "DISP"), "type 1 of DX", by_class=_dx("LOG")),
    Row("PixelIntensityRelationshipSign", Integer(-1, 1), "type 1 of DX", by_class=_dx(1)),
    Row("RescaleIntercept", Number(-70_000, 70_000), "meaning of values", by_class=_dx("0")),
    Row("RescaleSlope", Number(-1_000, 1_000), "meaning of values", by_class=_dx("1")),
    Row("RescaleType", Terms(_RESCALE_TYPES), "meaning of values", ["US"]),
    Row("WindowCenter", Number(-70_000, 140_000, count=(1, 2, 3, 4)), "display"),
    Row("WindowWidth", Number(1, 140_000, count=(1, 2, 3, 4)), "display"),
    Row("VOILUTFunction", _terms("LINEAR", "LINEAR_EXACT", "SIGMOID"), "display"),
    Row("VOILUTSequence", Lut(), "display; explanations go"),
    Row("ModalityLUTSequence", Lut(_RESCALE_TYPES, most=1), "meaning of values; explanations go"),
    # Geometry: PS3.3 10.7, C.8.11.3, C.8.7.1.
    Row("ImagerPixelSpacing", _SPACING, "size, type 1 of DX", by_class=_dx("1", "1")),
    Row("PixelSpacing", _SPACING, "size"),
    Row("NominalScannedPixelSpacing", _SPACING, "size"),
    Row("PixelSpacingCalibrationType", _terms("FIDUCIAL", "GEOMETRY"), "how the size is known"),
    Row("PixelSpacingCalibrationDescription", Fixed(("withheld",)), "type 1C beside the type, free text"),
    Row("EstimatedRadiographicMagnificationFactor", Number(0.5, 5), "size"),
    Row("DistanceSourceToDetector", Number(100, 6_000), "geometry"),
    Row("DistanceSourceToPatient", Number(100, 6_000), "geometry"),
    Row("PositionerType", _terms("CARM", "COLUMN", "RIGID", "NONE"), "type 2 of DX", _EMPTY),
    Row("ViewPosition", Terms(words.VIEW_POSITION), "projection, type 2 of CR", _EMPTY),
    Row("ViewCodeSequence", _VIEW, "type 1 of DX", [code("399033003", "SCT", "frontal")]),
    Row("AnatomicRegionSequence", Codes(words.ANATOMY), "type 1 of DX", [_BODY]),
    Row("AcquisitionContextSequence", _EMPTIED, "type 2 of DX; says more than is needed", _EMPTY),
    # Exposure and detector: PS3.3 C.8.1.1, C.8.11.4, C.8.11.5.
    Row("KVP", Number(20, 200), "exposure", _EMPTY),
    Row("XRayTubeCurrent", Number(0, 5_000, whole=True), "exposure"),
    Row("ExposureTime", Number(0, 60_000, whole=True), "exposure"),
    Row("Exposure", Number(0, 5_000, whole=True), "exposure"),
    Row("ExposureInuAs", Number(0, 5_000_000, whole=True), "exposure"),
    Row("ExposureIndex", Number(0, 100_000), "exposure"),
    Row("TargetExposureIndex", Number(0, 100_000), "exposure"),
    Row("DeviationIndex", Number(-30, 30), "exposure"),
    Row("RelativeXRayExposure", Number(0, 65_535, whole=True), "exposure"),
    Row("Sensitivity", Number(0, 10_000), "exposure"),
    Row("Grid", _terms("IN", "NONE", "FIXED", "FOCUSED", "RECIPROCATING", "PARALLEL", "CROSSED", most=4), "scatter"),
    Row("DetectorType", _terms("DIRECT", "SCINTILLATOR", "STORAGE", "FILM"), "type 2 of DX", _EMPTY),
    Row("ImageAndFluoroscopyAreaDoseProduct", Number(0, 100_000), "exposure"),
    Row("FocalSpots", Number(0.05, 5, count=(1, 2)), "sharpness"),
    Row("FilterType", _terms("STRIP", "WEDGE", "BUTTERFLY", "MULTIPLE", "FLAT", "SHAPED", "NONE"), "beam"),
    Row("CollimatorShape", _terms("RECTANGULAR"), "edges of the field"),
    Row("CollimatorLeftVerticalEdge", _EDGE, "edges of the field"),
    Row("CollimatorRightVerticalEdge", _EDGE, "edges of the field"),
    Row("CollimatorUpperHorizontalEdge", _EDGE, "edges of the field"),
    Row("CollimatorLowerHorizontalEdge", _EDGE, "edges of the field"),
    Row("DetectorConfiguration", _terms("AREA", "SLOT"), "kind of detector"),
)  # fmt: skip

# Dates with their times: moved together by the patient's shift (113107). What cannot be read is left empty in the
# first pair, which is type 2, and dropped elsewhere.
DATES: tuple[tuple[str, str], ...] = (
    ("StudyDate", "StudyTime"),
    ("SeriesDate", "SeriesTime"),
    ("AcquisitionDate", "AcquisitionTime"),
    ("ContentDate", "ContentTime"),
    ("DateOfSecondaryCapture", "TimeOfSecondaryCapture"),
)

# PS3.3 wants these together or not at all.
TOGETHER: tuple[tuple[str, ...], ...] = (
    ("WindowCenter", "WindowWidth"),
    ("RescaleIntercept", "RescaleSlope", "RescaleType"),
    ("PixelSpacingCalibrationType", "PixelSpacingCalibrationDescription"),
    (
        "CollimatorShape",
        "CollimatorLeftVerticalEdge",
        "CollimatorRightVerticalEdge",
        "CollimatorUpperHorizontalEdge",
        "CollimatorLowerHorizontalEdge",
    ),
)

# Written by the engine itself.
WRITTEN: tuple[str, ...] = (
    "SOPClassUID",
    "SOPInstanceUID",
    "PatientName",
    "PatientID",
    "PatientIdentityRemoved",
    "DeidentificationMethod",
    "DeidentificationMethodCodeSequence",
    "LongitudinalTemporalInformationModified",
    "BurnedInAnnotation",
    "PixelData",
)

# The profile and its options (PS3.16 CID 7050), all that are ever applied.
METHODS = {
    "113100": "Basic Application Confidentiality Profile",
    "113101": "Clean Pixel Data Option",
    "113105": "Clean Descriptors Option",
    "113107": "Retain Longitudinal Temporal Information Modified Dates Option",
    "113108": "Retain Patient Characteristics Option",
}

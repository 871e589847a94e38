"""Files with identifiers planted wherever they can hide, and the search for them in raw bytes."""

import contextlib
import zlib
from collections.abc import Callable
from functools import cache
from io import BytesIO
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import UID

KEY = b"a key for tests only, 32 bytes.."
CR, DX, SC = "1.2.840.10008.5.1.4.1.1.1", "1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.5.1.4.1.1.7"
IMPLICIT, EXPLICIT, DEFLATED, BIG = (
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2.1.99",
    "1.2.840.10008.1.2.2",
)
JPEG, RLE = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.5"

# Whole and in parts; invented.
NAMES = ("Zażółćska", "Gęślicka", "Grzegżółka")
SECRETS = (*NAMES, "44051401458", "QPAT-770131", "19440514", "SZPITAL-QX", "Qwertzuiop", "9981.7723.5541")
CHARACTER_SETS = ("utf-8", "utf-16-le", "utf-16-be", "iso8859-2", "cp1250")


def picture(height: int = 120, width: int = 130, bits: int = 12) -> np.ndarray:
    """Noise with a gradient, (height, width) uint8 or uint16."""
    return _picture(height, width, bits).copy()


@cache
def _picture(height: int, width: int, bits: int) -> np.ndarray:
    random = np.random.default_rng(5)
    ramp = np.linspace(0, (1 << bits) - 1, width)[None, :] * np.ones((height, 1))
    noisy = np.clip(ramp + random.normal(0, 3, ramp.shape), 0, (1 << bits) - 1)
    return noisy.astype(np.uint8 if bits == 8 else np.uint16)


def dataset(sop_class: str = CR, bits: int = 12) -> Dataset:
    """An image with every kind of identifier in its header."""
    plain = Dataset()
    plain.SpecificCharacterSet = "ISO_IR 192"
    plain.SOPClassUID, plain.SOPInstanceUID = sop_class, "1.2.3.9981.7723.5541.1"
    plain.StudyInstanceUID, plain.SeriesInstanceUID = "1.2.3.9981.7723.5541.2", "1.2.3.9981.7723.5541.3"
    plain.ImageType = ["ORIGINAL", "PRIMARY", "Qwertzuiop"]
    plain.StudyDate, plain.StudyTime = "20210310", "101112.123456"
    plain.ContentDate, plain.ContentTime = "20210310", "101512"
    plain.AcquisitionDateTime = "19440514101112"
    plain.Modality = "CR"
    plain.Manufacturer, plain.ManufacturerModelName = "SZPITAL-QX", "Qwertzuiop"
    plain.InstitutionName = "SZPITAL-QX"
    plain.PatientName, plain.PatientID = "Zażółćska^Gęślicka", "QPAT-770131"
    plain.IssuerOfPatientID = "SZPITAL-QX"
    plain.PatientBirthDate, plain.PatientSex, plain.PatientAge = "19440514", "F", "076Y"
    plain.OtherPatientIDs = ["44051401458", "QPAT-770131"]
    plain.PatientComments = "Grzegżółka Qwertzuiop"
    plain.StudyDescription = "Thorax Grzegżółka"
    plain.BodyPartExamined, plain.ViewPosition = "CHEST", "PA"
    plain.ProtocolName = "QPAT-770131"
    plain.DeviceSerialNumber = "44051401458"
    plain.KVP, plain.ExposureTime = "117", "44051401458"
    plain.SeriesNumber, plain.InstanceNumber = "1", "44051401458"
    plain.StudyID = "QPAT-770131"
    plain.AccessionNumber = "44051401458"
    plain.PatientOrientation = ["L", "F"]
    plain.ImageComments = "Zażółćska"
    plain.SamplesPerPixel, plain.PhotometricInterpretation = 1, "MONOCHROME2"
    plain.BitsStored, plain.HighBit, plain.PixelRepresentation = bits, bits - 1, 0
    plain.BitsAllocated = 8 if bits == 8 else 16
    plain.WindowCenter, plain.WindowWidth = "2000", "4000"
    plain.WindowCenterWidthExplanation = "Zażółćska"
    plain.BurnedInAnnotation = "NO"
    deepest, middle = Dataset(), Dataset()
    deepest.PatientName, deepest.TextValue = "Gęślicka", "44051401458"
    middle.ScheduledProcedureStepDescription = "Qwertzuiop"
    middle.ReferencedPatientSequence = Sequence([deepest])
    plain.RequestAttributesSequence = Sequence([middle])
    plain.OriginalAttributesSequence = Sequence([middle])
    view = Dataset()
    view.CodeValue, view.CodingSchemeDesignator, view.CodeMeaning = "272479007", "SCT", "Zażółćska"
    view.PatientName = "Gęślicka"
    plain.ViewCodeSequence = Sequence([view])
    block = plain.private_block(0x0019, "SZPITAL-QX", create=True)
    block.add_new(0x01, "LO", "Grzegżółka")
    block.add_new(0x02, "UN", "44051401458".encode("utf-16-le"))
    block.add_new(0x03, "SQ", [deepest])
    plain.add_new(0x60000022, "LO", "Zażółćska")  # overlay description
    plain.add_new(0x60003000, "OW", b"44051401458\x00")
    plain.add_new(0x50003000, "OW", b"QPAT-770131\x00")  # retired curve
    plain.add_new(0x00091111, "UN", b"Qwertzuiop")  # private without a creator
    plain.add_new(0x00185555, "UN", b"44051401458\x00")  # unknown
    plain.add_new(0xFFFCFFFC, "OB", b"QPAT-770131\x00")  # trailing padding
    return plain


def write(path: Path, plain: Dataset, syntax: str, pixels: bytes, tail: bytes = b"") -> Path:
    """The file, with secrets in preamble and file meta, behind the last pixel (``tail``) and behind the data set."""
    encapsulated = syntax not in (IMPLICIT, EXPLICIT, DEFLATED, BIG)
    plain.PixelData = encapsulate([pixels + tail]) if encapsulated else pixels + tail
    plain["PixelData"].VR = "OB" if encapsulated else "OW"
    plain["PixelData"].is_undefined_length = encapsulated
    meta = FileMetaDataset()
    foreign = UID("1.2.3.9981.7723.5541")
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = plain.SOPClassUID, foreign
    meta.TransferSyntaxUID, meta.ImplementationClassUID = UID(syntax), foreign
    meta.SourceApplicationEntityTitle = "SZPITAL-QX"
    meta.PrivateInformationCreatorUID, meta.PrivateInformation = foreign, b"44051401458\x00"
    plain.file_meta = meta
    plain.preamble = "Zażółćska 44051401458".encode().ljust(128, b"\x00")
    out = BytesIO()
    explicit, little = syntax != IMPLICIT, syntax != BIG
    dcmwrite(out, plain, implicit_vr=not explicit, little_endian=little, enforce_file_format=True)
    path.write_bytes(out.getvalue() + ("" if syntax == DEFLATED else "Grzegżółka QPAT-770131").encode())
    return path


def native(path: Path, syntax: str = EXPLICIT, change: Callable[[Dataset], None] = lambda _: None) -> Path:
    """A planted file with uncompressed 12 bit pixels, a secret in the high bits and one behind the last pixel."""
    pixels = picture()
    secret = np.frombuffer(b"44051401458 " * 40, dtype=np.uint8).astype(np.uint16)
    hidden = pixels.copy()
    hidden.flat[: secret.size] |= (secret & 0xF) << 12
    plain = dataset()
    plain.Rows, plain.Columns = pixels.shape
    change(plain)
    data = hidden.astype(">u2" if syntax == BIG else "<u2").tobytes()
    return write(path, plain, syntax, data, "Zażółćska 44051401458".encode().ljust(32))


def texts(data: bytes) -> list[bytes]:
    """The raw bytes, and what inflates out of them."""
    found = [data]
    for mark in (b"\x78\x9c", b"\x78\xda", b"\x78\x01"):
        at = data.find(mark)
        while at >= 0 and len(found) < 50:
            with contextlib.suppress(zlib.error):
                found.append(zlib.decompressobj().decompress(data[at:]))
            at = data.find(mark, at + 1)
    return found


def leaks(data: bytes) -> list[str]:
    """Secrets that can be read in ``data``, in any character set."""
    forms = {}
    for secret in SECRETS:
        for variant in (secret, secret.upper(), secret.encode("ascii", "ignore").decode()):
            for name in CHARACTER_SETS:
                forms[variant.encode(name)] = secret
    return sorted({secret for text in texts(data) for form, secret in forms.items() if len(form) > 5 and form in text})

"""Phantoms as the files that hospitals send, with invented identifiers wherever real ones are found.

The people, hospitals and numbers do not exist; they are there so that a demo shows them disappear.
"""

import random
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ComputedRadiographyImageStorage, ExplicitVRLittleEndian

Pixels = NDArray[np.uint8] | NDArray[np.uint16]

_FIRST = {
    "F": ("Phantoma", "Ficta", "Fantazja", "Imaginata", "Zmyślona"),
    "M": ("Phantomas", "Fictus", "Fantazy", "Imaginus", "Zmyślon"),
}
_LAST = ("Testowy-Atrapa", "Demoński", "Próbny", "Placeholder", "Nieistniejący", "Nobodyski", "Wymyślny", "Makieta")
_UID_ROOT = "1.2.826.0.1.3680043.8.498."  # pydicom's own root, free for made-up objects


@dataclass(frozen=True)
class FakePerson:
    """An invented patient: DICOM's person name, hospital number, sex, birth date, day of the examination."""

    name: str
    number: str
    sex: str
    born: date
    seen: date
    hospital: str
    physician: str

    @classmethod
    def invent(cls, seed: int, sex: str = "F") -> "FakePerson":
        """The same person for the same seed and sex."""
        dice = random.Random(f"phantom {seed}")  # noqa: S311 (nothing secret)
        seen = date(2020, 3, 1) + timedelta(days=dice.randrange(700))
        return cls(
            name=f"{dice.choice(_LAST)}^{dice.choice(_FIRST[sex])}",
            number=f"FAKE-{dice.randrange(10**7):07d}",
            sex=sex,
            born=seen - timedelta(days=round(365.25 * dice.uniform(19, 93))),
            seen=seen,
            hospital=f"Szpital Zmyślony nr {dice.randrange(1, 99)}",
            physician=f"Doktor^{dice.choice(_LAST)}",
        )


def write_dicom(path: Path, pixels: Pixels, person: FakePerson, *, view: str = "PA", seed: int = 0) -> None:
    """Write a CR image (PS3.3 A.2), explicit little endian, with ``person`` in every place that identifies people."""
    dice = random.Random(f"object {seed} {person.number}")  # noqa: S311 (nothing secret)
    born, seen, time = (
        f"{person.born:%Y%m%d}",
        f"{person.seen:%Y%m%d}",
        f"{dice.randrange(8, 18):02d}{dice.randrange(60):02d}07",
    )
    bits = 8 if pixels.dtype == np.uint8 else 12
    dataset = Dataset()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.ImageType = ["ORIGINAL", "PRIMARY"]
    dataset.SOPClassUID = ComputedRadiographyImageStorage
    for keyword in ("SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID"):
        setattr(dataset, keyword, _UID_ROOT + str(dice.randrange(10**20)))
    dataset.StudyDate = dataset.SeriesDate = dataset.AcquisitionDate = dataset.ContentDate = seen
    dataset.StudyTime = dataset.SeriesTime = dataset.AcquisitionTime = dataset.ContentTime = time
    dataset.AccessionNumber = f"ACC-{person.number}"
    dataset.Modality = "CR"
    dataset.Manufacturer = "Phantom Works"
    dataset.InstitutionName, dataset.InstitutionAddress = person.hospital, "ul. Nieistniejąca 7, 00-000 Nigdzie"
    dataset.ReferringPhysicianName = dataset.OperatorsName = person.physician
    dataset.StationName = "FAKESTATION1"
    dataset.StudyDescription = f"Chest {view} of {person.name.replace('^', ' ')}"
    dataset.SeriesDescription = "Thorax, invented"
    dataset.ManufacturerModelName = "Drawing Board"
    dataset.PatientName, dataset.PatientID = person.name, person.number
    dataset.IssuerOfPatientID = "Invented Registry"
    dataset.PatientBirthDate, dataset.PatientSex = born, person.sex
    dataset.PatientAge = f"{(person.seen - person.born).days // 365:03d}Y"
    dataset.PatientAddress, dataset.PatientTelephoneNumbers = "ul. Zmyślona 1, Nigdzie", "+48 000 000 000"
    dataset.PatientComments = f"Invented: {person.name}, born {born}"
    dataset.BodyPartExamined, dataset.ViewPosition = "CHEST", view
    dataset.PatientOrientation = ["L", "F"]
    dataset.DeviceSerialNumber = "SN-FAKE-0001"
    dataset.KVP, dataset.Exposure = "117", "2"
    dataset.StudyID, dataset.SeriesNumber, dataset.InstanceNumber = "FAKE1", "1", "1"
    dataset.ImagerPixelSpacing = ["0.4", "0.4"]
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape
    dataset.BitsAllocated = pixels.dtype.itemsize * 8
    dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = bits, bits - 1, 0
    dataset.WindowCenter, dataset.WindowWidth = str(1 << (bits - 1)), str(1 << bits)
    dataset.BurnedInAnnotation = "NO"
    request = Dataset()
    request.RequestedProcedureDescription = f"Thorax for {person.name}"
    request.ScheduledProcedureStepID = f"ST-{person.number}"
    dataset.RequestAttributesSequence = [request]
    block = dataset.private_block(0x0019, "PHANTOM WORKS 1.0", create=True)
    block.add_new(0x01, "LO", person.name)
    block.add_new(0x02, "SH", person.number[:16])
    dataset.PixelData = pixels.tobytes() + b"\x00" * (pixels.nbytes % 2)
    dataset["PixelData"].VR = "OB" if bits == 8 else "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.file_meta.SourceApplicationEntityTitle = "FAKE_SZPITAL"
    dataset.preamble = f"export of {person.number}".encode().ljust(128, b"\x00")
    dataset.save_as(path, enforce_file_format=True)


def _exif(person: FakePerson) -> Image.Exif:
    exif = Image.Exif()
    exif[0x010E] = f"{person.name.replace('^', ' ')} {person.number}"  # ImageDescription
    exif[0x013B] = person.physician.replace("^", " ")  # Artist
    exif[0x0132] = f"{person.seen:%Y:%m:%d} 10:00:00"  # DateTime
    exif[0x8298] = person.hospital  # Copyright
    return exif


def write_jpeg(path: Path, pixels: NDArray[np.uint8], person: FakePerson) -> None:
    """Write a grey JPEG with ``person`` in EXIF and in a comment."""
    comment = f"{person.name} {person.number} {person.born}".encode()
    Image.fromarray(pixels).save(path, format="JPEG", quality=92, exif=_exif(person), comment=comment)


def write_png(path: Path, pixels: Pixels, person: FakePerson) -> None:
    """Write a grey PNG, 8 or 16 bit, with ``person`` in EXIF and in text chunks."""
    info = PngInfo()
    info.add_text("Patient", f"{person.name} {person.number}")
    info.add_itxt("Institution", person.hospital)
    Image.fromarray(pixels).save(path, format="PNG", pnginfo=info, exif=_exif(person))


def write_tiff(path: Path, pixels: Pixels, person: FakePerson) -> None:
    """Write a grey TIFF, 8 or 16 bit, with ``person`` in its description tags."""
    Image.fromarray(pixels).save(
        path,
        format="TIFF",
        description=f"{person.name} {person.number}",
        artist=person.physician,
        software="Phantom Works",
        datetime=f"{person.seen:%Y:%m:%d} 10:00:00",
    )

"""DICOM bytes as one wants them, malformed ones too: no library writes what these tests need."""

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Union

from pydicom.datadict import dictionary_VR, tag_for_keyword

from .simple import BIG, CR, DEFLATED, DX, EXPLICIT, IMPLICIT, SC, picture

LONG = frozenset(["OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"])
_NUMBERS = {"US": "H", "SS": "h", "UL": "L", "SL": "l", "FD": "d", "FL": "f", "SV": "q", "UV": "Q"}
Value = Union[bytes, str, Sequence[int], list["Item"]]  # noqa: UP007 (names itself)


@dataclass
class Node:
    """One element. ``value``: bytes as they are, text (UTF-8), numbers, or the items of a sequence.

    ``undefined``: lengths of the sequence and its items are undefined; ``raw_length``: a length that lies.
    """

    tag: int
    vr: str
    value: Value
    undefined: bool = False
    raw_length: int | None = None


Item = list[Node]


def node(keyword: str, value: Value, vr: str = "", undefined: bool = False) -> Node:
    """An element by its keyword, with the standard's VR unless another is given."""
    tag = tag_for_keyword(keyword)
    assert tag is not None
    return Node(int(tag), vr or dictionary_VR(tag).split(" or ")[0], value, undefined)


@dataclass
class File:
    """One image to be written. ``nodes``: tag -> element; ``more``: elements added out of order, in front."""

    sop_class: str = CR
    syntax: str = EXPLICIT
    bits: int = 12
    nodes: dict[int, Node] = field(default_factory=dict)
    more: list[Node] = field(default_factory=list)
    meta: list[Node] = field(default_factory=list)
    preamble: bytes = b""
    pixels: bytes | None = None  # the whole value of Pixel Data
    pixel_length: int | None = None
    after: bytes = b""  # behind the data set

    def __post_init__(self) -> None:
        rows = picture(bits=self.bits)
        for keyword, value in plain_image(self.sop_class, self.bits, rows.shape).items():
            self.put(node(keyword, value))

    def put(self, *nodes: Node) -> None:
        for one in nodes:
            self.nodes[one.tag] = one

    @property
    def native(self) -> bool:
        return self.syntax in (EXPLICIT, IMPLICIT, BIG, DEFLATED)

    def dataset(self) -> bytes:
        implicit, little = self.syntax == IMPLICIT, self.syntax != BIG
        before = [one for tag, one in sorted(self.nodes.items()) if tag < 0x7FE00010]
        behind = [one for tag, one in sorted(self.nodes.items()) if tag > 0x7FE00010]
        pixels = self.pixels
        if pixels is None:
            pixels = picture(bits=self.bits).astype("u1" if self.bits == 8 else ("<u2" if little else ">u2")).tobytes()
        vr = "OW" if self.native else "OB"
        length = self.pixel_length if self.pixel_length is not None else (len(pixels) if self.native else 0xFFFFFFFF)
        body = b"".join(encode(one, implicit, little) for one in self.more + before)
        body += encode(Node(0x7FE00010, vr, pixels, raw_length=length), implicit, little)
        return body + b"".join(encode(one, implicit, little) for one in behind) + self.after

    def bytes(self) -> bytes:
        uid = self.nodes.get(0x00080018)
        meta = [
            Node(0x00020001, "OB", b"\x00\x01"),
            Node(0x00020002, "UI", self.sop_class),
            Node(0x00020003, "UI", uid.value if uid else "1.2.3.4"),
            Node(0x00020010, "UI", self.syntax),
            Node(0x00020012, "UI", "1.2.3.4"),
        ]
        head = b"".join(encode(one, False, True) for one in sorted(meta + self.meta, key=lambda one: one.tag))
        head = encode(Node(0x00020000, "UL", [len(head)]), False, True) + head
        body = self.dataset()
        if self.syntax == DEFLATED:
            deflater = zlib.compressobj(wbits=-15)
            body = deflater.compress(body) + deflater.flush()
            body += b"\x00" * (len(body) % 2)
        return self.preamble[:128].ljust(128, b"\x00") + b"DICM" + head + body


def plain_image(sop_class: str, bits: int, shape: tuple[int, ...]) -> dict[str, Value]:
    """A valid, clean image of the class: keyword -> value."""
    found: dict[str, Value] = {
        "SpecificCharacterSet": "ISO_IR 192", "ImageType": "ORIGINAL\\PRIMARY", "SOPClassUID": sop_class,
        "SOPInstanceUID": "1.2.3.4", "StudyDate": "20210310", "StudyTime": "101112", "AccessionNumber": "",
        "Modality": "CR" if sop_class == CR else "DX" if sop_class.startswith(DX) else "OT",
        "Manufacturer": "FUJIFILM", "ReferringPhysicianName": "", "PatientName": "", "PatientID": "",
        "PatientBirthDate": "", "PatientSex": "F", "PatientAge": "076Y", "BodyPartExamined": "CHEST",
        "ViewPosition": "PA", "StudyInstanceUID": "1.2.3.5", "SeriesInstanceUID": "1.2.3.6", "StudyID": "",
        "SeriesNumber": "1", "InstanceNumber": "1", "PatientOrientation": "L\\F", "SamplesPerPixel": [1],
        "PhotometricInterpretation": "MONOCHROME2", "Rows": [shape[0]], "Columns": [shape[1]],
        "BitsAllocated": [8 if bits == 8 else 16], "BitsStored": [bits], "HighBit": [bits - 1],
        "PixelRepresentation": [0], "WindowCenter": "2000", "WindowWidth": "4000",
    }  # fmt: skip
    if sop_class == SC:
        found["ConversionType"] = "WSD"
    if sop_class.startswith(DX):
        found |= {
            "PresentationIntentType": "FOR PROCESSING" if sop_class != DX else "FOR PRESENTATION",
            "ContentDate": "20210310", "ContentTime": "101512", "SeriesDate": "20210310", "SeriesTime": "101112",
            "AcquisitionDate": "20210310", "AcquisitionTime": "101112", "PositionerType": "NONE",
            "ImagerPixelSpacing": "0.143\\0.143", "ImageLaterality": "U", "LossyImageCompression": "00",
            "PixelIntensityRelationship": "LOG", "PixelIntensityRelationshipSign": [-1], "RescaleIntercept": "0",
            "RescaleSlope": "1", "RescaleType": "US", "PresentationLUTShape": "IDENTITY", "BurnedInAnnotation": "NO",
            "DetectorType": "SCINTILLATOR", "KVP": "117", "AcquisitionContextSequence": [],
            "DetectorConfiguration": "AREA",
            "ViewCodeSequence": [
                [*coded("272479007", "SCT", "postero-anterior"), node("ViewModifierCodeSequence", [])]
            ],
            "AnatomicRegionSequence": [coded("51185008", "SCT", "Chest")],
        }  # fmt: skip
        if sop_class != DX:
            del found["WindowCenter"], found["WindowWidth"]
    return found


def coded(value: str, scheme: str, meaning: str) -> Item:
    """The item of a code sequence."""
    return [node("CodeValue", value), node("CodingSchemeDesignator", scheme), node("CodeMeaning", meaning)]


def encode(one: Node, implicit: bool, little: bool) -> bytes:
    """The bytes of one element."""
    order = "<" if little else ">"
    body, length = _body(one, implicit, little)
    length = one.raw_length if one.raw_length is not None else length
    tag = struct.pack(order + "HH", one.tag >> 16, one.tag & 0xFFFF)
    if implicit:
        return tag + struct.pack(order + "L", length) + body
    if one.vr in LONG:
        return tag + one.vr.encode() + struct.pack(order + "HL", 0, length) + body
    return tag + one.vr.encode() + struct.pack(order + "H", length & 0xFFFF) + body


def _body(one: Node, implicit: bool, little: bool) -> tuple[bytes, int]:
    order, value = "<" if little else ">", one.value
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        if one.raw_length is None and len(value) % 2:
            value += b"\x00" if one.vr in ("UI", "OB", "UN") else b" "
        return value, len(value)
    if value and isinstance(value[0], int):
        kind = "HH" if one.vr == "AT" else _NUMBERS.get(one.vr, "H") * len(value)
        data = struct.pack(order + kind, *value)
        return data, len(data)
    # Within UN everything is implicit (PS3.5 6.2.2).
    implicit, little = (True, True) if one.vr == "UN" else (implicit, little)
    order = "<" if little else ">"
    item, end = b"\xfe\xff\x00\xe0" if little else b"\xff\xfe\xe0\x00", (0xE00D, 0xE0DD)
    out = b""
    for nodes in value:
        assert isinstance(nodes, list)
        inner = b"".join(encode(inside, implicit, little) for inside in nodes)
        out += item + struct.pack(order + "L", 0xFFFFFFFF if one.undefined else len(inner)) + inner
        out += struct.pack(order + "HHL", 0xFFFE, end[0], 0) if one.undefined else b""
    if one.undefined:
        return out + struct.pack(order + "HHL", 0xFFFE, end[1], 0), 0xFFFFFFFF
    return out, len(out)

"""Headers full of identifiers: every attribute of the standard, every representation, depth and character set."""

import csv
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from pydicom._dicom_dict import DicomDictionary

from imaging.deid.table import DATES, TABLE, WRITTEN

from .secrets import Case, Planter
from .simple import BIG, CR, DEFLATED, DX, EXPLICIT, IMPLICIT, SC
from .writer import File, Item, Node, coded, node

E1_1 = Path(__file__).parents[1] / "e1_1.csv"
SYNTAXES = {"explicit": EXPLICIT, "implicit": IMPLICIT, "big": BIG, "deflated": DEFLATED}
CLASSES = {"CR": CR, "DX": DX, "SC": SC}
VRS = (
    "AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "OB", "OD", "OF", "OL", "OV", "OW", "PN",
    "SH", "SL", "SQ", "SS", "ST", "SV", "TM", "UC", "UI", "UL", "UN", "UR", "US", "UT", "UV",
)  # fmt: skip
_DIGITS = frozenset(("DS", "IS"))
_MOMENTS = frozenset(("DA", "DT"))
# What decides how the file is read: planted one at a time, since a wrong value may refuse the file.
STRUCTURE = frozenset((
    "SpecificCharacterSet", "SOPClassUID", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit",
    "PixelRepresentation", "SamplesPerPixel", "PhotometricInterpretation", "NumberOfFrames", "PixelData",
    "FloatPixelData", "DoubleFloatPixelData",
))  # fmt: skip
# Values that validate, to stand beside the secret.
_GOOD = {
    "AE": "STATION", "AS": "076Y", "CS": "YES", "DA": "20210310", "DS": "117", "DT": "20210310101112", "IS": "3",
    "LO": "FUJIFILM", "LT": "CHEST", "PN": "Anonymous", "SH": "CHEST", "ST": "CHEST", "TM": "101112",
    "UI": "1.2.840.10008.1.1", "UC": "CHEST", "UT": "CHEST", "UR": "https://example.org",
}  # fmt: skip
_GOOD_FOR = {
    "Modality": "CR", "PatientSex": "F", "Laterality": "R", "BodyPartExamined": "CHEST", "ViewPosition": "PA",
    "ImageType": "ORIGINAL\\PRIMARY", "PatientOrientation": "L\\F", "ImageLaterality": "U", "ConversionType": "WSD",
    "PresentationLUTShape": "IDENTITY", "RescaleType": "US", "PositionerType": "NONE", "DetectorType": "SCINTILLATOR",
    "PresentationIntentType": "FOR PROCESSING", "PixelIntensityRelationship": "LOG", "LossyImageCompression": "00",
    "VOILUTFunction": "LINEAR", "Grid": "FIXED", "FilterType": "NONE", "CollimatorShape": "RECTANGULAR",
    "ImagerPixelSpacing": "0.143\\0.143", "PixelSpacing": "0.143\\0.143", "RescaleSlope": "1", "RescaleIntercept": "0",
    "ManufacturerModelName": "DigitalDiagnost", "PixelAspectRatio": "1\\1", "PatientPosition": "HFS",
    "DetectorConfiguration": "AREA", "ExposureControlMode": "AUTOMATIC", "FocalSpots": "1.2",
}  # fmt: skip


@cache
def _profile() -> frozenset[str]:
    with E1_1.open() as file:
        return frozenset(row["tag"] for row in csv.DictReader(line for line in file if not line.startswith("#")))


def in_scope(tag: int) -> bool:
    """Whether Table E.1-1 names the attribute."""
    if tag >> 16 & 1 or tag >> 24 == 0x50:
        return True
    return f"{tag:08x}" in _profile() or (tag >> 24 == 0x60 and tag & 0xFFFF in (0x3000, 0x4000))


def secret(planter: Planter, tag: int, vr: str, kind: str) -> str | bytes | list[Item]:
    """A value of the representation that holds a secret."""
    scope = in_scope(tag)
    if vr == "SQ":
        return [[Node(0x00104000, "LT", planter.word(kind, scope)), node("PatientName", planter.word(kind, True))]]
    if vr in _MOMENTS:
        return planter.date(kind, scope) + ("101112.123456+0100" if vr == "DT" else "")
    if vr in _DIGITS:
        return planter.number(kind, scope)
    if vr == "UI":
        return planter.uid(kind, scope)
    word = planter.word(kind, scope)
    if vr == "PN":
        return f"{word}^{planter.word(kind, scope)}={word}"
    if vr == "UR":
        return f"https://example.org/{word}"
    if vr in ["OD", "OV", "FD", "SV", "UV"]:
        return word.encode().ljust(16)
    return word.encode() if vr in ["AT", "FL", "OB", "OF", "OL", "OW", "SL", "SS", "UL", "UN", "US"] else word


def _handled() -> frozenset[str]:
    return frozenset((*WRITTEN, *(row.keyword for row in TABLE), *(word for pair in DATES for word in pair)))


def whole_dictionary(syntax: str, sop_class: str, seed: str) -> tuple[File, Planter]:
    """Every attribute of the data dictionary, in the standard and retired ones, that the table does not name."""
    planter, file = Planter(seed), File(sop_class, syntax)
    known = _handled() | STRUCTURE
    for tag, (vr, _, _, _, keyword) in DicomDictionary.items():
        first = vr.split(" or ")[-1 if vr.startswith("US or SS or OW") else 0]
        if tag >> 16 in (0x0002, 0xFFFE, 0x7FE0) or keyword in known or first not in VRS:
            continue
        if tag >> 16 < 8 and syntax != EXPLICIT:  # readers take the first group for a sign of the byte order
            continue
        file.put(Node(tag, first, secret(planter, tag, first, f"VR {first}")))
    return file, planter


def _dirty_values(planter: Planter, one: str, tag: int, vr: str) -> dict[str, str | bytes]:
    """Name of the trick -> a value in which a secret stands beside, before or behind a good value."""
    good = _GOOD_FOR.get(one, _GOOD.get(vr, "1"))
    scope = in_scope(tag)

    def word(trick: str) -> str:
        return planter.word(f"permitted attribute: {trick}", scope)

    found: dict[str, str | bytes] = {
        "another value behind": f"{good}\\{word('another value behind')}",
        "another value before": f"{word('another value before')}\\{good}",
        "an empty value between": f"{good}\\\\{word('an empty value between')}",
        "behind padding": good + " " * 20 + word("behind padding"),
        "behind NUL": f"{good}\x00{word('behind NUL')}",
        "behind a line end": f"{good}\n{word('behind a line end')}",
        "behind a tab": f"{good}\t{word('behind a tab')}",
        "in an escape sequence": f"{good}\x1b$B{word('in an escape sequence')}\x1b(B",
        "glued": f"{good}{word('glued')}",
        "a national number": planter.number("permitted attribute: a national number", scope),
        "a name": planter.name("ЖЩЮЭФЫЪЯ", "permitted attribute: a name", scope),
        "UTF-16": ("\ufeff" + planter.name("ĄĆĘŁŃÓŚŹŻ", "permitted attribute: UTF-16", scope)).encode("utf-16-le"),
    }
    if vr not in _MOMENTS:
        found["a birth date"] = planter.date("permitted attribute: a birth date", scope)
    if vr == "DS":
        found["in the decimals"] = f"{good}.{planter.number('permitted attribute: in the decimals', scope)}"
        found["in the exponent"] = f"{planter.number('permitted attribute: in the exponent', scope)}e-9"
    return found


def dirty_rows(syntax: str, sop_class: str, seed: str) -> Iterator[tuple[str, File, Planter]]:
    """The permitted attributes with dirty values, one trick per file for all of them at once."""
    files: dict[str, tuple[File, Planter]] = {}
    for keyword in sorted(_handled() - STRUCTURE):
        plain = node(keyword, b"")
        tricks: dict[str, str | bytes | list[Item]] = {}
        draft = Planter(seed + keyword)
        if plain.vr in ("US", "SS"):
            tricks["too long"] = secret(draft, plain.tag, plain.vr, "permitted attribute: too long") + b"ab"  # type: ignore[operator]
        elif plain.vr != "SQ":
            tricks |= _dirty_values(draft, keyword, plain.tag, plain.vr)
            tricks["alone"] = secret(draft, plain.tag, plain.vr, "permitted attribute: alone")
        for trick, value in tricks.items():
            file, planter = files.setdefault(trick, (File(sop_class, syntax), Planter(seed)))
            file.put(Node(plain.tag, plain.vr, value))
            planter.plants.extend(
                plant for plant in draft.plants if plant not in planter.plants and _in(plant.text, value)
            )
        if syntax not in (IMPLICIT,):
            for vr in ("UN", "SQ", "OB", "UT", "OW"):
                if vr == plain.vr:
                    continue
                trick = f"as {vr}"
                file, planter = files.setdefault(trick, (File(sop_class, syntax), Planter(seed + vr)))
                file.put(Node(plain.tag, vr, secret(planter, plain.tag, vr, f"permitted attribute: {trick}")))
    for trick, (file, planter) in files.items():
        yield trick, file, planter


def _in(text: str, value: object) -> bool:
    data = value.encode() if isinstance(value, str) else value
    return isinstance(data, bytes) and (text.encode() in data or text.encode("utf-16-le") in data)


def structure(seed: str) -> Iterator[tuple[str, File, Planter]]:
    """The attributes that decide how the file is read, dirty, one per file."""
    for keyword in sorted(STRUCTURE - {"PixelData", "FloatPixelData", "DoubleFloatPixelData"}):
        for trick in ("alone", "behind"):
            planter, file = Planter(seed + keyword + trick), File()
            old = file.nodes.get(node(keyword, b"").tag)
            plain = node(keyword, b"")
            word = planter.word("structure", in_scope(plain.tag))
            if trick == "alone":
                value: str | bytes = word
            elif old is not None and isinstance(old.value, list):
                value = int(str(old.value[0])).to_bytes(2, "little") + word.encode()
            else:
                value = f"{old.value if old else 1}\\{word}"
            file.put(Node(plain.tag, plain.vr, value))
            yield f"{keyword} {trick}", file, planter


def _nested(planter: Planter, depth: int, kind: str, *, undefined: bool, private: bool = False) -> Item:
    """An item with a secret, and sequences down to ``depth`` below it."""
    nodes = [
        Node(0x00081030, "LO", planter.word(kind, True)),
        Node(0x00100010, "PN", planter.word(kind, True)),
        Node(0x00100030, "DA", planter.date(kind, True)),
        Node(0x0040A160, "UT", planter.word(kind, True)),
        Node(0x00185100, "CS", planter.word(kind)),
        Node(0x00090010, "LO", planter.word(kind, True)),
        Node(0x00091001, "UN", planter.word(kind, True)),
    ]
    if depth:
        tag = 0x00091003 if private else (0x00081140, 0x00400275, 0x00081115, 0x0040A730)[depth % 4]
        nodes.append(
            Node(tag, "SQ", [_nested(planter, depth - 1, kind, undefined=undefined, private=private)], undefined)
        )
    return sorted(nodes, key=lambda one: one.tag)


def depths(syntax: str, seed: str) -> tuple[File, Planter]:
    """Sequences 1 to 8 deep: not permitted, permitted, private, of unknown VR; both kinds of length."""
    planter, file = Planter(seed), File(DX, syntax)
    file.put(Node(0x00110010, "LO", planter.word("private", True)))
    for undefined in (False, True):
        length = "undefined" if undefined else "defined"
        base = 0x00400275 if undefined else 0x00081110
        file.put(Node(base, "SQ", [_nested(planter, 7, f"nested, {length} length", undefined=undefined)], undefined))
        tag = 0x00111001 + undefined
        inner = [_nested(planter, 7, f"private sequence, {length} length", undefined=undefined, private=True)]
        file.put(Node(tag, "SQ", inner, undefined))
        if syntax != BIG:  # its bytes would be in either order, by whom one asks
            inner = [_nested(planter, 7, f"unknown VR, {length} length", undefined=undefined)]
            file.put(Node(0x00185555 + undefined, "UN", inner, undefined))
    for keyword, value in (
        ("ViewCodeSequence", coded("272479007", "SCT", "postero-anterior")),
        ("AnatomicRegionSequence", coded("51185008", "SCT", "Chest")),
        ("DeidentificationMethodCodeSequence", coded("113100", "DCM", "Basic Application Confidentiality Profile")),
        ("AcquisitionContextSequence", coded("1", "DCM", "x")),
    ):
        kind = "inside a permitted sequence"
        value[2] = node("CodeMeaning", planter.word(kind))
        dirty = [
            *value,
            node("CodingSchemeVersion", planter.word(kind)), node("LongCodeValue", planter.word(kind)),
            node("URNCodeValue", planter.word(kind)), node("ContextUID", planter.uid(kind)),
            node("MappingResource", planter.word(kind)), node("ContextGroupExtensionCreatorUID", planter.uid(kind)),
        ]  # fmt: skip
        modifier = coded("399073002", "SCT", planter.word(kind)) + _nested(planter, 3, kind, undefined=True)
        dirty.append(node("ViewModifierCodeSequence", [sorted(modifier, key=lambda one: one.tag)], undefined=True))
        dirty += _nested(planter, 5, kind, undefined=False)
        items = [sorted(dirty, key=lambda one: one.tag)]
        file.put(node(keyword, items, undefined=keyword.startswith("View")))
    lut = [
        Node(0x00283002, "US", [256, 0, 12]), Node(0x00283003, "LO", planter.word("lookup table")),
        Node(0x00283004, "LO", planter.word("lookup table")), Node(0x00283006, "US", list(range(0, 4096, 16))),
        Node(0x00104000, "LT", planter.word("lookup table", True)),
    ]  # fmt: skip
    curve = [Node(0x00283002, "US", [256, 0, 12]), Node(0x00283006, "US", (planter.word("lookup table") * 50)[:512])]
    file.put(Node(0x00283010, "SQ", [sorted(lut, key=lambda one: one.tag)]), Node(0x00283000, "SQ", [curve]))
    return file, planter


def second_items(syntax: str, seed: str) -> tuple[File, Planter]:
    """Permitted sequences with a good first item and a second one, and code values that are secrets."""
    planter, file = Planter(seed), File(DX, syntax)
    kind = "inside a permitted sequence"
    good = coded("272479007", "SCT", "postero-anterior")
    file.put(node("ViewCodeSequence", [good, coded(planter.word(kind), "99X", planter.word(kind))]))
    chest = coded("51185008", "SCT", "Chest")
    chest.append(node("AnatomicRegionModifierSequence", [coded("24028007", "SCT", planter.word(kind))]))
    file.put(node("AnatomicRegionSequence", [coded(planter.word(kind), planter.word(kind), "x"), chest]))
    return file, planter


def odd_groups(syntax: str, seed: str) -> tuple[File, Planter]:
    """Private blocks, overlays, curves, group lengths, retired and unknown groups, padding, preamble, file meta."""
    planter, file = Planter(seed), File(CR, syntax)
    low = (0x0001, 0x0003, 0x0005, 0x0007) if syntax == EXPLICIT else ()
    for group in (*low, 0x0009, 0x0019, 0x0029, 0x2001, 0x7053, 0x7FE1, 0xFFFD):
        for element in (0x0001, 0x0010, 0x00FF, 0x1000, 0x1001, 0x10FF, 0xFF00, 0xFFFF):
            tag = group << 16 | element
            vr = "LO" if element < 0x100 else ("UN", "LT", "OB")[element % 3]
            file.put(Node(tag, vr, planter.word("private", True)))
    for number in range(0, 32, 2):
        for element, vr in ((0x22, "LO"), (0x1500, "LO"), (0x3000, "OW"), (0x4000, "LT"), (0x1102, "CS")):
            file.put(
                Node(0x60000000 + (number << 16) + element, vr, planter.word("overlay", element in (0x3000, 0x4000)))
            )
        for element, vr in ((0x22, "LO"), (0x3000, "OW"), (0x2500, "LO")):
            file.put(Node(0x50000000 + (number << 16) + element, vr, planter.word("curve", True)))
    for group in (0x0008, 0x0010, 0x0018, 0x0020, 0x0028, 0x4444):
        file.put(Node(group << 16, "UN", planter.word("group length")))
    file.put(Node(0x00080001, "UN", planter.word("length to end")))
    if syntax == EXPLICIT:
        file.put(Node(0x00000010, "UN", planter.word("group 0000")), Node(0x00060001, "LO", planter.word("group 0006")))
        file.put(Node(0x00041141, "LO", planter.word("media directory")))
    for tag in (0x00085555, 0x00105556, 0x00185557, 0x00285558, 0x44440001, 0x7FDE0010, 0x88889999):
        file.put(Node(tag, "UN", planter.word("unknown")))
    for tag, vr in ((0x7FE00020, "OW"), (0x7FE00030, "OB"), (0x7FE20010, "OB"), (0xFFFAFFFA, "SQ"), (0xFFFCFFFC, "OB")):
        value = secret(planter, tag, vr, "behind the pixel data")
        file.put(Node(tag, vr, value))
    file.after = planter.word("behind the data set").encode() * 3
    file.preamble = planter.word("preamble").encode().rjust(100) + planter.name("ŻÓŁĆĘŚĄŹŃ", "preamble").encode()
    for tag, vr in (
        (0x00020013, "SH"), (0x00020016, "AE"), (0x00020017, "AE"), (0x00020018, "AE"), (0x00020026, "UR"),
        (0x00020027, "UR"), (0x00020028, "UR"), (0x00020031, "OB"), (0x00020035, "OB"), (0x00020100, "UI"),
        (0x00020102, "OB"), (0x00025555, "LO"),
    ):  # fmt: skip
        file.meta.append(Node(tag, vr, secret(planter, tag, vr, "file meta")))
    return file, planter


# SpecificCharacterSet, Python's codec, an alphabet.
CHARACTER_SETS = (
    ("ISO_IR 100", "iso8859-1", "ÄÖÜßÀÉÈÇÑ"),
    ("ISO_IR 101", "iso8859-2", "ĄĆĘŁŃÓŚŹŻ"),
    ("ISO_IR 126", "iso8859-7", "ΔΘΛΞΣΦΨΩ"),
    ("ISO_IR 138", "iso8859-8", "אבגדהוזח"),
    ("ISO_IR 144", "iso8859-5", "ЖЩЮЭФЫЪЯ"),
    ("ISO_IR 148", "iso8859-9", "ĞŞİÖÜÇ"),
    ("ISO_IR 192", "utf-8", "ĄĆĘŁ山田ЖΩאß"),
    ("GB18030", "gb18030", "王李张刘陈杨黄赵"),
    ("GBK", "gbk", "王李张刘陈杨黄赵"),
    ("\\ISO 2022 IR 87", "iso2022_jp", "山田太郎鈴木一佐藤"),
    ("\\ISO 2022 IR 149", "euc_kr", "김이박최정강조윤"),
    ("\\ISO 2022 IR 159", "iso2022_jp_2", "丂丄丅丌丒丟丣两"),
    ("", "cp1250", "ĄĆĘŁŃÓŚŹŻ"),
    ("ISO_IR 13", "shift_jis", "ﾔﾏﾀﾞﾛｳｻﾄ"),
    ("NONSENSE", "utf-16-le", "ĄĆĘŁŃÓŚŹŻ"),
)


def character_sets(syntax: str, seed: str) -> Iterator[tuple[str, File, Planter]]:
    """Names in every character set, in the patient's name, permitted text, codes, private and nested elements."""
    for term, codec, alphabet in CHARACTER_SETS:
        planter, file = Planter(seed + term), File(CR, syntax)
        kind = f"character set {term or 'undeclared'}".replace("\\", "")

        def name(codec: str = codec, alphabet: str = alphabet, kind: str = kind, planter: Planter = planter) -> bytes:
            text = planter.name(alphabet, kind, True)
            data = text.encode(codec, "ignore")
            return b"\x1b$)C" + data if codec == "euc_kr" else data

        file.put(node("SpecificCharacterSet", term))
        for keyword in (
            "PatientName", "PatientID", "OtherPatientNames", "ReferringPhysicianName", "InstitutionName",
            "StudyDescription", "PatientComments", "ImageComments", "ProtocolName", "Manufacturer", "BodyPartExamined",
            "ManufacturerModelName", "StationName", "StudyID", "RequestedProcedureDescription", "TextValue",
        ):  # fmt: skip
            file.put(Node(node(keyword, b"").tag, node(keyword, b"").vr, name()))
        item = [Node(0x00080100, "SH", b"272479007"), Node(0x00080102, "SH", b"SCT"), Node(0x00080104, "LO", name())]
        file.put(Node(0x00540220, "SQ", [item]), Node(0x00090010, "LO", name()), Node(0x00091001, "LT", name()))
        file.put(Node(0x00400275, "SQ", [[Node(0x00400007, "LO", name())]]))
        yield term or "undeclared", file, planter


def order(seed: str) -> Iterator[tuple[str, File, Planter]]:
    """Elements twice, out of order, with lengths that lie."""
    for first in (True, False):
        planter, file = Planter(seed + str(first)), File()
        kind = "element given twice"
        for keyword in ("PatientID", "PatientName", "Manufacturer", "StudyDate", "SeriesNumber", "BodyPartExamined"):
            old = node(keyword, b"")
            value = secret(planter, old.tag, old.vr, kind)
            good = Node(old.tag, old.vr, _GOOD_FOR.get(keyword, _GOOD.get(old.vr, "1")))
            if first:
                file.more.append(Node(old.tag, old.vr, value))
                file.put(good)
            else:
                file.more.append(good)
                file.put(Node(old.tag, old.vr, value))
        file.more.append(Node(0x00204000, "LT", planter.word("out of order", True)))
        file.put(Node(0x00080005, "CS", "ISO_IR 192"))
        yield f"twice {first}", file, planter
    for number, length in enumerate((0, 1, 3, 7, 0xFFFF, 5)):
        planter, file = Planter(f"{seed}{number}"), File()
        file.put(Node(0x00104000, "LT", planter.word("length that lies", True), raw_length=length))
        file.put(Node(0x00081030, "LO", planter.word("length that lies", True)))
        yield f"length {length}", file, planter
        planter, file = Planter(f"{seed}q{number}"), File()
        inner = [[Node(0x00081030, "LO", planter.word("length that lies", True))]]
        file.put(Node(0x00081110, "SQ", inner, raw_length=length))
        yield f"sequence length {length}", file, planter


def header_cases() -> Iterator[Case]:
    """All files whose headers are planted."""

    def case(name: str, file: File, planter: Planter, written: bool | None = True) -> Case:
        for keyword, make in (
            ("PatientName", planter.word), ("PatientID", planter.number), ("PatientBirthDate", planter.date),
            ("SOPInstanceUID", planter.uid), ("StudyInstanceUID", planter.uid), ("SeriesInstanceUID", planter.uid),
        ):  # fmt: skip
            plain = node(keyword, b"")
            if not (old := file.nodes.get(plain.tag)) or old.value in ("", "1.2.3.4", "1.2.3.5", "1.2.3.6"):
                file.put(Node(plain.tag, plain.vr, make("patient and objects", True)))
        return Case(name, file.bytes(), planter.plants, written)

    for name, syntax in SYNTAXES.items():
        for group, sop_class in CLASSES.items():
            if group == "CR" or name == "explicit":
                yield case(
                    f"dictionary-{name}-{group}", *whole_dictionary(syntax, sop_class, f"dictionary{name}{group}")
                )
        yield case(f"depths-{name}", *depths(syntax, f"depths{name}"))
        yield case(f"second-items-{name}", *second_items(syntax, f"second{name}"))
        yield case(f"groups-{name}", *odd_groups(syntax, f"groups{name}"), None if name == "deflated" else True)
    for name, group in (("explicit", "DX"), ("implicit", "CR"), ("big", "SC"), ("explicit", "SC")):
        for trick, file, planter in dirty_rows(SYNTAXES[name], CLASSES[group], f"dirty{name}{group}"):
            yield case(f"dirty-{name}-{group}-{trick}", file, planter, None if trick.startswith("as ") else True)
    for name in ("explicit", "implicit"):
        for trick, file, planter in character_sets(SYNTAXES[name], f"characters{name}"):
            yield case(f"characters-{name}-{trick}", file, planter)
    for trick, file, planter in structure("structure"):
        yield case(f"structure-{trick}", file, planter, None)
    for trick, file, planter in order("order"):
        yield case(f"order-{trick}", file, planter, True if trick.startswith("twice") else None)

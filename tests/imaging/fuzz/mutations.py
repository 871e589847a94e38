"""Damage to files, drawn from a seed: the same seed gives the same bytes."""

import random
import re
import struct
import zlib
from collections.abc import Callable

from .seeds import SECRET, real, synthetic

_TAGS = (
    0x00080005,
    0x00080016,
    0x00080018,
    0x00080060,
    0x00100010,
    0x00104000,
    0x00280002,
    0x00280008,
    0x00280010,
    0x00280100,
    0x00280101,
    0x00280103,
    0x00283010,
    0x00540220,
    0x00091001,
    0x60003000,
    0x7FE00010,
    0xFFFCFFFC,
)
_NASTY = (
    b"\xff\xff\xff\xff",
    b"\x00\x00\x00\x00",
    b"\xfe\xff\xff\xff",
    b"\xff\xff\xff\x7f",
    b"\x00\x00\x00\x80",
    b"\x01\x00",
)
_MARKERS = (
    b"\xff\xd8",
    b"\xff\xd9",
    b"\xff\xda\x00\x08",
    b"\xff\xc4\x00\x14",
    b"\xff\xfe\x00\x0e",
    b"\xff\x4f\xff\x51",
    b"\xff\x90\x00\x0a",
    b"\xff\x93",
    b"\xfe\xff\x00\xe0",
    b"\xfe\xff\xdd\xe0\x00\x00\x00\x00",
    b"IDAT",
    b"IEND",
    b"\x0d\xe0\xfe\xff",
)


def mutated(seed: int) -> tuple[str, bytes, bool]:
    """The name of the starting file, the damaged bytes, and whether they hold SECRET where it has to be removed."""
    draw = random.Random(seed)
    name, data = draw.choice(synthetic() if draw.random() < 0.75 else real())
    data, planted = plant(data, draw)
    for _ in range(draw.choice((0, 1, 1, 1, 1, 1, 2, 3, 5))):
        data = draw.choice(_MUTATIONS)(data, draw)
    return name, data, planted and SECRET in data


def plant(data: bytes, draw: random.Random) -> tuple[bytes, bool]:
    """SECRET as an element of the data set, a comment, a chunk or trailing bytes; not where it would be a pixel."""
    word = SECRET
    if data[:3] == b"\xff\xd8\xff":
        return data[:2] + b"\xff\xfe" + (len(word) + 2).to_bytes(2) + word + data[2:], True
    if data[:4] == b"\x89PNG":
        body = b"tEXtx\x00" + word
        chunk = (len(body) - 4).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)
        return data[:33] + chunk + data[33:], True
    if data[128:132] == b"DICM":
        tag = struct.pack(
            "<HH", draw.choice((0x0008, 0x0010, 0x0018, 0x0028)), draw.choice((0x0080, 0x1010, 0x4000, 0x5555))
        )
        explicit = tag + draw.choice((b"LO", b"PN", b"CS", b"SH")) + len(word).to_bytes(2, "little") + word
        implicit = tag + len(word).to_bytes(4, "little") + word
        places = [found.start() for found in re.finditer(rb"\x08\x00.\x00[A-Z]{2}", data)]
        at = draw.choice(places) if places else len(data)
        return data[:at] + (explicit if places else implicit) + data[at:], True
    return data + word, True


def _flip(data: bytes, draw: random.Random) -> bytes:
    out = bytearray(data)
    for _ in range(draw.choice((1, 1, 4, 32))):
        out[_place(out, draw)] ^= 1 << draw.randrange(8)
    return bytes(out)


def _byte(data: bytes, draw: random.Random) -> bytes:
    out = bytearray(data)
    out[_place(out, draw)] = draw.choice((0, 1, 0x7F, 0x80, 0xFE, 0xFF))
    return bytes(out)


def _place(data: bytes | bytearray, draw: random.Random) -> int:
    """More often in the header than in the pixels."""
    size = len(data)
    return draw.randrange(size) if draw.random() < 0.3 else min(size - 1, draw.randrange(132, 132 + min(size, 2500)))


def _cut(data: bytes, draw: random.Random) -> bytes:
    return data[: max(200, _place(data, draw))]


def _remove(data: bytes, draw: random.Random) -> bytes:
    at = _place(data, draw)
    return data[:at] + data[at + draw.choice((1, 2, 4, 8, 200, 4000)) :] or data


def _double(data: bytes, draw: random.Random) -> bytes:
    at, size = _place(data, draw), draw.choice((2, 8, 30, 400, 5000))
    to = _place(data, draw)
    return data[:to] + data[at : at + size] + data[to:]


def _splice(data: bytes, draw: random.Random) -> bytes:
    other = draw.choice(synthetic())[1]
    return data[: _place(data, draw)] + other[_place(other, draw) :]


def _length(data: bytes, draw: random.Random) -> bytes:
    """The length of an explicit element, or any four bytes."""
    places = [found.end() for found in re.finditer(rb"[A-Z]{2}(?=..)", data[132:4000], re.S)]
    at = 132 + draw.choice(places) if places and draw.random() < 0.8 else _place(data, draw)
    new = draw.choice((*_NASTY, struct.pack("<L", draw.randrange(1 << draw.randrange(1, 32)))))
    new = new[: draw.choice((2, 4))]
    return data[:at] + new + data[at + len(new) :]


def _swap(data: bytes, draw: random.Random) -> bytes:
    one, two = sorted((_place(data, draw), _place(data, draw)))
    size = draw.choice((4, 8, 20))
    return data[:one] + data[two : two + size] + data[one + size : two] + data[one : one + size] + data[two + size :]


def _tag(data: bytes, draw: random.Random) -> bytes:
    places = [found.start() for found in re.finditer(rb"..\x00?.[A-Z]{2}", data[132:4000], re.S)]
    at = 132 + draw.choice(places) if places else _place(data, draw)
    tag = draw.choice(_TAGS)
    return data[:at] + struct.pack(draw.choice("<>") + "HH", tag >> 16, tag & 0xFFFF) + data[at + 4 :]


def _vr(data: bytes, draw: random.Random) -> bytes:
    places = [found.start() for found in re.finditer(rb"[A-Z]{2}(?=..)", data[132:4000], re.S)]
    at = 132 + draw.choice(places) if places else _place(data, draw)
    return (
        data[:at] + draw.choice((b"SQ", b"UN", b"OB", b"OW", b"US", b"UT", b"LO", b"AT", b"FD", b"ZZ")) + data[at + 2 :]
    )


def _sequence(data: bytes, draw: random.Random) -> bytes:
    """Sequences within sequences, up to a depth that ends recursion somewhere."""
    depth = draw.choice((1, 3, 30, 300, 3000))
    tag = struct.pack("<HH", draw.choice((0x0008, 0x0040, 0x0009)), draw.choice((0x1140, 0x0275, 0x1003)))
    head = (
        tag
        + draw.choice((b"SQ\x00\x00", b"UN\x00\x00", b""))
        + b"\xff\xff\xff\xff"
        + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    )
    ends = b"\xfe\xff\x0d\xe0\x00\x00\x00\x00\xfe\xff\xdd\xe0\x00\x00\x00\x00" * (depth if draw.random() < 0.7 else 0)
    places = [132 + found.start() for found in re.finditer(rb"[\x08\x10\x18\x28]\x00..[A-Z]{2}", data[132:4000], re.S)]
    at = draw.choice(places) if places else _place(data, draw)
    return data[:at] + head * depth + ends + data[at:]


def _marker(data: bytes, draw: random.Random) -> bytes:
    at = _place(data, draw) if draw.random() < 0.5 else draw.randrange(len(data))
    new = draw.choice(_MARKERS)
    return data[:at] + new + data[at + draw.choice((0, len(new))) :]


def _pixels(data: bytes, draw: random.Random) -> bytes:
    """Damage to the head of the codestream or chunk."""
    marks = (b"\xe0\x7f\x10\x00", b"\xff\xd8\xff", b"\xff\x4f\xff\x51", b"IHDR", b"\xff\xda", b"\xff\xc4", b"\xff\xdb")
    places = [at for mark in marks if (at := data.find(mark)) >= 0]
    at = (draw.choice(places) if places else _place(data, draw)) + draw.randrange(90)
    out = bytearray(data)
    if at < len(out):
        out[at] = draw.randrange(256)
    return bytes(out)


def _grow(data: bytes, draw: random.Random) -> bytes:
    return data + draw.randbytes(draw.choice((1, 2, 100, 70_000)))


def _rescue_checksums(data: bytes, draw: random.Random) -> bytes:
    """Repair the CRCs of a PNG, so that what was damaged reaches the decoder."""
    if data[:4] != b"\x89PNG":
        return _flip(data, draw)
    out, at = data[:8], 8
    while at + 12 <= len(data):
        size = int.from_bytes(data[at : at + 4])
        body = data[at + 4 : at + 8 + size]
        out += data[at : at + 4] + body + zlib.crc32(body).to_bytes(4)
        at += size + 12
    return out


_Mutation = Callable[[bytes, random.Random], bytes]
_MUTATIONS: tuple[_Mutation, ...] = (
    _flip, _flip, _byte, _byte, _cut, _remove, _double, _splice, _length, _length, _swap, _tag, _vr, _sequence, _marker,
    _pixels, _pixels, _grow, _rescue_checksums,
)  # fmt: skip

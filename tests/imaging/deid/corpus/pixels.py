"""Pixel data full of identifiers: unused bits, gaps, markers, tables that no decoder reads."""

from collections.abc import Callable, Iterator
from functools import cache

import numpy as np

from . import streams
from .secrets import Case, Planter
from .simple import BIG, DEFLATED, DX, EXPLICIT, IMPLICIT, RLE, SC, picture
from .streams import segment
from .writer import File, Node

BASELINE, EXTENDED, LOSSLESS, FIRST_ORDER = (f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 57, 70))
LS, LS_NEAR, J2K_LOSSLESS, J2K = (f"1.2.840.10008.1.2.4.{number}" for number in (80, 81, 90, 91))
_ITEM, _END = b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0\x00\x00\x00\x00"
_NATIVE = {"explicit": EXPLICIT, "implicit": IMPLICIT, "big": BIG, "deflated": DEFLATED}


def item(data: bytes) -> bytes:
    data += b"\x00" * (len(data) % 2)
    return _ITEM + len(data).to_bytes(4, "little") + data


def encapsulated(frame: bytes, table: bytes = b"") -> bytes:
    """One fragment behind an offset table."""
    return item(table) + item(frame) + _END


def pixel_cases() -> Iterator[Case]:
    """All files whose pixel data is planted."""
    for name, syntax in _NATIVE.items():
        yield from _native(name, syntax)
    yield from _jpegs()
    yield from _jpeg_2000()
    yield from _rle()
    for source in (_fragments, _multi_frame, _cut, _high_bits):
        yield from source()


def _native(name: str, syntax: str) -> Iterator[Case]:
    order = ">" if syntax == BIG else "<"
    secret = Planter(f"nibbles{name}")
    text = np.frombuffer((secret.word("unused high bits") * 20).encode(), np.uint8)
    nibbles = np.stack([text >> 4, text & 15], axis=1).ravel().astype(np.uint16)
    pixels = picture()
    pixels.flat[: nibbles.size] |= nibbles << 12
    yield Case(
        f"native-{name}-high", File(DX, syntax, pixels=pixels.astype(order + "u2").tobytes()).bytes(), secret.plants
    )
    for bit in range(4):
        secret = Planter(f"bit{name}{bit}")
        text = np.frombuffer((secret.word("overlay in unused bits") * 20).encode(), np.uint8)
        stream = np.unpackbits(text, bitorder="little" if bit % 2 else "big").astype(np.uint16)
        pixels = picture()
        pixels.flat[: stream.size] |= stream << (12 + bit)
        file = File(SC, syntax, pixels=pixels.astype(order + "u2").tobytes())
        file.put(Node(0x60000010, "US", [120]), Node(0x60000011, "US", [130]), Node(0x60000102, "US", [12 + bit]))
        yield Case(f"native-{name}-bit-{bit}", file.bytes(), secret.plants)
    for bits in (8, 12):
        secret = Planter(f"tail{name}{bits}")
        data = picture(bits=bits).astype(order + ("u1" if bits == 8 else "u2")).tobytes()
        tail = secret.word("behind the last pixel").encode()
        file = File(DX, syntax, bits=bits, pixels=data + tail, after=secret.word("behind the data set").encode())
        yield Case(f"native-{name}-tail-{bits}", file.bytes(), secret.plants, None if syntax == DEFLATED else True)
    secret = Planter(f"undefined{name}")
    file = File(DX, syntax, pixels=encapsulated(picture().tobytes() + secret.word("behind the last pixel").encode()))
    file.pixel_length = 0xFFFFFFFF
    yield Case(f"native-{name}-undefined", file.bytes(), secret.plants, None)


def _image(syntax: str, frame: bytes, bits: int, table: bytes = b"") -> bytes:
    return File(SC, syntax, bits=bits, pixels=encapsulated(frame, table)).bytes()


@cache
def _codecs() -> dict[str, tuple[str, int, bytes]]:
    """Name -> transfer syntax, bits, one clean frame, for streams of JPEG's segments."""
    return {
        "baseline": (BASELINE, 8, streams.jpeg()),
        "extended": (EXTENDED, 8, streams.jpeg().replace(b"\xff\xc0", b"\xff\xc1", 1)),
        "lossless": (LOSSLESS, 12, streams.jpeg_lossless(picture(), 12)),
        "first-order": (FIRST_ORDER, 12, streams.jpeg_lossless(picture(), 12)),
        "first-order-8": (FIRST_ORDER, 8, streams.jpeg_lossless(picture(bits=8), 8)),
        "ls": (LS, 12, streams.jpeg_ls(picture(), 12)),
        "ls-8": (LS_NEAR, 8, streams.jpeg_ls(picture(bits=8), 8)),
    }


def _jpegs() -> Iterator[Case]:
    Change = Callable[[bytes, bytes], bytes]
    front: dict[str, Change] = {
        "COM": lambda frame, word: frame[:2] + segment(0xFE, word) + frame[2:],
        "a fill byte and COM": lambda frame, word: frame[:2] + b"\xff" + segment(0xFE, word) + frame[2:],
        "long COM": lambda frame, word: frame[:2] + segment(0xFE, word * 5000) + frame[2:],
        "COM behind the frame header": _before(0xDA, 0xFE),
        "bytes after EOI": lambda frame, word: frame + word,
        "another image after EOI": lambda frame, word: frame + frame[:2] + segment(0xFE, word) + frame[2:],
        "bytes before EOI": lambda frame, word: frame[:-2] + word + frame[-2:],
        "an unused quantisation table": lambda frame, word: _before(0xDA, 0xDB)(frame, b"\x03" + (word * 6)[:64]),
        "a quantisation table given twice": lambda frame, word: frame[:2] + segment(0xDB, b"\x00" + (word * 6)[:64])
        + frame[2:],
        "an unused Huffman table": lambda frame, word: _before(0xDA, 0xC4)(
            frame, b"\x13" + bytes([0] * 4 + [12] + [0] * 11) + word
        ),
        "a Huffman table given twice": lambda frame, word: frame[:2]
        + segment(0xC4, b"\x00" + bytes([0] * 4 + [12] + [0] * 11) + word) + frame[2:],
        "a long quantisation segment": lambda frame, word: _before(0xDA, 0xDB)(
            frame, b"\x03" + bytes(range(1, 65)) + word
        ),
        "a long Huffman segment": lambda frame, word: _before(0xDA, 0xC4)(
            frame, b"\x13" + bytes([0, 1] + [0] * 14) + b"\x00" + word
        ),
        "a long restart interval": lambda frame, word: _before(0xDA, 0xDD)(frame, b"\x00\x00" + word),
        "expand reference": lambda frame, word: _before(0xDA, 0xDF)(frame, b"\x00" + word),
        "reserved segment": lambda frame, word: _before(0xDA, 0xF0)(frame, word),
    }  # fmt: skip
    for number in range(16):
        front[f"APP{number}"] = _app(number)
    front["APP14 Adobe with more"] = lambda frame, word: (
        frame[:2] + segment(0xEE, b"Adobe" + word + b"\x01" * 9) + frame[2:]
    )
    front["APP0 JFIF with a thumbnail"] = lambda frame, word: (
        frame[:2] + segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x02\x02" + word) + frame[2:]
    )
    front["APP2 MPF"] = _app(2, b"MPF\x00")
    for codec, (syntax, bits, frame) in _codecs().items():
        for trick, change in front.items():
            if "quantisation" in trick and codec not in ("baseline", "extended"):
                continue
            if "Huffman" in trick and codec.startswith("ls"):
                continue
            secret = Planter(f"{codec}{trick}")
            word = secret.word(f"JPEG: {trick}").encode()
            written = True if "COM" in trick or trick.startswith(("APP", "bytes")) else None
            yield Case(f"{codec}-{trick}", _image(syntax, change(frame, word), bits), secret.plants, written)
        for kind in ("LSE", "LSE map"):
            if codec.startswith("ls"):
                secret = Planter(f"{codec}{kind}")
                body = b"\x02\x01\x01" if kind == "LSE map" else b"\x01" + bytes(10)
                frame_ = frame[:2] + segment(0xF8, body + secret.word("JPEG: preset parameters").encode()) + frame[2:]
                yield Case(f"{codec}-{kind}", _image(syntax, frame_, bits), secret.plants, None)
    for trick, options in (("progressive", {"progressive": True}), ("restarts", {"restart_marker_blocks": 1})):
        frame = streams.jpeg(**options)
        secret = Planter(trick)
        body = frame[:-2] + secret.word("JPEG: bytes before EOI").encode() + frame[-2:]
        yield Case(f"jpeg-{trick}", _image(BASELINE, body, 8), secret.plants, None)


def _before(marker: int, new: int) -> Callable[[bytes, bytes], bytes]:
    def change(frame: bytes, word: bytes) -> bytes:
        at = frame.index(bytes([0xFF, marker]))
        return frame[:at] + segment(new, word) + frame[at:]

    return change


def _app(number: int, before: bytes = b"") -> Callable[[bytes, bytes], bytes]:
    return lambda frame, word: frame[:2] + segment(0xE0 + number, before + word + bytes(9)) + frame[2:]


def _jpeg_2000() -> Iterator[Case]:
    clean = streams.jpeg_2000()
    tricks: dict[str, Callable[[bytes, bytes], bytes]] = {
        "COM": lambda data, word: _main(data, b"\xff\x64" + (len(word) + 4).to_bytes(2) + b"\x00\x01" + word),
        "binary COM": lambda data, word: _main(data, b"\xff\x64" + (len(word) + 4).to_bytes(2) + b"\x00\x00" + word),
        "PLT": lambda data, word: _tile(data, b"\xff\x58" + (len(word) + 3).to_bytes(2) + b"\x00" + word),
        "COM in a tile": lambda data, word: _tile(data, b"\xff\x64" + (len(word) + 4).to_bytes(2) + b"\x00\x01" + word),
        "TLM": lambda data, word: _main(data, b"\xff\x55" + (len(word) + 4).to_bytes(2) + b"\x00\x50" + word),
        "bytes after EOC": lambda data, word: data + word,
        "PPM": lambda data, word: _main(data, b"\xff\x60" + (len(word) + 3).to_bytes(2) + b"\x00" + word),
        "QCC of no component": lambda data, word: _main(data, segment(0x5D, b"\x07\x40" + word)),
        "COC of no component": lambda data, word: _main(data, segment(0x53, b"\x07\x00" + word)),
        "RGN of no component": lambda data, word: _main(data, b"\xff\x5e" + (len(word) + 2).to_bytes(2) + word),
        "CAP": lambda data, word: _main(data, b"\xff\x50" + (len(word) + 2).to_bytes(2) + word),
        "a long QCD": lambda data, word: _longer(data, b"\xff\x5c", word),
        "a long COD": lambda data, word: _longer(data, b"\xff\x52", word),
        "a long SIZ": lambda data, word: _longer(data, b"\xff\x51", word),
        "a QCD given twice": lambda data, word: _main(data, b"\xff\x5c" + (len(word) + 3).to_bytes(2) + b"\x40" + word),
        "bytes before EOC": lambda data, word: _psot(data[:-2] + word + data[-2:], len(word)),
        "bytes between packets and EOC": lambda data, word: data[:-2] + word + data[-2:],
        "an empty tile-part": lambda data, word: data[:-2] + b"\xff\x90\x00\x0a\x00\x00" + (14 + len(word)).to_bytes(4)
        + b"\x01\x02\xff\x93" + word + data[-2:],
        "JP2 boxes": lambda data, word: _JP2 + _box(b"xml ", word) + _box(b"uuid", bytes(16) + word)
        + b"\x00\x00\x00\x00jp2c" + data,
        "a JP2 box behind": lambda data, word: _JP2 + _box(b"jp2c", data) + _box(b"xml ", word),
    }  # fmt: skip
    for name, syntax, data in (("lossless", J2K_LOSSLESS, clean), ("lossy", J2K, streams.jpeg_2000(lossy=True))):
        for trick, change in tricks.items():
            secret = Planter(f"{name}{trick}")
            word = secret.word(f"JPEG 2000: {trick}").encode()
            written = True if "COM" in trick or trick == "bytes after EOC" else None
            yield Case(f"j2k-{name}-{trick}", _image(syntax, change(data, word), 12), secret.plants, written)


_JP2 = b"\x00\x00\x00\x0cjP  \r\n\x87\n" + b"\x00\x00\x00\x14ftypjp2 \x00\x00\x00\x00jp2 "


def _box(kind: bytes, body: bytes) -> bytes:
    return (8 + len(body)).to_bytes(4) + kind + body


def _main(data: bytes, new: bytes) -> bytes:
    """``new`` in front of the first COD segment."""
    at = data.index(b"\xff\x52")
    return data[:at] + new + data[at:]


def _tile(data: bytes, new: bytes) -> bytes:
    at = data.index(b"\xff\x93")
    return _psot(data[:at] + new + data[at:], len(new))


def _psot(data: bytes, more: int) -> bytes:
    at = data.index(b"\xff\x90") + 6
    length = int.from_bytes(data[at : at + 4])
    return data[:at] + (length + more if length else 0).to_bytes(4) + data[at + 4 :]


def _longer(data: bytes, marker: bytes, word: bytes) -> bytes:
    at = data.index(marker) + 2
    length = int.from_bytes(data[at : at + 2])
    return data[:at] + (length + len(word)).to_bytes(2) + data[at + 2 : at + length] + word + data[at + length :]


def _rle() -> Iterator[Case]:
    frame = streams.rle_frame
    tricks: dict[str, tuple[Callable[[list[bytes], bytes], bytes], bool | None]] = {
        "behind the segments": (lambda parts, word: frame(parts) + word, True),
        "a literal run behind": (lambda parts, word: frame([*parts[:-1], parts[-1] + b"\x0b" + word]), True),
        "before the first segment": (lambda parts, word: frame(parts, [word]), None),
        "between segments": (lambda parts, word: frame(parts, [b"", word]), True),
        "unused offsets": (lambda parts, word: frame(parts, spare=word), None),
        "a further segment": (lambda parts, word: frame([*parts, b"\x0b" + word]), None),
        "runs past the end": (lambda parts, word: frame([*parts[:-1], parts[-1] + b"\x83\x00\x0b" + word]), None),
    }
    for bits in (8, 12):
        for name, (make, written) in tricks.items():
            if name != "between segments" or bits == 12:
                secret = Planter(f"rle{name}{bits}")
                data = make(streams.rle(picture(bits=bits)), secret.word(f"RLE: {name}").encode())
                yield Case(f"rle-{bits}-{name}", _image(RLE, data, bits), secret.plants, written)


def _high_bits() -> Iterator[Case]:
    """Compressed with all 16 bits, of which only 12 are declared."""
    codecs: dict[str, tuple[str, Callable[[np.ndarray], bytes]]] = {
        "rle": (RLE, lambda values: streams.rle_frame(streams.rle(values))),
        "first-order": (FIRST_ORDER, lambda values: streams.jpeg_lossless(values, 16)),
        "lossless": (LOSSLESS, lambda values: streams.jpeg_lossless(values, 16)),
        "ls": (LS, lambda values: streams.jpeg_ls(values, 16)),
        "j2k": (J2K_LOSSLESS, lambda values: streams.jpeg_2000(values=values, bits=16)),
    }
    for name, (syntax, code) in codecs.items():
        secret = Planter(f"high{name}")
        text = np.frombuffer((secret.word("unused high bits, compressed") * 20).encode(), np.uint8)
        pixels = picture()
        pixels.flat[: 2 * text.size] |= np.stack([text >> 4, text & 15], axis=1).ravel().astype(np.uint16) << 12
        yield Case(f"high-{name}", _image(syntax, code(pixels), 12), secret.plants, None)


def _fragments() -> Iterator[Case]:
    """Offset tables, empty and foreign fragments, junk between items."""
    for codec, (syntax, bits, frame) in {**_codecs(), "j2k": (J2K, 12, streams.jpeg_2000())}.items():
        half = len(frame) // 4 * 2
        first, second = frame[:half], frame[half:]
        for trick in (
            "offset table", "several fragments", "a fragment behind", "a fragment before", "junk between",
            "length of the delimiter", "no delimiter",
        ):  # fmt: skip
            secret = Planter(f"{codec}{trick}")
            word = secret.word(f"fragments: {trick}").encode()
            data, written = {
                "offset table": (encapsulated(frame, word), True),
                "several fragments": (item(word) + item(first) + item(second) + _END, True),
                "a fragment behind": (item(b"") + item(frame) + item(word) + _END, True),
                "a fragment before": (item(b"") + item(word) + item(frame) + _END, None),
                "junk between": (item(b"") + word + item(frame) + _END, None),
                "length of the delimiter": (item(b"") + item(frame) + _END[:4] + word, None),
                "no delimiter": (item(word) + item(frame), None),
            }[trick]
            file = File(SC, syntax, bits=bits, pixels=data)
            yield Case(f"fragments-{codec}-{trick}", file.bytes(), secret.plants, written)
        secret = Planter(f"extended{codec}")
        file = File(
            SC, syntax, bits=bits, pixels=encapsulated(frame), after=secret.word("behind the data set").encode()
        )
        file.put(Node(0x7FE00001, "OV", secret.word("extended offset table").encode() + bytes(4)))
        file.put(Node(0x7FE00002, "OV", secret.word("extended offset table").encode() + bytes(4)))
        file.put(Node(0x7FE00003, "UV", secret.word("extended offset table").encode() + bytes(4)))
        file.put(Node(0xFFFCFFFC, "OB", secret.word("behind the pixel data").encode()))
        yield Case(f"fragments-{codec}-extended", file.bytes(), secret.plants, None)


def _multi_frame() -> Iterator[Case]:
    """Two pictures: refused, or nothing of the second comes out."""
    for syntax, pixels in (
        (EXPLICIT, picture().tobytes() * 2),
        (BASELINE, item(b"") + item(streams.jpeg()) + item(streams.jpeg()) + _END),
    ):
        secret = Planter(f"frames{syntax}")
        file = File(SC, syntax, bits=12 if syntax == EXPLICIT else 8, pixels=pixels)
        file.put(Node(0x00280008, "IS", "2"), Node(0x00104000, "LT", secret.word("multi-frame", True)))
        yield Case(f"frames-{syntax}", file.bytes(), secret.plants, False)


def _cut() -> Iterator[Case]:
    """Truncated at many offsets."""
    for name, syntax in _NATIVE.items():
        secret = Planter(f"cut{name}")
        file = File(DX, syntax)
        for tag, vr in ((0x00100010, "PN"), (0x00104000, "LT"), (0x00081030, "LO"), (0x00321060, "LO")):
            file.put(Node(tag, vr, secret.word("truncated", True)))
        whole = file.bytes()
        for share in range(1, 12):
            yield Case(f"cut-{name}-{share}", whole[: len(whole) * share // 12], secret.plants, False)
        yield Case(f"cut-{name}-1", whole[:-1], secret.plants, None if name == "deflated" else False)

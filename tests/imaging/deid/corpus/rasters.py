"""JPEG, PNG and TIFF files full of identifiers."""

import struct
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from .secrets import Case, Planter
from .simple import picture
from .streams import jpeg, segment


def raster_cases() -> Iterator[Case]:
    """All files that are no DICOM."""
    yield from _jpegs()
    yield from _pngs()
    yield from _tiffs()


def exif(word: str) -> bytes:
    """EXIF with description, artist, GPS, a comment, a maker's note, a thumbnail."""
    thumbnail = jpeg(comment=word.encode())
    entries = [
        (0x010E, 2, word.encode() + b"\x00"), (0x013B, 2, word.encode() + b"\x00"), (0x9286, 7, word.encode()),
        (0x927C, 7, word.encode()), (0x9C9B, 1, word.encode("utf-16-le")), (0xA420, 2, word.encode() + b"\x00"),
        (0x001D, 2, word.encode() + b"\x00"), (0x0201, 7, thumbnail),
    ]  # fmt: skip
    entries.sort()
    at = 8 + 2 + 12 * len(entries) + 4
    table, body = b"", b""
    for tag, kind, data in entries:
        table += struct.pack("<HHLL", tag, kind, len(data), at + len(body))
        body += data
    return b"Exif\x00\x00II*\x00\x08\x00\x00\x00" + struct.pack("<H", len(entries)) + table + bytes(4) + body


def _jpegs() -> Iterator[Case]:
    tricks: dict[str, Callable[[bytes, str], bytes]] = {
        "EXIF with a thumbnail": lambda data, word: _front(data, 0xE1, exif(word)),
        "XMP": lambda data, word: _front(data, 0xE1, b"http://ns.adobe.com/xap/1.0/\x00<x>" + word.encode() + b"</x>"),
        "extended XMP": lambda data, word: _front(
            data, 0xE1, b"http://ns.adobe.com/xmp/extension/\x00" + word.encode()
        ),
        "IPTC": lambda data, word: _front(data, 0xED, b"Photoshop 3.0\x008BIM\x04\x04\x00\x00" + word.encode()),
        "ICC": lambda data, word: _front(data, 0xE2, b"ICC_PROFILE\x00\x01\x01" + word.encode()),
        "MPF and another image": lambda data, word: _front(data, 0xE2, b"MPF\x00" + word.encode())
        + _front(data, 0xFE, word.encode()),
        "JFIF with a thumbnail": lambda data, word: data[:2]
        + segment(0xE0, b"JFIF\x00\x01\x01\x00\x00\x01\x00\x01\x02\x02" + word.encode()) + data[20:],
        "JFXX": lambda data, word: _front(data, 0xE0, b"JFXX\x00\x10" + jpeg(comment=word.encode())),
        "COM": lambda data, word: _front(data, 0xFE, word.encode()),
        "APP11 boxes": lambda data, word: _front(data, 0xEB, b"JP\x00\x01" + word.encode()),
        "after EOI": lambda data, word: data + word.encode(),
        "before EOI": lambda data, word: data[:-2] + word.encode() + data[-2:],
        "unused quantisation table": lambda data, word: _front(data, 0xDB, b"\x03" + (word * 6).encode()[:64]),
        "quantisation table given twice": lambda data, word: _front(data, 0xDB, b"\x00" + (word * 6).encode()[:64]),
        "unused Huffman table": lambda data, word: _front(
            data, 0xC4, b"\x13" + bytes([0] * 4 + [12] + [0] * 11) + word.encode()
        ),
        "Huffman table given twice": lambda data, word: _front(
            data, 0xC4, b"\x00" + bytes([0] * 4 + [12] + [0] * 11) + word.encode()
        ),
        "inside the scan's header": lambda data, word: data.replace(
            b"\xff\xda\x00\x08", b"\xff\xda\x00\x14" + word.encode(), 1
        ),
    }  # fmt: skip
    frames = {
        "grey": jpeg(), "progressive": jpeg(progressive=True), "restarts": jpeg(restart_marker_rows=1),
        "upside-down": _front(jpeg(), 0xE1, b"Exif\x00\x00II*\x00\x08\x00\x00\x00\x01\x00"
                              b"\x12\x01\x03\x00\x01\x00\x00\x00\x03\x00\x00\x00\x00\x00\x00\x00"),
    }  # fmt: skip
    for name, data in frames.items():
        for trick, change in tricks.items():
            secret = Planter(f"jpeg{name}{trick}")
            body = change(data, secret.word(f"JPEG file: {trick}"))
            written = None if "table" in trick or "header" in trick else True
            yield Case(f"jpeg-{name}-{trick}", body, secret.plants, written, "jpg")


def _front(data: bytes, marker: int, body: bytes) -> bytes:
    """A segment behind SOI and JFIF."""
    return data[:20] + segment(marker, body) + data[20:]


def chunk(kind: bytes, body: bytes) -> bytes:
    """A PNG chunk."""
    return len(body).to_bytes(4) + kind + body + zlib.crc32(kind + body).to_bytes(4)


def _pngs() -> Iterator[Case]:
    for mode in ("L", "I;16", "RGB"):
        image = Image.fromarray(picture() if mode == "I;16" else picture(bits=8))
        image = image if mode == "I;16" else image.convert(mode)
        out = BytesIO()
        image.save(out, "PNG")
        plain = out.getvalue()
        for kind in (
            b"tEXt",
            b"zTXt",
            b"iTXt",
            b"eXIf",
            b"iCCP",
            b"prVt",
            b"PRVT",
            b"caNv",
            b"sPLT",
            b"tIME",
            b"hIST",
            b"sTER",
        ):
            secret = Planter(f"png{mode}{kind!r}")
            word = secret.word("PNG: chunk").encode()
            body = {
                b"tEXt": b"Patient\x00" + word, b"zTXt": b"Patient\x00\x00" + zlib.compress(word * 9),
                b"iTXt": b"Patient\x00\x01\x00\x00\x00" + zlib.compress(word * 9), b"eXIf": exif(word.decode())[6:],
                b"iCCP": b"x\x00\x00" + zlib.compress(word * 9),
            }.get(kind, word)  # fmt: skip
            for place, data in (
                ("front", plain[:33] + chunk(kind, body) + plain[33:]),
                ("end", plain[:-12] + chunk(kind, body) + plain[-12:]),
            ):
                yield Case(f"png-{mode}-{kind.decode()}-{place}", data, secret.plants, None, "png")
        secret = Planter(f"pngtail{mode}")
        word = secret.word("PNG: behind IEND").encode()
        yield Case(
            f"png-{mode}-tail", plain + word + plain[:-12] + chunk(b"tEXt", b"x\x00" + word), secret.plants, True, "png"
        )
        secret = Planter(f"pngdata{mode}")
        word = secret.word("PNG: behind the last row").encode()
        at = plain.index(b"IDAT")
        size = int.from_bytes(plain[at - 4 : at])
        rows = zlib.decompress(plain[at + 4 : at + 4 + size])
        data = plain[: at - 4] + chunk(b"IDAT", zlib.compress(rows + word * 9)) + chunk(b"IEND", b"")
        yield Case(f"png-{mode}-rows", data, secret.plants, None, "png")
        data = plain[: at - 4] + chunk(b"IDAT", zlib.compress(rows) + word) + chunk(b"IDAT", word) + chunk(b"IEND", b"")
        yield Case(f"png-{mode}-stream", data, secret.plants, None, "png")
        secret = Planter(f"apng{mode}")
        out = BytesIO()
        info = PngInfo()
        info.add_text("x", secret.word("PNG: chunk"))
        if mode != "I;16":
            image.save(
                out, "PNG", save_all=True, append_images=[image.transpose(Image.Transpose.ROTATE_180)], pnginfo=info
            )
            yield Case(f"png-{mode}-animated", out.getvalue(), secret.plants, None, "png")
    secret = Planter("alpha")
    word = secret.word("PNG: transparent rows").encode()
    grey = picture(bits=8)
    out = BytesIO()
    Image.merge("LA", (Image.fromarray(grey), Image.fromarray(np.full_like(grey, 255)))).save(out, "PNG")
    at = out.getvalue().index(b"IEND") - 4
    data = out.getvalue()[:at] + chunk(b"tEXt", b"x\x00" + word) + out.getvalue()[at:]
    yield Case("png-alpha", data, secret.plants, True, "png")
    secret = Planter("palette")
    out = BytesIO()
    paletted = Image.fromarray(picture(bits=8) // 2).convert("P")
    word = secret.word("PNG: unused palette entries").encode()
    paletted.putpalette(bytes(level for grey in range(128) for level in (grey, grey, grey)) + word * 32)
    paletted.save(out, "PNG")
    yield Case("png-palette", out.getvalue(), secret.plants, None, "png")


def _tiffs() -> Iterator[Case]:
    pixels = picture(bits=8)
    for order in ("<", ">"):
        for trick in (
            "tags",
            "sub-IFD",
            "EXIF",
            "further page",
            "gap",
            "strip",
            "behind",
            "UTF-16",
            "long BitsPerSample",
        ):
            secret = Planter(f"tiff{order}{trick}")
            word = secret.word(f"TIFF: {trick}").encode()
            yield Case(f"tiff-{order}-{trick}", tiff(pixels, order, trick, word), secret.plants, None, "tif")
    secret = Planter("tiff big")
    out = BytesIO()
    page = Image.fromarray(picture())
    page.save(out, "TIFF", save_all=True, append_images=[page.rotate(180)], description=secret.word("TIFF: tags"),
              tiffinfo={65000: secret.word("TIFF: tags"), 33723: secret.word("TIFF: tags").encode()})  # fmt: skip
    yield Case("tiff-16", out.getvalue(), secret.plants, True, "tif")


def tiff(pixels: np.ndarray, order: str, trick: str, word: bytes) -> bytes:
    """An uncompressed grey TIFF with ``word`` hidden in it."""
    height, width = pixels.shape
    raw = pixels.tobytes() + (word if trick == "strip" else b"")
    start = 8 + (len(word) if trick == "gap" else 0)
    head = (b"II*\x00" if order == "<" else b"MM\x00*") + struct.pack(order + "L", start + len(raw) + len(raw) % 2)
    body = head + (word if trick == "gap" else b"") + raw + b"\x00" * (len(raw) % 2)
    long, short, text = 4, 3, 2
    entries: list[tuple[int, int, int, bytes]] = [
        (256, long, 1, _long(order, width)), (257, long, 1, _long(order, height)),
        (258, short, 1, struct.pack(order + "HH", 8, 0)), (259, short, 1, struct.pack(order + "HH", 1, 0)),
        (262, short, 1, struct.pack(order + "HH", 1, 0)), (273, long, 1, _long(order, start)),
        (277, short, 1, struct.pack(order + "HH", 1, 0)), (278, long, 1, _long(order, height)),
        (279, long, 1, _long(order, len(raw))),
    ]  # fmt: skip
    extra: list[tuple[int, bytes]] = []
    if trick == "tags":
        extra = [(tag, word) for tag in (269, 270, 271, 272, 285, 305, 306, 315, 316, 337, 700, 32781, 33432, 33723,
                                         34377, 34675, 37510, 42016, 50706, 65001)]  # fmt: skip
    if trick == "UTF-16":
        extra = [(40091, word.decode().encode("utf-16-le"))]
    if trick == "long BitsPerSample":
        extra = [(339, word), (320, word * 4)]
    at = len(body) + 2 + 12 * (len(entries) + len(extra) + (trick in ("sub-IFD", "EXIF"))) + 4
    tail = b""
    for tag, data in extra:
        entries.append((tag, text if trick != "long BitsPerSample" else short, len(data), _long(order, at + len(tail))))
        tail += data + b"\x00" * (len(data) % 2)
    inner = struct.pack(order + "HHHLL", 1, 315, text, len(word), at + len(tail) + 18) + bytes(4) + word
    if trick in ("sub-IFD", "EXIF"):
        entries.append((330 if trick == "sub-IFD" else 34665, long, 1, _long(order, at + len(tail))))
        tail += inner
    following = 0
    if trick == "further page":
        following = at + len(tail)
        tail += inner
    table = b"".join(
        struct.pack(order + "HHL", tag, kind, count) + value for tag, kind, count, value in sorted(entries)
    )
    body += struct.pack(order + "H", len(entries)) + table + _long(order, following) + tail
    return body + (word if trick == "behind" else b"")


def _long(order: str, number: int) -> bytes:
    return struct.pack(order + "L", number)

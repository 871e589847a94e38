"""Compressed frames for tests: codecs for which no installed library can write, and segments to plant in."""

from collections.abc import Iterable
from io import BytesIO

import numpy as np
from openjpeg.utils import encode_array
from PIL import Image

from .simple import picture


def jpeg(**options: object) -> bytes:
    """JPEG baseline, or progressive and the like by Pillow's options."""
    out = BytesIO()
    Image.fromarray(picture(bits=8)).save(out, format="JPEG", quality=95, **options)
    return out.getvalue()


def jpeg_2000(*, lossy: bool = False, bits: int = 12, values: np.ndarray | None = None) -> bytes:
    """A JPEG 2000 codestream."""
    pixels = picture(bits=bits) if values is None else values
    return bytes(encode_array(pixels, bits_stored=bits, compression_ratios=[8] if lossy else None))


def jpeg_lossless(values: np.ndarray, bits: int) -> bytes:
    """JPEG lossless, process 14, selection value 1 (ITU-T T.81 Annex H). ``values``: (H, W) unsigned."""
    height, width = values.shape
    plain = values.astype(np.int64)
    guess = np.empty_like(plain)
    guess[:, 1:] = plain[:, :-1]
    guess[1:, 0] = plain[:-1, 0]
    guess[0, 0] = 1 << (bits - 1)
    # Every category has a code of 5 bits: 17 of the 31 that may be used.
    stream = []
    for difference in ((plain - guess + 32767) % 65536 - 32767).ravel().tolist():
        size = abs(difference).bit_length()
        stream.append(f"{size:05b}")
        if size and size < 16:
            rest = difference if difference > 0 else difference + (1 << size) - 1
            stream.append(f"{rest:0{size}b}")
    text = "".join(stream)
    text += "1" * (-len(text) % 8)
    scan = int(text, 2).to_bytes(len(text) // 8).replace(b"\xff", b"\xff\x00")
    huffman = b"\x00" + bytes(4) + b"\x11" + bytes(11) + bytes(range(17))
    return (
        b"\xff\xd8" + segment(0xC3, bytes([bits]) + height.to_bytes(2) + width.to_bytes(2) + b"\x01\x01\x11\x00")
        + segment(0xC4, huffman) + segment(0xDA, b"\x01\x01\x00\x01\x00\x00") + scan + b"\xff\xd9"
    )  # fmt: skip


def rle(values: np.ndarray) -> list[bytes]:
    """The segments of DICOM's RLE, most significant byte first, literal runs only."""
    planes = [(values >> 8).astype(np.uint8), values.astype(np.uint8)] if values.dtype == np.uint16 else [values]
    segments = []
    for plane in planes:
        data = plane.tobytes()
        runs = (data[at : at + 128] for at in range(0, len(data), 128))
        segments.append(b"".join(bytes([len(run) - 1]) + run for run in runs))
    return segments


def rle_frame(segments: list[bytes], gaps: Iterable[bytes] = (), spare: bytes = b"") -> bytes:
    """Header and segments; ``gaps``: bytes before each segment; ``spare``: the header's unused offsets."""
    offsets, body, before = [], b"", [*gaps]
    for number, data in enumerate(segments):
        body += before[number] if number < len(before) else b""
        body += b"\x00" * (len(body) % 2)
        offsets.append(64 + len(body))
        body += data
    head = len(segments).to_bytes(4, "little") + b"".join(offset.to_bytes(4, "little") for offset in offsets)
    return (head + spare).ljust(64, b"\x00")[:64] + body


def jpeg_ls(values: np.ndarray, bits: int) -> bytes:
    """JPEG-LS, lossless (ITU-T T.87), default parameters. ``values``: (H, W) unsigned."""
    scan = _Ls(values.astype(int).tolist(), bits).scan()
    height, width = values.shape
    return (
        b"\xff\xd8" + segment(0xF7, bytes([bits]) + height.to_bytes(2) + width.to_bytes(2) + b"\x01\x01\x11\x00")
        + segment(0xDA, b"\x01\x01\x00\x00\x00\x00") + scan + b"\xff\xd9"
    )  # fmt: skip


class _Ls:
    """The encoder of T.87 Annex A for NEAR = 0."""

    _J = (0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 9, 10, 11, 12, 13, 14, 15)

    def __init__(self, rows: list[list[int]], bits: int) -> None:
        self.rows, self.bits, self.most = rows, bits, (1 << bits) - 1
        factor = (min(self.most, 4095) + 128) // 256
        self.steps = (factor * 1 + 2, factor * 4 + 3, factor * 17 + 4)
        self.range = self.most + 1
        self.limit = 2 * (bits + max(8, bits))
        start = max(2, (self.range + 32) // 64)
        self.a, self.b, self.c, self.n = [start] * 367, [0] * 367, [0] * 367, [1] * 367
        self.run_errors = [0, 0]
        self.index = 0
        self.out: list[str] = []

    def scan(self) -> bytes:
        above = [0] * (len(self.rows[0]) + 2)
        for row in self.rows:
            self._row(row, above)
            above = [above[1], *row, row[-1]]
        return _stuffed("".join(self.out))

    def _row(self, row: list[int], above: list[int]) -> None:
        """``above``: the Ra that started the row before, that row, its last value again (T.87 A.2.1)."""
        at, width = 0, len(row)
        while at < width:
            up, up_right = above[at + 1], above[at + 2]
            left = row[at - 1] if at else above[1]
            up_left = above[at] if at else above[0]
            gradients = (up_right - up, up - up_left, up_left - left)
            if gradients == (0, 0, 0):
                at = self._run(row, above, at, left)
                continue
            self._regular(row[at], left, up, up_left, gradients)
            at += 1

    def _quantized(self, gradient: int) -> int:
        size = abs(gradient)
        one, two, three = self.steps
        level = 0 if size == 0 else 1 if size < one else 2 if size < two else 3 if size < three else 4
        return level if gradient > 0 else -level

    def _regular(self, value: int, left: int, up: int, up_left: int, gradients: tuple[int, int, int]) -> None:
        one, two, three = (self._quantized(gradient) for gradient in gradients)
        context = (one * 9 + two) * 9 + three
        sign = -1 if context < 0 else 1
        context = abs(context)
        if up_left >= max(left, up):
            guess = min(left, up)
        elif up_left <= min(left, up):
            guess = max(left, up)
        else:
            guess = left + up - up_left
        guess = min(max(guess + sign * self.c[context], 0), self.most)
        error = self._wrapped(sign * (value - guess))
        shift = self._shift(self.n[context], self.a[context])
        if shift == 0 and 2 * self.b[context] <= -self.n[context]:
            mapped = 2 * error + 1 if error >= 0 else -2 * (error + 1)
        else:
            mapped = 2 * error if error >= 0 else -2 * error - 1
        self._golomb(mapped, shift, self.limit)
        self.b[context] += error
        self.a[context] += abs(error)
        if self.n[context] == 64:
            self.a[context] >>= 1
            self.b[context] >>= 1
            self.n[context] >>= 1
        self.n[context] += 1
        if self.b[context] <= -self.n[context]:
            self.b[context] = max(self.b[context] + self.n[context], 1 - self.n[context])
            self.c[context] = max(self.c[context] - 1, -128)
        elif self.b[context] > 0:
            self.b[context] = min(self.b[context] - self.n[context], 0)
            self.c[context] = min(self.c[context] + 1, 127)

    def _run(self, row: list[int], above: list[int], at: int, left: int) -> int:
        start, width = at, len(row)
        while at < width and row[at] == left:
            at += 1
        count = at - start
        while count >= 1 << self._J[self.index]:
            self.out.append("1")
            count -= 1 << self._J[self.index]
            self.index = min(self.index + 1, 31)
        if at == width:
            if count:
                self.out.append("1")
            return at
        self.out.append("0")
        bits = self._J[self.index]
        if bits:
            self.out.append(f"{count:0{bits}b}")
        up = above[at + 1]
        before = row[at - 1] if at else above[1]
        kind = int(before == up)
        guess = before if kind else up
        error = row[at] - guess
        if not kind and before > up:
            error = -error
        error = self._wrapped(error)
        context = 365 + kind
        size = self.a[context] + (self.n[context] >> 1 if kind else 0)
        shift = self._shift(self.n[context], size)
        flag = int(
            (shift == 0 and error > 0 and 2 * self.run_errors[kind] < self.n[context])
            or (error < 0 and (2 * self.run_errors[kind] >= self.n[context] or shift != 0))
        )
        mapped = 2 * abs(error) - kind - flag
        self._golomb(mapped, shift, self.limit - bits - 1)
        if error < 0:
            self.run_errors[kind] += 1
        self.a[context] += (mapped + 1 - kind) >> 1
        if self.n[context] == 64:
            self.a[context] >>= 1
            self.n[context] >>= 1
            self.run_errors[kind] >>= 1
        self.n[context] += 1
        if self.index:
            self.index -= 1
        return at + 1

    def _wrapped(self, error: int) -> int:
        if error < 0:
            error += self.range
        return error - self.range if error >= (self.range + 1) // 2 else error

    @staticmethod
    def _shift(count: int, size: int) -> int:
        shift = 0
        while count << shift < size:
            shift += 1
        return shift

    def _golomb(self, value: int, shift: int, limit: int) -> None:
        high = value >> shift
        if high < limit - self.bits - 1:
            self.out.append("0" * high + "1" + (f"{value & ((1 << shift) - 1):0{shift}b}" if shift else ""))
        else:
            self.out.append("0" * (limit - self.bits - 1) + "1" + f"{value - 1:0{self.bits}b}")


def _stuffed(bits: str) -> bytes:
    """After FF the next byte begins with a zero bit (T.87 A.1)."""
    out, at = bytearray(), 0
    while at < len(bits):
        size = 7 if out and out[-1] == 0xFF else 8
        out.append(int(bits[at : at + size].ljust(size, "0"), 2))
        at += size
    return bytes(out) + (b"\x00" if out[-1] == 0xFF else b"")


def segment(marker: int, body: bytes) -> bytes:
    """A JPEG marker segment."""
    return bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2) + body

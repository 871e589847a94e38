"""What the key does: pseudonyms, UIDs and the shift of dates. Without the key none of them can be computed or undone.

Everything is HMAC-SHA256 (RFC 2104), with the purpose in the message so that no result can serve for another.
"""

import codecs
import hmac
import re
import unicodedata
from collections.abc import Sequence
from datetime import timedelta
from functools import lru_cache

_MAX_SHIFT_DAYS = 5 * 365
_TAG_BITS = 32
_MIN_KEY_BYTES = 16
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){16,}")


def pseudonym(key: bytes, *parts: str) -> str:
    """64 hex digits that stand for ``parts`` (hospital's patient number, issuer, ...).

    Parts are compared as people do: NFKC, case folded, runs of white space as one space. Each is written with its
    length, so that ("ab", "c") and ("a", "bc") differ. Raises ValueError for a key under 16 bytes.
    """
    normal = (" ".join(unicodedata.normalize("NFKC", part).casefold().split()).encode() for part in parts)
    message = b"".join(len(part).to_bytes(4) + part for part in normal)
    return _hmac(key, b"pseudonym" + message).hex()


def read_keys(content: bytes) -> tuple[bytes, ...]:
    """The keys in a key file, one on each line that is not empty; the first is the current one.

    32 or more hex digits, an even number, are read as hex, any other line as its raw bytes. Raises ValueError when
    there is none, or one under 16 bytes.
    """
    content = content.removeprefix(codecs.BOM_UTF8)  # some editors write it; it is no part of the key
    lines = [line.strip() for line in content.splitlines() if line.strip()]
    keys = tuple(bytes.fromhex(line.decode()) if _HEX.fullmatch(line) else line for line in lines)
    if not keys or min(map(len, keys)) < _MIN_KEY_BYTES:
        raise ValueError("a key has at least 16 bytes")
    return keys


def patient_pseudonym(key: bytes, hospital: int, patient_id: str, issuer: str = "") -> str:
    """The pseudonym of one hospital's patient: the same in the portal and on the command line."""
    return pseudonym(key, str(hospital), patient_id, issuer)


def key_id(key: bytes) -> str:
    """8 hex digits that tell keys apart and say nothing else about them."""
    return _hmac(key, b"key id").hex()[:8]


class Keyed:
    """One hospital's UIDs and one patient's dates under ``key``; ``former`` keys only recognise what they made."""

    def __init__(self, key: bytes, hospital: int, patient: str, former: Sequence[bytes] = ()) -> None:
        self._uid_keys = _uid_keys((key, *former), hospital)
        number = int.from_bytes(_hmac(key, b"shift" + hospital.to_bytes(8) + patient.encode())[:8])
        # At least a day back, never into the future; seconds too, so that the time of day is not a trace.
        self.shift = -timedelta(days=1 + number % _MAX_SHIFT_DAYS, seconds=number // _MAX_SHIFT_DAYS % 86_400)

    def uid(self, source: str | bytes) -> str:
        """The new UID: 2.25 and an integer of 128 bits (PS3.5 B.2), the same for the same source and key.

        96 bits come from the source, 32 prove that this key made it, so that a file that has been through already
        keeps its UIDs.
        """
        if isinstance(source, str):
            if self.made(source):
                return source
            source = source.encode()
        body = _hmac(self._uid_keys[0], b"body" + source)[:12]
        return f"2.25.{int.from_bytes(body + _tag(self._uid_keys[0], body))}"

    def made(self, uid: str) -> bool:
        """Whether ``uid`` came from here, under this key or a former one."""
        number = uid.removeprefix("2.25.")
        if number == uid or not (number.isascii() and number.isdecimal() and len(number) <= 39):
            return False
        value = int(number)
        if value >> 128 or str(value) != number:
            return False
        data = value.to_bytes(16)
        return any(hmac.compare_digest(_tag(key, data[:12]), data[12:]) for key in self._uid_keys)

    def proof(self, facts: bytes) -> str:
        """16 hex digits that only a holder of the key can write beside ``facts``."""
        return _proof(self._uid_keys[0], facts)

    def proves(self, proof: str, facts: bytes) -> bool:
        """Whether ``proof`` was made here for ``facts``, under this key or a former one."""
        given = proof.encode()
        return any(hmac.compare_digest(_proof(key, facts).encode(), given) for key in self._uid_keys)


@lru_cache(maxsize=16)
def _uid_keys(keys: tuple[bytes, ...], hospital: int) -> tuple[bytes, ...]:
    return tuple(_hmac(key, b"uid" + hospital.to_bytes(8)) for key in keys)


def _tag(uid_key: bytes, body: bytes) -> bytes:
    return _hmac(uid_key, b"tag" + body)[: _TAG_BITS // 8]


def _proof(uid_key: bytes, facts: bytes) -> str:
    return _hmac(uid_key, b"proof" + facts)[:8].hex()


def _hmac(key: bytes, message: bytes) -> bytes:
    if len(key) < _MIN_KEY_BYTES:
        raise ValueError("a key has at least 16 bytes")
    return hmac.digest(key, message, "sha256")

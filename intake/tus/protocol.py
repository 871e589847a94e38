"""Headers of tus 1.0.0, read and checked: core, creation, creation-with-upload, termination, checksum, expiration.

Not offered: lengths that are told later (creation-defer-length), concatenation, checksums in trailers.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,termination,checksum,expiration"
CONTENT_TYPE = "application/offset+octet-stream"
ALGORITHMS = ("sha256", "sha1")
_MOST_DIGITS = 18


class BadHeader(ValueError):  # noqa: N818
    """A header is missing or is not what the protocol says. The message is for whoever writes the program."""


def number(headers: Mapping[str, str], name: str) -> int:
    """A header that is a whole number of bytes, 0 or more. Raises BadHeader."""
    text = headers.get(name, "")
    if not (text.isascii() and text.isdecimal() and len(text) <= _MOST_DIGITS):
        raise BadHeader(f"{name} must be a whole number of bytes.")
    return int(text)


def metadata(header: str) -> dict[str, str]:
    """The pairs of Upload-Metadata: `key base64(UTF-8),key2 base64`; a key without a value has the empty one.

    Raises BadHeader."""
    found: dict[str, str] = {}
    for pair in header.split(",") if header.strip() else ():
        key, _, value = pair.strip().partition(" ")
        if not key or key in found:
            raise BadHeader("Upload-Metadata has an empty key or one key twice.")
        try:
            found[key] = base64.b64decode(value.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            raise BadHeader(f"Upload-Metadata: the value of {key[:40]} is not UTF-8 in base64.") from None
    return found


@dataclass(frozen=True)
class Checksum:
    """Upload-Checksum: what the body of this one request has to hash to."""

    algorithm: str
    digest: bytes

    def matches(self, hashed: "hashlib._Hash") -> bool:
        return hmac.compare_digest(hashed.digest(), self.digest)

    def new(self) -> "hashlib._Hash":
        return hashlib.new(self.algorithm, usedforsecurity=False)


def checksum(headers: Mapping[str, str]) -> Checksum | None:
    """Upload-Checksum, if there is one: `algorithm base64(digest)`. Raises BadHeader."""
    if "Upload-Checksum" not in headers:
        return None
    algorithm, _, value = headers["Upload-Checksum"].strip().partition(" ")
    if algorithm not in ALGORITHMS:
        raise BadHeader(f"Upload-Checksum: one of {', '.join(ALGORITHMS)} is understood.")
    try:
        digest = base64.b64decode(value.strip(), validate=True)
    except (binascii.Error, ValueError):
        raise BadHeader("Upload-Checksum: the digest is not base64.") from None
    return Checksum(algorithm, digest)

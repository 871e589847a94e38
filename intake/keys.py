"""The keys that intake needs. They lie in files outside the database (portal/keys.py says who needs which)."""

from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path

from cryptography.fernet import Fernet
from django.conf import settings
from django.utils.translation import gettext, gettext_noop
from pyrage import x25519

from imaging.deid import key_id, read_keys
from imaging.formats import Refused


def _read(name: str) -> str:
    return (settings.CXR_KEYS_DIR / name).read_text().strip()


@cache
def recipient() -> x25519.Recipient:
    """Seals originals, cannot open them: all that the web process has."""
    return x25519.Recipient.from_str(_read("quarantine.pub"))


@cache
def identity() -> x25519.Identity:
    """Opens originals: only the workers' keys folder holds the file."""
    return x25519.Identity.from_str(_read("quarantine.key"))


@cache
def names() -> Fernet:
    return Fernet(_read("names.key").encode())


@dataclass(frozen=True)
class PseudonymKey:
    """The HMAC key of pseudonyms and the short id that rows and reports name it by."""

    secret: bytes = field(repr=False)
    id: str


class KeyMissing(Refused):
    """A patient's key is no longer in pseudonym.key. Going on with another one would make a second person of them."""

    MESSAGES = {
        "key_missing": gettext_noop(
            "The key that this patient's images are linked by is missing in the portal. Ask whoever runs the portal to "
            "put it back into pseudonym.key; then try again."
        )
    }

    def __init__(self, code: str = "key_missing") -> None:
        super().__init__(code)

    def __str__(self) -> str:
        return gettext(self.message)


def pseudonym_keys() -> tuple[PseudonymKey, ...]:
    """Every key of the ring, the current one first. A rotation is noticed by every process at its next call.

    Raises ValueError for a file that holds no key, or one under 16 bytes (`imaging.deid.read_keys`).
    """
    path = settings.CXR_KEYS_DIR / "pseudonym.key"
    stat = path.stat()
    return _ring(path, (stat.st_ino, stat.st_mtime_ns, stat.st_size))


@lru_cache(maxsize=1)
def _ring(path: Path, version: tuple[int, int, int]) -> tuple[PseudonymKey, ...]:
    return tuple(PseudonymKey(secret, key_id(secret)) for secret in read_keys(path.read_bytes()))


def pseudonym_key(id: str | None = None) -> PseudonymKey:
    """The key of that id; the current one without an id. Raises KeyMissing when the ring no longer has it."""
    ring = pseudonym_keys()
    if not id:
        return ring[0]
    for key in ring:
        if key.id == id:
            return key
    raise KeyMissing

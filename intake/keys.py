"""The keys that intake needs. They lie in files outside the database (portal/keys.py says who needs which)."""

from dataclasses import dataclass, field
from functools import cache

from cryptography.fernet import Fernet
from django.conf import settings
from pyrage import x25519

from imaging.deid import key_id


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


@cache
def pseudonym_key() -> PseudonymKey:
    secret = bytes.fromhex(_read("pseudonym.key"))
    return PseudonymKey(secret, key_id(secret))

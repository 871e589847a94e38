"""Hospitals' own file names. They identify patients, so the database holds them encrypted (Fernet) and only the
hospital's own people are shown them."""

from cryptography.fernet import InvalidToken

from intake import keys

MAX_LENGTH = 255  # characters; what a file system takes


def seal(name: str) -> str:
    """The encrypted form of `name`, or the empty string for an empty one. Of a name with folders before it that is
    longer than 255 characters the end is kept."""
    return seal_text(name[-MAX_LENGTH:]) if name else ""


def seal_text(text: str) -> str:
    """The encrypted form of anything that may name a patient."""
    return keys.names().encrypt(text.encode()).decode()


def reveal(sealed: str) -> str:
    """The name or text again; empty where it was purged or belongs to a key that is gone."""
    if not sealed:
        return ""
    try:
        return keys.names().decrypt(sealed.encode()).decode()
    except InvalidToken:
        return ""

"""Hospitals' own file names. They identify patients, so the database holds them encrypted (Fernet) and only the
hospital's own people are shown them."""

from cryptography.fernet import InvalidToken

from intake import keys

MAX_LENGTH = 255  # characters; what a file system takes


def seal(name: str) -> str:
    """The encrypted form of `name` (cut to 255 characters), or the empty string for an empty one."""
    return keys.names().encrypt(name[:MAX_LENGTH].encode()).decode() if name else ""


def reveal(sealed: str) -> str:
    """The name again; empty where it was purged or belongs to a key that is gone."""
    if not sealed:
        return ""
    try:
        return keys.names().decrypt(sealed.encode()).decode()
    except InvalidToken:
        return ""

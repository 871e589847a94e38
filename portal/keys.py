"""The keys of an installation: made once, kept outside the database, readable by their owner alone.

=================== ============================================================ =========================
file                what it is                                                   who needs it
=================== ============================================================ =========================
django.key          Django's SECRET_KEY                                          web, worker
quarantine.key      age identity (X25519) that opens the quarantined originals   worker only
quarantine.pub      age recipient: seals, cannot open                            web, worker
pseudonym.key       HMAC-SHA256 keys of pseudonyms, UIDs and date shifts, one    web (patient key), worker
                    in hex per line: the current one, then older ones
names.key           Fernet key of the hospitals' own file names                  web, worker (ZIP files)
audit.key           HMAC-SHA256 key of the audit trail                           web, worker
factors.key         Fernet keys of the secrets of second factors, one per line:  web
                    the current one, then older ones
=================== ============================================================ =========================

The DICOM listener needs what the web process needs.
"""

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import Fernet
from pyrage import x25519


def _write_new(path: Path, content: str) -> None:
    """Creates the file with mode 0600; another process that was first wins, and its key is kept."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(content + "\n")
    try:
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink()


def _public(directory: Path) -> str:
    identity = x25519.Identity.from_str((directory / "quarantine.key").read_text().strip())
    return str(identity.to_public())


MAKERS: dict[str, Callable[[Path], str]] = {
    "django.key": lambda _: secrets.token_urlsafe(50),
    "quarantine.key": lambda _: str(x25519.Identity.generate()),
    "quarantine.pub": _public,
    "pseudonym.key": lambda _: secrets.token_hex(32),
    "names.key": lambda _: Fernet.generate_key().decode(),
    "audit.key": lambda _: secrets.token_hex(32),
    "factors.key": lambda _: Fernet.generate_key().decode(),
}


def ensure_keys(directory: Path) -> dict[str, Path]:
    """Makes the keys that are missing in `directory` and returns every key's path; never overwrites one."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name, make in MAKERS.items():
        path = directory / name
        if not path.exists():
            _write_new(path, make(directory))
    return {name: directory / name for name in MAKERS}


def rotate_pseudonym_key(directory: Path, key: str) -> None:
    """Puts `key` (hex) before the keys of pseudonym.key, at once or not at all; the older ones stay below it.

    The file keeps its mode, so that whoever could read it still can. Raises OSError where the folder cannot be written
    to, and FileExistsError while another rotation is under way (or one was cut short: the file ending in .new is its).
    """
    path = directory / "pseudonym.key"
    older, mode = path.read_text().strip(), path.stat().st_mode & 0o777
    new = path.with_name(f".{path.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(f"{key}\n{older}\n")
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except BaseException:
        new.unlink(missing_ok=True)
        raise

"""What opens a second factor (the secret of an authenticator app, the seed of recovery codes) lies sealed in the
database, by a key outside of it: factors.key holds Fernet keys, one per line; the first one seals, each of them opens.
"""

from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

_SEALED = "gAAAAA"  # every Fernet token begins so (its version, then a time before 2106); no secret or seed does


def seal(text: str) -> str:
    """`text`, sealed by the first key."""
    return _ring().encrypt(text.encode()).decode()


def unseal(text: str) -> str:
    """What `seal` was given; a text from before secrets were sealed comes back as it is.

    Raises `ImproperlyConfigured` where no key opens it: nobody may get in, or be kept out, without an error that the
    operator sees."""
    if not is_sealed(text):
        return text
    try:
        return _ring().decrypt(text).decode()
    except InvalidToken as error:
        raise ImproperlyConfigured(
            "No key in factors.key opens a second factor: a line of the file was taken away."
        ) from error


def is_sealed(text: str) -> bool:
    return text.startswith(_SEALED)


def reseal(text: str) -> str:
    """`text`, plain or under any key, sealed by the first key."""
    return seal(unseal(text))


def change_rows(authenticators: Any, change: Callable[[str], str]) -> int:
    """Applies `change` to every secret and seed of the model `authenticators`; returns to how many rows. All of them or
    none; it waits for whoever is using a recovery code."""
    count = 0
    with transaction.atomic():
        rows = authenticators.objects.select_for_update().filter(type__in=["totp", "recovery_codes"])
        for row in rows.order_by("pk"):
            for name in {"secret", "seed"} & row.data.keys():
                row.data[name] = change(row.data[name])
                row.save(update_fields=["data"])
                count += 1
    return count


def _ring() -> MultiFernet:
    path = settings.CXR_KEYS_DIR / "factors.key"
    try:
        stat = path.stat()
        return _read(path, (stat.st_ino, stat.st_mtime_ns, stat.st_size))
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(
            f"{path} is missing or holds no Fernet key; docs/operators.md says how to make one."
        ) from error


@lru_cache(maxsize=1)
def _read(path: Path, version: tuple[int, int, int]) -> MultiFernet:
    """Processes that run notice a changed file by `version`."""
    return MultiFernet([Fernet(line) for line in path.read_text().split()])

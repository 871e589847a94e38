from functools import cache

from django.conf import settings


@cache
def audit_key() -> bytes:
    """The HMAC key of the trail. It lies outside the database, so that who can write there still can't forge rows."""
    return bytes.fromhex((settings.CXR_KEYS_DIR / "audit.key").read_text().strip())

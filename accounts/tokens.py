"""Secrets that a person carries: API tokens and invitation links. The database keeps their SHA-256 only; that is
enough because they are 256 random bits, which nobody can enumerate."""

import hashlib
import secrets

API_PREFIX = "cxr_"


def new_secret(prefix: str = "") -> str:
    return prefix + secrets.token_urlsafe(32)


def secret_hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()

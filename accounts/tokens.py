"""Secrets that a person carries: API tokens and invitation links. The database keeps their SHA-256 only; that is
enough because they are 256 random bits, which nobody can enumerate."""

import hashlib
import secrets
from datetime import datetime

from django.utils.crypto import salted_hmac

from accounts.models import Invitation

API_PREFIX = "cxr_"


def new_secret(prefix: str = "") -> str:
    return prefix + secrets.token_urlsafe(32)


def secret_hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def invitation_secret(email: str, created_at: datetime) -> str:
    """The secret of an invitation's link, made from the row and the portal's key: the worker that writes the mail can
    make it again, so it is in no task and in no table. `created_at` is what makes it new every time."""
    content = f"{email}|{created_at.isoformat()}"
    return salted_hmac("accounts.invitation", content, algorithm="sha256").hexdigest()


def secret_of(invitation: Invitation) -> str:
    """The secret again, for the mail. Raises `RuntimeError` where the portal's key was changed since the invitation."""
    secret = invitation_secret(invitation.email, invitation.created_at)
    if secret_hash(secret) != invitation.token_hash:
        raise RuntimeError(f"Invitation {invitation.pk} was made with another key; invite the person again.")
    return secret

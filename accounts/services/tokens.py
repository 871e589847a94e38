from collections.abc import Collection
from datetime import timedelta

from django.core.cache import cache
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from redis import RedisError

from accounts import factors, policies
from accounts.errors import AccountsError, NotAllowedError
from accounts.models import ApiToken, User
from accounts.tokens import API_PREFIX, new_secret, secret_hash
from audit.services import record

MAX_TOKEN_DAYS = 365


def issue_token(*, user: User, name: str, scopes: Collection[str], days: int) -> tuple[ApiToken, str]:
    """A new token and its secret, which nobody can see again.

    Raises `NotAllowedError` for a scope that the person's roles do not reach or while a second factor that they need is
    missing, `AccountsError` for a missing name, no
    scope or more than a year. What the token can do is limited by the roles of the moment of use, not of this one."""
    name = name.strip()
    if not name:
        raise AccountsError(_("Name the token, e.g. after the computer that will use it."))
    if not scopes:
        raise AccountsError(_("Choose at least one thing that the token may do."))
    if factors.missing(user):
        raise NotAllowedError(_("Your role needs a second factor. Set one up before you make a token."))
    if not set(scopes) <= set(policies.token_scopes(user)):
        raise NotAllowedError(_("Your account can't give a token these permissions."))
    if not 1 <= days <= MAX_TOKEN_DAYS:
        raise AccountsError(_("A token lasts from one day to one year."))
    secret = new_secret(API_PREFIX)
    with transaction.atomic():
        token = ApiToken.objects.create(
            user=user,
            name=name,
            token_hash=secret_hash(secret),
            scopes=sorted(set(scopes)),
            expires_at=timezone.now() + timedelta(days=days),
        )
        record("token.issued", actor=user, about=token, scopes=token.scopes, days=days)
    return token, secret


def note_refused_token(token: ApiToken) -> None:
    """Records that a token was refused: it is over, or its person's role lacks the second factor. Once an hour, however
    often a forgotten program tries."""
    try:
        first = cache.add(f"token-refused:{token.pk}", 1, 3600)
    except (RedisError, OSError):
        first = True
    if first:
        reason = "second_factor"
        if token.revoked_at or token.expires_at <= timezone.now() or not token.user.is_active:
            reason = "revoked" if token.revoked_at else "expired" if token.expires_at <= timezone.now() else "closed"
        record("token.refused", about=token, person=token.user_id, reason=reason)


def revoke_token(*, user: User, token: ApiToken) -> None:
    """The person ends an own token; ending it twice does nothing. Raises `NotAllowedError` for somebody else's."""
    if token.user_id != user.pk:
        raise NotAllowedError(_("You can revoke only your own tokens."))
    with transaction.atomic():
        locked = ApiToken.objects.select_for_update().get(pk=token.pk)
        if locked.revoked_at is None:
            locked.revoked_at = timezone.now()
            locked.save(update_fields=["revoked_at"])
            record("token.revoked", actor=user, about=locked)
    token.refresh_from_db()

from datetime import timedelta
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied
from rest_framework.request import Request

from accounts import factors
from accounts.models import ApiToken
from accounts.services.tokens import note_refused_token
from accounts.tokens import secret_hash


class ApiTokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer cxr_...`; the token is in `request.auth`, its scopes limit what the person may do."""

    keyword = b"bearer"

    def authenticate(self, request: Request) -> tuple[Any, ApiToken] | None:
        parts = get_authorization_header(request).split()
        if not parts or parts[0].lower() != self.keyword:
            return None
        if len(parts) != 2:
            raise AuthenticationFailed(_("Send the token as 'Authorization: Bearer <token>'."))
        hashed = secret_hash(parts[1].decode("latin-1"))
        token = ApiToken.objects.select_related("user").filter(token_hash=hashed).first()
        if token is None or not token.user.is_active or token.revoked_at or token.expires_at <= timezone.now():
            if token is not None:
                note_refused_token(token)
            raise AuthenticationFailed(
                _("This token is unknown, expired or revoked. Make a new one on your token page.")
            )
        if factors.missing(token.user):
            note_refused_token(token)
            raise PermissionDenied(
                _("Your role needs a second factor. Sign in to the portal and set one up, then try again."),
                code="second_factor_required",
            )
        now = timezone.now()
        if token.last_used_at is None or now - token.last_used_at > timedelta(minutes=1):
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"

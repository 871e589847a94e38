from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _

from accounts import factors

# What somebody needs to set up a second factor, or to give up: everything else waits.
OPEN = {
    "account_logout",
    "account_reauthenticate",
    # An unconfirmed further address keeps allauth from adding a factor, so it must be possible to remove it.
    "account_email",
    "account_confirm_email",
    "account_email_verification_sent",
    "accounts:profile",
    "accounts:details",
    "set_language",
    "health_live",
    "health_ready",
}


def _is_open(name: str) -> bool:
    return name in OPEN or name.startswith("mfa_")


class SecondFactor:
    """Keeps everything closed for people whose role needs a second factor (CXR_MFA_ROLES) until they have one.

    Pages lead to where it is set up; the API answers 403 with the code `second_factor_required`. Tokens:
    `accounts.authentication`."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        if not factors.missing(request.user):
            return None
        request.second_factor_missing = True  # type: ignore[attr-defined]  # templates/mfa/index.html says why
        match = request.resolver_match
        if match is not None and _is_open(match.view_name or ""):
            return None
        if request.path.startswith("/api/") or not request.accepts("text/html"):
            text = _("Your role needs a second factor. Sign in to the portal and set one up, then try again.")
            return JsonResponse({"detail": text, "code": "second_factor_required"}, status=403)
        return redirect("mfa_index")

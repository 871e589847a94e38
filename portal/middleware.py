from collections.abc import Callable

from csp.constants import UNSAFE_EVAL, UNSAFE_INLINE
from django.conf import settings
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.urls import reverse


class NoNullCharacters:
    """Answers 400 to an address with a NUL character in it: PostgreSQL fails on one, and no text of ours has any."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if "\x00" in request.path or "%00" in request.META.get("QUERY_STRING", ""):
            raise BadRequest("NUL in the address")
        return self.get_response(request)


class ProviderPolicy:
    """Lets the form of the page before another provider's sign-in lead there: Chromium holds a form to `form-action`
    through every redirect that follows, and an institute's sign-in may pass through several hosts."""

    PAGES = {"openid_connect_login", "orcid_login"}

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.resolver_match is not None and request.resolver_match.url_name in self.PAGES:
            # Read by django-csp. Without HTTPS only where the portal itself has none.
            anywhere = ["https:"] if settings.CXR_ORIGIN.startswith("https") else ["https:", "http:"]
            response._csp_update = {"form-action": anywhere}  # type: ignore[attr-defined]
        return response


class BackOfficePolicy:
    """Loosens the Content Security Policy for the back office alone: the library behind it (unfold) evaluates
    expressions in attributes (Alpine.js) and sets styles inline. Nobody but staff gets there."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if request.path.startswith(reverse("admin:index")):
            response._csp_update = {  # type: ignore[attr-defined]  # read by django-csp
                "script-src": [UNSAFE_EVAL, UNSAFE_INLINE],
                "style-src": [UNSAFE_INLINE],
            }
        return response

"""What every page shows: the ways that are open to this person."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import policies


def _items(request: HttpRequest, links: list[tuple[str, str]]) -> list[dict[str, Any]]:
    # The longest address that the page lies under is the active one.
    urls = [reverse(name) for name, _label in links]
    here = max((url for url in urls if request.path.startswith(url)), key=len, default=None)
    return [
        {"url": url, "label": label, "active": url == here} for url, (_name, label) in zip(urls, links, strict=True)
    ]


def navigation(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    main = [("datasets:list", _("Datasets"))]
    account: list[tuple[str, str]] = []
    if user is not None and policies.is_person(user):
        if policies.is_hospital_user(user):
            main.append(("intake:batches", _("Uploads")))
        if policies.is_curator(user):
            main.append(("curation:queue", _("Curation")))
        if policies.is_reviewer(user):
            main.append(("accounts:manage_requests", _("Requests")))
        if policies.is_data_manager(user):
            main.append(("datasets:manage", _("Releases")))
            main.append(("accounts:manage_people", _("People")))
            main.append(("accounts:manage_agreements", _("Agreements")))
            main.append(("audit:events", _("Audit trail")))
        account = [
            ("accounts:profile", _("My access")),
            ("accounts:tokens", _("API tokens")),
            ("account_email", _("E-mail addresses")),
            ("account_change_password", _("Password")),
            ("mfa_index", _("Two-factor authentication")),
            ("usersessions_list", _("Sessions")),
        ]
    return {
        "nav_items": _items(request, main),
        "account_items": _items(request, account),
        "outbox_page": settings.CXR_OUTBOX_PAGE,
    }

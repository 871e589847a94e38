"""What a person does about the own access."""

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import policies, selectors, services
from accounts.countries import country_name
from accounts.errors import AccountsError
from accounts.forms import TokenForm
from accounts.models import ApiToken, User
from accounts.steps import next_steps


@policies.required(policies.is_person)
@require_safe
def profile(request: HttpRequest) -> HttpResponse:
    user = cast(User, request.user)
    return render(
        request,
        "accounts/profile.html",
        {
            "steps": next_steps(user),
            "grants": selectors.grants().filter(user=user),
            "requests": selectors.requests().filter(user=user),
            "signatures": user.signatures.select_related("agreement").order_by("-at"),
            "country": country_name(user.country, get_language() or "en"),
            "now": timezone.now(),
            "memberships": user.memberships.select_related("hospital").order_by("hospital__number"),
        },
    )


@policies.required(policies.is_person)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def tokens(request: HttpRequest) -> HttpResponse:
    """Lists the tokens and makes new ones. The secret is in the answer to the POST and nowhere else."""
    user = cast(User, request.user)
    form = TokenForm(request.POST or None, user=user)
    issued: dict[str, object] = {}
    if request.method == "POST" and form.is_valid():
        try:
            token, secret = services.issue_token(user=user, **form.cleaned_data)
        except AccountsError as error:
            form.add_error(None, str(error))
        else:
            issued = {"new_token": token, "secret": secret}
            form = TokenForm(user=user)
    labels = dict(ApiToken.Scope.choices)
    rows = [(token, [labels[scope] for scope in token.scopes]) for token in user.api_tokens.all()]
    return render(request, "accounts/tokens.html", {"form": form, "tokens": rows, "now": timezone.now(), **issued})


@policies.required(policies.is_person)
@require_POST
def token_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    user = cast(User, request.user)
    services.revoke_token(user=user, token=get_object_or_404(ApiToken, pk=pk, user=user))
    messages.success(request, _("The token is revoked. Programs that use it are refused from now on."))
    return redirect("accounts:tokens")

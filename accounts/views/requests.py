"""What a researcher does about the own requests; asking itself stands with the dataset."""

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from accounts import policies, selectors, services
from accounts.errors import AccountsError
from accounts.models import AccessRequest, User
from accounts.request_forms import MessageForm


@policies.required(policies.is_person)
@require_safe
def request_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """The own request: what was asked for, the conversation, what came of it and what can be done now."""
    asked = get_object_or_404(selectors.requests().filter(user=cast(User, request.user)), pk=pk)
    grant = getattr(asked, "grant", None)
    return render(
        request,
        "accounts/request.html",
        {
            "asked": asked,
            "grant": grant,
            "renewable": grant is not None and selectors.is_renewable(grant) and selectors.is_near_its_end(grant),
            "now": timezone.now(),
            "conversation": asked.messages.select_related("author"),
            "message_form": MessageForm(),
        },
    )


@policies.required(policies.is_person)
@require_POST
def request_withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    user = cast(User, request.user)
    asked = get_object_or_404(AccessRequest, pk=pk, user=user)
    was_draft = asked.status == AccessRequest.Status.DRAFT
    try:
        services.withdraw_request(request=asked, user=user)
    except AccountsError as error:
        messages.error(request, str(error))
    else:
        if was_draft:
            messages.success(request, _("The draft is thrown away. You can ask again at any time."))
        else:
            messages.success(request, _("The request is withdrawn. You can ask again at any time."))
    return redirect("accounts:profile")

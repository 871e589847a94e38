"""What a person does about the own data: taking them along, and leaving."""

from typing import cast

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth import logout
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts import own_data, policies, services
from accounts.errors import AccountsError
from accounts.models import User


@policies.required(policies.is_person)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def my_data(request: HttpRequest) -> HttpResponse | FileResponse:
    """Says what is stored; a POST gives it out."""
    if request.method == "POST":
        return FileResponse(
            own_data.export(cast(User, request.user)),
            as_attachment=True,
            filename="my-data.zip",
            content_type="application/zip",
        )
    return render(request, "accounts/my_data.html")


@policies.required(policies.is_person)
@require_http_methods(["GET", "HEAD", "POST"])
@reauthentication_required  # type: ignore[untyped-decorator]  # allauth has no types
@never_cache
def close(request: HttpRequest) -> HttpResponse:
    """The page and its button both need that the person has just shown who it is."""
    user = cast(User, request.user)
    if request.method == "POST":
        if not request.POST.get("understood"):
            messages.error(request, _("Tick that you understand that this can't be undone."))
            return redirect("accounts:close")
        try:
            services.close_account(user=user)
        except AccountsError as error:
            messages.error(request, str(error))
            return redirect("accounts:close")
        logout(request)
        messages.success(request, _("Your account is closed. A confirmation goes to your former address."))
        return redirect("home")
    return render(request, "accounts/close.html")


@policies.required(policies.is_data_manager)
@require_POST
def person_account(request: HttpRequest, pk: int) -> HttpResponse:
    """`action` is lock, unlock or close (which needs `sure`), with a `reason` of the list."""
    person, manager = get_object_or_404(User, pk=pk), cast(User, request.user)
    action, reason = request.POST.get("action"), request.POST.get("reason", "")
    try:
        if action == "lock":
            services.lock_account(manager=manager, user=person, reason=reason)
            messages.success(request, _("The account is locked. Nothing was deleted."))
        elif action == "unlock":
            services.unlock_account(manager=manager, user=person)
            messages.success(request, _("The account is open again."))
        elif action == "close" and request.POST.get("sure") and person.pk != manager.pk:
            services.close_account(user=person, by=manager, reason=reason)
            messages.success(request, _("The account is closed. A confirmation goes to the former address."))
        else:
            messages.error(request, _("Nothing was done. To close the account for good, tick the box as well."))
    except AccountsError as error:
        messages.error(request, str(error))
    return redirect("accounts:manage_person", pk=pk)

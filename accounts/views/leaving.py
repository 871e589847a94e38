"""What a person does about the own data: taking them along, and leaving."""

from typing import cast

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth import logout
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

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

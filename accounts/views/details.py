from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import policies, services
from accounts.errors import AccountsError
from accounts.models import User
from accounts.people_forms import DetailsForm


@policies.required(policies.is_person)
@require_http_methods(["GET", "HEAD", "POST"])
def details(request: HttpRequest) -> HttpResponse:
    """Where a person corrects the own name, institution and the like."""
    user = cast(User, request.user)
    form = DetailsForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        values = {**form.cleaned_data, "orcid_id": form.cleaned_data["orcid"]}
        values.pop("orcid")
        try:
            services.update_profile(user=user, **values)
        except AccountsError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Your details are saved."))
            return redirect("accounts:profile")
    return render(request, "accounts/profile_edit.html", {"form": form})

from typing import cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import policies, selectors, services
from accounts.errors import AccountsError, LogInFirstError
from accounts.forms import InvitationForm
from accounts.models import Invitation, User


@sensitive_post_parameters("password1", "password2")
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """The link of an invitation's mail. A visitor makes an account here; somebody who is logged in with the invited
    address joins the hospital; the link is the only key, so nothing is shown without the right one."""
    invited = selectors.invitation_by_secret(token)
    if invited is None:
        raise Http404
    if not selectors.is_open(invited):
        return render(request, "accounts/invitation_over.html", status=410)
    if policies.is_person(request.user):
        return _attach(request, token, invited)
    if selectors.address_is_taken(invited.email):
        return redirect(f"{reverse('account_login')}?{urlencode({'next': request.path})}")
    form = InvitationForm(request.POST or None, invitation=invited)
    if request.method == "POST" and form.is_valid():
        try:
            services.accept_invitation(
                secret=token, name=form.cleaned_data["name"], password=form.cleaned_data["password1"]
            )
        except LogInFirstError:
            return redirect(request.path)
        except AccountsError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Your account is ready. Sign in with the invited address."))
            return redirect("account_login")
    return render(
        request, "accounts/invitation.html", {"invitation": invited, "hospitals": _named(invited), "form": form}
    )


def _attach(request: HttpRequest, token: str, invited: Invitation) -> HttpResponse:
    user = cast(User, request.user)
    if request.method == "POST":
        try:
            services.accept_invitation(secret=token, user=user)
        except AccountsError as error:
            messages.error(request, str(error))
            return redirect(request.path)
        messages.success(request, _("You can upload now for: %(hospitals)s.") % {"hospitals": _named(invited)})
        return redirect("accounts:profile")
    fits = selectors.has_confirmed_email(user, invited.email)
    context = {"invitation": invited, "hospitals": _named(invited), "fits": fits}
    return render(request, "accounts/invitation_attach.html", context)


def _named(invited: Invitation) -> str:
    return ", ".join(hospital.name for hospital in invited.hospitals.all())

"""What data managers do about other people's access."""

from typing import cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import policies, services
from accounts.errors import AccountsError
from accounts.forms import HospitalForm, InviteForm
from accounts.models import Hospital, Invitation, User


@policies.required(policies.is_data_manager)
@require_http_methods(["GET", "HEAD", "POST"])
def manage_people(request: HttpRequest) -> HttpResponse:
    form = InviteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            invitation, _secret = services.invite(manager=cast(User, request.user), **form.cleaned_data)
        except AccountsError as error:
            form.add_error(None, str(error))
        else:
            told = _("The invitation is on its way to %(email)s.") % {"email": invitation.email}
            messages.success(request, told)
            return redirect("accounts:manage_people")
    query = request.GET.get("q", "").strip()
    people = User.objects.prefetch_related("hospitals").order_by("name", "pk")
    if query:
        people = people.filter(Q(name__icontains=query) | Q(email__icontains=query) | Q(institution__icontains=query))
    return render(
        request,
        "accounts/manage_people.html",
        {
            "form": form,
            "query": query,
            "now": timezone.now(),
            "page_obj": Paginator(people, 50).get_page(request.GET.get("page")),
            "hospitals": Hospital.objects.annotate(people=Count("memberships")),
            "invitations": Invitation.objects.select_related("invited_by", "accepted_by").prefetch_related("hospitals")[
                :50
            ],
        },
    )


@policies.required(policies.is_data_manager)
@require_http_methods(["GET", "HEAD", "POST"])
def hospital_new(request: HttpRequest) -> HttpResponse:
    last = Hospital.objects.order_by("-number").values_list("number", flat=True).first() or 0
    form = HospitalForm(request.POST or None, initial={"number": last + 1})
    if request.method == "POST" and form.is_valid():
        try:
            hospital = services.create_hospital(manager=cast(User, request.user), **form.cleaned_data)
        except AccountsError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("%(hospital)s is added.") % {"hospital": hospital.name})
            return redirect("accounts:manage_people")
    return render(request, "accounts/hospital_new.html", {"form": form})

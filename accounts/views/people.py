"""What data managers do about people: roles, memberships, invitations."""

from collections.abc import Callable
from typing import cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import factors, flags, policies, selectors, services
from accounts.countries import country_name
from accounts.errors import AccountsError
from accounts.forms import HospitalForm
from accounts.models import Hospital, HospitalMembership, Invitation, User
from accounts.people_forms import InviteForm
from accounts.services.leaving import Reason


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
    people = User.objects.prefetch_related("hospitals").select_related("affiliation").order_by("name", "pk")
    if query:
        named = Q(institution__icontains=query) | Q(affiliation__name__icontains=query)
        people = people.filter(Q(name__icontains=query) | Q(email__icontains=query) | named)
    page = Paginator(people, 50).get_page(request.GET.get("page"))
    return render(
        request,
        "accounts/manage_people.html",
        {
            "form": form,
            "query": query,
            "now": timezone.now(),
            "page_obj": page,
            "people": [(person, flags.address_flags(person.email)) for person in page],
            "hospitals": Hospital.objects.annotate(people=Count("memberships")),
            "invitations": Invitation.objects.select_related("invited_by").prefetch_related("hospitals")[:50],
        },
    )


@policies.required(policies.is_data_manager)
@require_safe
def manage_person(request: HttpRequest, pk: int) -> HttpResponse:
    person = get_object_or_404(User.objects.select_related("affiliation"), pk=pk)
    return render(
        request,
        "accounts/manage_person.html",
        {
            "person": person,
            "flags": flags.address_flags(person.email),
            "email_confirmed": selectors.has_confirmed_email(person),
            "country": country_name(person.country, get_language() or "en"),
            "has_factor": selectors.has_second_factor(person),
            "needs_factor": factors.required_of(person),
            "reasons": Reason.choices,
            "memberships": person.memberships.select_related("hospital").order_by("hospital__number"),
            "requests": selectors.requests().filter(user=person),
            "signatures": person.signatures.select_related("agreement").order_by("-at"),
        },
    )


def _done(request: HttpRequest, act: Callable[[], object], told: str) -> None:
    try:
        act()
    except AccountsError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, told)


@policies.required(policies.is_data_manager)
@require_POST
def person_role(request: HttpRequest, pk: int) -> HttpResponse:
    """`role` is curator or data_manager, `holds` is 1 to give and 0 to take it."""
    person, manager = get_object_or_404(User, pk=pk), cast(User, request.user)
    role, holds = request.POST.get("role", ""), request.POST.get("holds") == "1"
    _done(
        request,
        lambda: services.set_role(manager=manager, person=person, role=role, holds=holds),
        _("The role is changed. %(name)s is told by e-mail.") % {"name": person.name},
    )
    if person.pk == manager.pk and not person.is_data_manager:
        return redirect("home")
    return redirect("accounts:manage_person", pk=pk)


@policies.required(policies.is_data_manager)
@require_POST
def membership_end(request: HttpRequest, pk: int) -> HttpResponse:
    membership = get_object_or_404(HospitalMembership, pk=pk)
    _done(
        request,
        lambda: services.end_membership(manager=cast(User, request.user), membership=membership),
        _("This person no longer belongs to the hospital and is told by e-mail."),
    )
    return redirect("accounts:manage_person", pk=membership.user_id)


@policies.required(policies.is_data_manager)
@require_POST
def invitation_resend(request: HttpRequest, pk: int) -> HttpResponse:
    invitation = get_object_or_404(Invitation, pk=pk)
    _done(
        request,
        lambda: services.resend_invitation(manager=cast(User, request.user), invitation=invitation),
        _("A new link is on its way to %(email)s; the one before stopped working.") % {"email": invitation.email},
    )
    return redirect("accounts:manage_people")


@policies.required(policies.is_data_manager)
@require_POST
def invitation_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    invitation = get_object_or_404(Invitation, pk=pk)
    _done(
        request,
        lambda: services.revoke_invitation(manager=cast(User, request.user), invitation=invitation),
        _("The invitation is revoked. Its link no longer works."),
    )
    return redirect("accounts:manage_people")


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

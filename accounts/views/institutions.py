"""Where people work: names, ROR ids, and merging what is the same."""

from typing import cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import institutions, policies, services
from accounts.countries import country_name
from accounts.errors import AccountsError
from accounts.models import Institution, User
from accounts.people_forms import InstitutionForm, MergeForm


@policies.required(policies.is_data_manager)
@require_safe
def manage_institutions(request: HttpRequest) -> HttpResponse:
    query = request.GET.get("q", "").strip()
    rows = institutions.listed().order_by("name", "pk")
    if query:
        rows = rows.filter(key__contains=institutions.key_of(query))
    page = Paginator(rows, 50).get_page(request.GET.get("page"))
    language = get_language() or "en"
    return render(
        request,
        "accounts/manage_institutions.html",
        {"query": query, "page_obj": page, "rows": [(row, country_name(row.country, language)) for row in page]},
    )


@policies.required(policies.is_data_manager)
@require_http_methods(["GET", "HEAD", "POST"])
def manage_institution(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(institutions.listed(), pk=pk)
    initial = {"name": row.name, "ror_id": row.ror_id or "", "country": row.country}
    form = InstitutionForm(request.POST or None, initial=initial)
    if request.method == "POST" and form.is_valid():
        try:
            services.edit_institution(manager=cast(User, request.user), institution=row, **form.cleaned_data)
        except AccountsError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("The institution is saved."))
            return redirect("accounts:manage_institutions")
    return _page(request, row, form, MergeForm())


@policies.required(policies.is_data_manager)
@require_POST
def institution_merge(request: HttpRequest, pk: int) -> HttpResponse:
    row = get_object_or_404(institutions.listed(), pk=pk)
    merge_form = MergeForm(request.POST)
    if merge_form.is_valid():
        into = merge_form.cleaned_data["into"]
        try:
            moved = services.merge_institutions(manager=cast(User, request.user), institution=row, into=into)
        except AccountsError as error:
            merge_form.add_error(None, str(error))
        else:
            told = ngettext("%(count)d person moved to %(name)s.", "%(count)d people moved to %(name)s.", moved)
            messages.success(request, told % {"count": moved, "name": into.name})
            return redirect("accounts:manage_institution", pk=into.pk)
    initial = {"name": row.name, "ror_id": row.ror_id or "", "country": row.country}
    return _page(request, row, InstitutionForm(initial=initial), merge_form)


def _page(request: HttpRequest, row: Institution, form: InstitutionForm, merge_form: MergeForm) -> HttpResponse:
    # The words that people typed tell what an institution is when its name does not.
    words = row.people.exclude(institution="").values_list("institution", flat=True)
    context = {
        "institution": row,
        "form": form,
        "merge_form": merge_form,
        "words": sorted(set(words)),
        "merged": row.merged.order_by("name"),
    }
    return render(request, "accounts/manage_institution.html", context)

"""What data managers do about agreements."""

from collections.abc import Iterator
from typing import Any, cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import policies, services
from accounts.agreement_forms import AgreementForm
from accounts.diff import differences
from accounts.errors import AccountsError
from accounts.markdown import to_html
from accounts.models import Agreement, Signature, User
from accounts.receipts import text_hash
from accounts.sheets import csv_line
from audit.services import record


@policies.required(policies.is_data_manager)
@require_safe
def manage_agreements(request: HttpRequest) -> HttpResponse:
    versions = (
        Agreement.objects.annotate(signed=Count("signatures"))
        .select_related("replaced_by")
        .prefetch_related("datasets")
        .order_by("code", "-created_at", "-pk")
    )
    return render(request, "accounts/manage_agreements.html", {"versions": versions, "now": timezone.now()})


@policies.required(policies.is_data_manager)
@require_http_methods(["GET", "HEAD", "POST"])
def agreement_new(request: HttpRequest) -> HttpResponse:
    return _write(request, None)


@policies.required(policies.is_data_manager)
@require_http_methods(["GET", "HEAD", "POST"])
def agreement_replace(request: HttpRequest, pk: int) -> HttpResponse:
    replaces = get_object_or_404(Agreement, pk=pk)
    newer = Agreement.objects.filter(replaces=replaces).first()
    if newer is not None:
        messages.error(request, _("A newer version took the place of this one. Start from that one."))
        return redirect("accounts:manage_agreement", pk=newer.pk)
    return _write(request, replaces)


def _write(request: HttpRequest, replaces: Agreement | None) -> HttpResponse:
    """The form, its preview, and the publishing of what was previewed."""
    form = AgreementForm(request.POST or None, replaces=replaces)
    previewed = ""
    if request.method == "POST" and form.is_valid():
        previewed = text_hash(form.cleaned_data["text"])
        if request.POST.get("action") == "publish" and request.POST.get("previewed") == previewed:
            try:
                published = services.publish_agreement(
                    manager=cast(User, request.user), replaces=replaces, **_values(form, replaces)
                )
            except AccountsError as error:
                form.add_error(None, str(error))
            else:
                messages.success(request, _("%(agreement)s is published.") % {"agreement": published})
                return redirect("accounts:manage_agreement", pk=published.pk)
        elif request.POST.get("action") == "publish":
            form.add_error(None, _("The text has changed since the preview. Look at it again, then publish."))
    text = form.cleaned_data.get("text", "") if form.is_bound else ""
    context = {
        "form": form,
        "replaces": replaces,
        "previewed": previewed,
        "html": to_html(text, heading_level=3) if text else "",
        "changes": differences(replaces.text, text) if text and replaces else [],
    }
    return render(request, "accounts/manage_agreement_form.html", context)


def _values(form: AgreementForm, replaces: Agreement | None) -> dict[str, Any]:
    return {"code": replaces.code if replaces else form.cleaned_data["code"], **form.cleaned_data}


@policies.required(policies.is_data_manager)
@require_safe
def manage_agreement(request: HttpRequest, pk: int) -> HttpResponse:
    """One version and who signed it."""
    shown = get_object_or_404(Agreement.objects.select_related("replaces"), pk=pk)
    signatures = Paginator(_signatures(shown), 50)
    context = {
        "agreement": shown,
        "page_obj": signatures.get_page(request.GET.get("page")),
        "count": signatures.count,
        "newer": Agreement.objects.filter(replaces=shown).first(),
        "datasets": shown.datasets.order_by("title"),
        "now": timezone.now(),
    }
    return render(request, "accounts/manage_agreement.html", context)


@policies.required(policies.is_data_manager)
@require_safe
@never_cache
def agreement_signatures(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """The signatures of a version as CSV, line by line."""
    shown = get_object_or_404(Agreement, pk=pk)
    record("agreement.signatures_exported", actor=request.user, about=shown)

    def lines() -> Iterator[str]:
        yield "\ufeff" + csv_line(
            ["signature", "agreement", "version", "typed_name", "institution", "email", "signed_at", "text_sha256"]
        )
        for row in _signatures(shown).iterator(chunk_size=500):
            email = "" if row.user.closed_at else row.user.email
            at = f"{row.at:%Y-%m-%dT%H:%M:%SZ}"
            yield csv_line(
                [row.pk, shown.code, shown.version, row.typed_name, row.institution, email, at, row.text_sha256]
            )

    name = f"signatures-{slugify(shown.code)}-{slugify(shown.version) or shown.pk}.csv"
    disposition = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(lines(), content_type="text/csv; charset=utf-8", headers=disposition)


def _signatures(agreement: Agreement) -> QuerySet[Signature]:
    return Signature.objects.filter(agreement=agreement).select_related("user").order_by("-at", "-pk")

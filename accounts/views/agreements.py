"""Agreements for everybody: reading, comparing, signing, receipts."""

from typing import cast

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from accounts import policies, receipts, selectors, services
from accounts.diff import differences
from accounts.errors import AccountsError
from accounts.forms import SignatureForm
from accounts.markdown import to_html
from accounts.models import Agreement, Signature, User


@require_http_methods(["GET", "HEAD", "POST"])
def agreement(request: HttpRequest, pk: int) -> HttpResponse:
    """Everybody may read what has to be signed; people who are logged in sign it here."""
    shown = get_object_or_404(Agreement.objects.select_related("replaces"), pk=pk)
    if not policies.is_person(request.user):
        if request.method == "POST":
            return redirect_to_login(request.get_full_path())
        return render(request, "accounts/agreement.html", _context(shown))
    user = cast(User, request.user)
    form = SignatureForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        try:
            services.sign(
                user=user,
                agreement=shown,
                typed_name=form.cleaned_data["typed_name"],
                institution=form.cleaned_data["institution"],
            )
        except AccountsError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("You have signed the agreement. The receipt is on its way to you by e-mail."))
            return redirect(_next_page(request) or "accounts:profile")
    context = {**_context(shown, user), "form": form, "next": _next_page(request)}
    return render(request, "accounts/agreement.html", context)


def _context(shown: Agreement, user: User | None = None) -> dict[str, object]:
    """Without `user`, and where nothing was signed before, a version is compared with the one that it replaces."""
    signature = before = None
    if user is not None:
        signature = user.signatures.filter(agreement=shown).first()
        before = None if signature else selectors.signed_version(user, shown)
    base = before.agreement if before else shown.replaces
    versions = list(selectors.agreement_versions(shown))
    return {
        "agreement": shown,
        "html": to_html(shown.text),
        "versions": versions,
        "newest": next((version for version in versions if not _is_replaced(version, versions)), shown),
        "base": base,
        "changes": differences(base.text, shown.text) if base else [],
        "signature": signature,
        "before": before,
        "counts": bool(before and user and selectors.has_signed(user, shown)),
        "now": timezone.now(),
    }


def _is_replaced(version: Agreement, versions: list[Agreement]) -> bool:
    return any(other.replaces_id == version.pk for other in versions)


def _next_page(request: HttpRequest) -> str:
    """Where `next` leads, if it stays on this site."""
    target = request.POST.get("next") or request.GET.get("next") or ""
    allowed = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if allowed else ""


@require_safe
def agreement_pdf(request: HttpRequest, pk: int) -> HttpResponse:
    shown = get_object_or_404(Agreement, pk=pk)
    return pdf_response(receipts.agreement_pdf(shown), receipts.agreement_file_name(shown))


@policies.required(policies.is_person)
@require_safe
@never_cache
def receipt(request: HttpRequest, pk: int) -> HttpResponse:
    """Of an own signature; nobody else's exists here."""
    signature = get_object_or_404(Signature.objects.select_related("agreement"), pk=pk, user=cast(User, request.user))
    try:
        return pdf_response(receipts.receipt_pdf(signature), receipts.receipt_file_name(signature))
    except AccountsError as error:
        messages.error(request, str(error))
        return redirect("accounts:profile")


def pdf_response(content: bytes, name: str) -> HttpResponse:
    """A PDF that the browser shows; `name` is made of ASCII letters, digits and hyphens."""
    disposition = {"Content-Disposition": f'inline; filename="{name}"'}
    return HttpResponse(content, content_type="application/pdf", headers=disposition)

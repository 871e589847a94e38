"""The table of a batch: a template, a dry run, and applying it."""

import re
import secrets
from typing import Any

from cryptography.fernet import InvalidToken
from django.contrib import messages
from django.core.cache import cache
from django.core.exceptions import TooManyFilesSent
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from accounts.policies import required
from intake import descriptions, keys, policies, selectors, services, tables
from intake.forms import TableForm
from intake.models import DescriptionRow, UploadBatch
from intake.tables import columns
from intake.uploadhandler import TableUploadHandler

ROWS_PER_PAGE = 50
PREVIEWED = 10
_KEPT_SECONDS = 3600  # between the dry run and its being applied

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


# As the batch page: the handler has to be in place before the check of the CSRF token reads the body.
@csrf_exempt
@required(policies.is_hospital_user)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def table(request: HttpRequest, pk: int) -> HttpResponse:
    found = _batch(request, pk)
    if request.method != "POST":
        return _page(request, found, TableForm())
    request.upload_handlers = [TableUploadHandler(request)]
    try:
        request.POST  # noqa: B018 (reads the body)
    except (TooManyFilesSent, MultiPartParserError):
        messages.error(request, _("The upload was cut off; nothing of it was kept. Send the table again."))
        return redirect("intake:table", pk)
    return _posted(request, found)


@csrf_protect
def _posted(request: HttpRequest, batch: UploadBatch) -> HttpResponse:
    if token := request.POST.get("checked", ""):
        content = _take_back(request, batch, token)
        if content is None:
            messages.error(request, _("The check was too long ago. Choose the table once more."))
            return redirect("intake:table", batch.pk)
        return _apply(request, batch, content)
    form = TableForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, batch, form)
    content = form.cleaned_data["table"]
    plan = services.plan_table(batch, content)
    # Shown at once and not by redirect: the words hold file names.
    checked = "" if plan.problems else _keep(request, batch, content)
    return _page(request, batch, form, plan=plan, checked=checked)


def _apply(request: HttpRequest, batch: UploadBatch, content: bytes) -> HttpResponse:
    try:
        plan = services.apply_table(batch, content, user=request.user)
    except services.IntakeError as error:
        messages.error(request, str(error))
        return redirect("intake:table", batch.pk)
    if plan.problems:
        return _page(request, batch, TableForm(), plan=plan)
    count = plan.changed
    words = ngettext(
        "The table was applied; {count} file changed.", "The table was applied; {count} files changed.", count
    )
    messages.success(request, words.format(count=count))
    return redirect("intake:table", batch.pk)


def _key(request: HttpRequest, batch: UploadBatch, token: str) -> str:
    return f"intake.table:{request.user.pk}:{batch.pk}:{token}"


def _keep(request: HttpRequest, batch: UploadBatch, content: bytes) -> str:
    """Keeps a table that was checked, encrypted, for the second step; returns what it is asked back with."""
    token = secrets.token_urlsafe(16)
    cache.set(_key(request, batch, token), keys.names().encrypt(content), _KEPT_SECONDS)
    return token


def _take_back(request: HttpRequest, batch: UploadBatch, token: str) -> bytes | None:
    if re.fullmatch(r"[\w-]{22}", token, re.ASCII) is None:
        return None
    key = _key(request, batch, token)
    sealed = cache.get(key)
    cache.delete(key)
    try:
        return keys.names().decrypt(sealed) if sealed is not None else None
    except InvalidToken:
        return None


def _page(request: HttpRequest, batch: UploadBatch, form: TableForm, **context: Any) -> HttpResponse:
    rows = batch.descriptions.exclude(state=DescriptionRow.State.DONE).select_related("file").order_by("number")
    page = Paginator(rows, ROWS_PER_PAGE).get_page(request.GET.get("page"))
    contents = [(row, descriptions.content(row)) for row in page]
    plan = context.get("plan")
    shown = {
        "batch": batch,
        "form": form,
        "page": page,
        "rows": [(row, said.name if said is not None else "") for row, said in contents],
        "counts": selectors.row_counts(batch),
        "columns": list(zip(columns.headings(get_language() or "en"), columns.HELP.values(), strict=True)),
        "preview": [(said, plan.files.get(said.row)) for said in plan.table.rows[:PREVIEWED]] if plan else [],
    }
    return render(request, "intake/table.html", {**shown, **context})


def _batch(request: HttpRequest, pk: int) -> UploadBatch:
    return get_object_or_404(policies.visible_batches(request.user).select_related("hospital", "dataset"), pk=pk)


@required(policies.is_hospital_user)
@never_cache
@require_safe
def table_template(request: HttpRequest, pk: int) -> HttpResponse:
    """A workbook with the batch's files, for a spreadsheet program to fill."""
    batch = _batch(request, pk)
    labels = [group.label for group in batch.dataset.groups.all()]
    content = tables.as_xlsx(get_language() or "en", labels, selectors.described_files(batch))
    response = HttpResponse(content, content_type=XLSX)
    response["Content-Disposition"] = f'attachment; filename="cxr-batch-{batch.pk}.xlsx"'
    return response

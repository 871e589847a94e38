"""Batches: the list, a new one, and the page of one with the form that adds files to it."""

from typing import Any

from django.contrib import messages
from django.core.exceptions import TooManyFilesSent
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from accounts.policies import required
from intake import names, policies, selectors, services, tables, words
from intake.forms import BatchForm, UploadForm
from intake.models import UploadBatch
from intake.uploadhandler import SealingUploadHandler
from intake.views.droparea import drop_area

FILES_PER_PAGE = 50
BATCHES_PER_PAGE = 25
# How often the page asks while files move. With many of them nobody sees the difference, but the server does.
POLL_SECONDS, POLL_SECONDS_MANY, MANY_MOVING = 2, 6, 200


@required(policies.is_hospital_user)
@require_safe
def batches(request: HttpRequest) -> HttpResponse:
    counted = selectors.with_counts(policies.visible_batches(request.user))
    page = Paginator(counted.select_related("hospital", "dataset", "user"), BATCHES_PER_PAGE).get_page(
        request.GET.get("page")
    )
    return render(request, "intake/batches.html", {"page": page})


@required(policies.is_hospital_user)
@require_http_methods(["GET", "HEAD", "POST"])
def batch_new(request: HttpRequest) -> HttpResponse:
    form = BatchForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        batch = services.open_batch(user=request.user, **form.cleaned_data)
        return redirect("intake:batch", batch.pk)
    return render(request, "intake/batch_new.html", {"form": form})


# Checking the CSRF token reads the body, so the handler that seals it has to be in place before: hence the exemption
# here and the protection of `_upload` (Django's documentation, "Modifying upload handlers on the fly").
@csrf_exempt
@required(policies.is_hospital_user)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def batch(request: HttpRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(policies.visible_batches(request.user).select_related("hospital", "dataset"), pk=pk)
    if request.method != "POST":
        return _batch_page(request, found, UploadForm(dataset=found.dataset))
    request.upload_handlers = [SealingUploadHandler(request)]
    try:
        request.POST  # noqa: B018 (reads the body)
    except TooManyFilesSent:
        messages.error(request, _("These were too many files at once; none was taken. Send them in smaller parts."))
        return redirect("intake:batch", pk)
    except MultiPartParserError:
        messages.error(request, _("The upload was cut off; nothing of it was kept. Send the files again."))
        return redirect("intake:batch", pk)
    return _upload(request, found)


@csrf_protect
def _upload(request: HttpRequest, batch: UploadBatch) -> HttpResponse:
    form = UploadForm(request.POST, request.FILES, dataset=batch.dataset)
    if not form.is_valid():
        return _batch_page(request, batch, form)
    taken = services.take_files(
        batch=batch,
        user=request.user,
        uploads=form.cleaned_data["files"],
        group=form.cleaned_data["group"],
        demographics=form.demographics,
        patient_key=form.cleaned_data["patient_key"],
        table=form.cleaned_data["table"],
    )
    if taken.problems or taken.refused:
        # Not by redirect: the words hold file names, which messages would put into a cookie or the database.
        return _batch_page(request, batch, form if taken.problems else UploadForm(dataset=batch.dataset), taken)
    count = len(taken.files)
    words = ngettext("{count} file was taken over.", "{count} files were taken over.", count).format(count=count)
    messages.success(request, words)
    return redirect("intake:batch", batch.pk)


def _batch_page(
    request: HttpRequest, batch: UploadBatch, form: UploadForm, taken: services.Taken | None = None
) -> HttpResponse:
    context = _files_context(request, batch)
    # Without the script that works with it: what no browser of today needs, and what a person may ask for.
    plain = "plain" in request.GET
    context |= {"form": form, "taken": taken, "upload": None if plain else drop_area(request, batch)}
    context["add_open"] = plain or form.is_bound or not context["progress"].total
    return render(request, "intake/batch.html", context)


@required(policies.is_hospital_user)
@never_cache
@require_safe
def batch_files(request: HttpRequest, pk: int) -> HttpResponse:
    """The part of the batch page that htmx asks for while files move."""
    found = get_object_or_404(policies.visible_batches(request.user), pk=pk)
    return render(request, "intake/_files.html", _files_context(request, found))


def _files_context(request: HttpRequest, batch: UploadBatch) -> dict[str, Any]:
    stage, verdict = request.GET.get("stage", ""), request.GET.get("verdict", "")
    progress = selectors.progress(batch)
    page = Paginator(selectors.files_of(batch, stage, verdict), FILES_PER_PAGE).get_page(request.GET.get("page"))
    return {
        "batch": batch,
        "progress": progress,
        "poll_seconds": POLL_SECONDS if progress.moving <= MANY_MOVING else POLL_SECONDS_MANY,
        "stage": stage,
        "verdict": verdict,
        "page": page,
        "rows": [
            (file, names.reveal(file.sealed_name), words.reason(file), words.removed(file.deid_report)) for file in page
        ],
    }


@required(policies.is_hospital_user)
@require_safe
def template(request: HttpRequest) -> HttpResponse:
    """An empty table with the headings, for a spreadsheet program to fill."""
    response = HttpResponse(tables.as_csv(), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="cxr-upload-template.csv"'
    return response

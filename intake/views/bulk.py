"""What the hospital does with many files of a batch at once, and the table of what became of them."""

from collections import Counter

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from accounts.policies import required
from audit.services import record
from intake import fate, policies, services
from intake.forms import ChosenForm, DiagnosisForm
from intake.models import FINAL_STAGES, Stage, UploadBatch

GONE = (Stage.REJECTED, Stage.WITHDRAWN, Stage.UNPACKED)


def _batch(request: HttpRequest, pk: int) -> UploadBatch:
    return get_object_or_404(policies.visible_batches(request.user).select_related("hospital", "dataset"), pk=pk)


@required(policies.is_hospital_user)
@require_POST
def files_describe(request: HttpRequest, pk: int) -> HttpResponse:
    """These files are: ..."""
    batch = _batch(request, pk)
    form = DiagnosisForm(request.POST, batch=batch)
    if not form.is_valid():
        return _not_done(request, batch, form)
    files = list(form.chosen.exclude(stage__in=FINAL_STAGES))
    done = services.describe_files(files, user=request.user, group=form.cleaned_data["group"])
    words = ngettext(
        "The diagnosis of {count} file is {group} now.", "The diagnosis of {count} files is {group} now.", done.count
    )
    _say(request, done, words.format(count=done.count, group=form.cleaned_data["group"].label))
    return redirect(_back(batch, form))


@required(policies.is_hospital_user)
@require_POST
def files_withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks first: the bytes of many files are destroyed."""
    batch = _batch(request, pk)
    form = ChosenForm(request.POST, batch=batch)
    if not form.is_valid():
        return _not_done(request, batch, form)
    files = list(form.chosen.exclude(stage__in=GONE))
    if not request.POST.get("confirmed"):
        accepted = sum(file.stage == Stage.ACCEPTED for file in files)
        context = {"batch": batch, "form": form, "count": len(files), "accepted": accepted, "back": _back(batch, form)}
        return render(request, "intake/files_withdraw.html", context)
    done = services.withdraw_files(files, user=request.user)
    words = ngettext(
        "{count} file was withdrawn and its bytes are destroyed.",
        "{count} files were withdrawn and their bytes are destroyed.",
        done.count,
    )
    _say(request, done, words.format(count=done.count))
    return redirect(_back(batch, form))


def _say(request: HttpRequest, done: services.Done, words: str) -> None:
    """Counts only: file names would get into a cookie or the database."""
    messages.success(request, words)
    for reason, count in Counter(reason for _file, reason in done.refused).items():
        not_done = ngettext("Not done for {count} file:", "Not done for {count} files:", count).format(count=count)
        messages.warning(request, f"{not_done} {reason}")


def _not_done(request: HttpRequest, batch: UploadBatch, form: ChosenForm) -> HttpResponse:
    for errors in form.errors.values():
        for error in errors:
            messages.error(request, str(error))
    return redirect("intake:batch", batch.pk)


def _back(batch: UploadBatch, form: ChosenForm) -> str:
    shown = [(name, form.cleaned_data[name]) for name in ("stage", "verdict") if form.cleaned_data[name]]
    return f"{reverse('intake:batch', args=[batch.pk])}{'?' + urlencode(shown) if shown else ''}"


@required(policies.is_hospital_user)
@never_cache
@require_safe
def fate_table(request: HttpRequest, pk: int) -> HttpResponse | StreamingHttpResponse:
    """What became of each file as CSV, with the hospital's own names."""
    batch = _batch(request, pk)
    record("batch.exported", actor=request.user, about=batch, files=batch.files.count())
    response = StreamingHttpResponse(fate.lines(batch), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="batch-{batch.pk}.csv"'
    return response

"""The page of one file: its history, what was removed from it, and what the hospital may still do with it."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.policies import required
from datasets.models import Radiograph
from intake import names, policies, services, words
from intake.forms import DemographicsForm, DescriptionForm
from intake.models import FINAL_STAGES, Stage, UploadedFile


@required(policies.is_hospital_user)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def file(request: HttpRequest, pk: str) -> HttpResponse:
    found = _file(request, pk)
    open_, accepted = found.stage not in FINAL_STAGES, _is_accepted(found)
    form = _form(request, found, accepted=accepted)
    if request.method == "POST" and form.is_valid():
        try:
            if accepted:
                services.describe_accepted(found, form.demographics, user=request.user)
            else:
                services.update_file(
                    found,
                    user=request.user,
                    group=form.cleaned_data["group"],
                    demographics=form.demographics,
                    patient_key=form.cleaned_data["patient_key"],
                )
        except services.IntakeError as error:
            messages.error(request, str(error))
        else:
            messages.success(request, _("The changes were saved."))
        return redirect("intake:file", found.pk)
    context = {
        "file": found,
        "name": names.reveal(found.sealed_name),
        "reason": words.reason(found),
        "contradictions": words.contradictions(found),
        "quality_reasons": words.quality_reasons(found.assessment),
        "runs": [(run, words.run_reason(run.reason_code, run.reason)) for run in found.runs.all()],
        "open": open_,
        "accepted": accepted,
        "withdrawable": open_ or _unreleased(found),
        "form": form,
    }
    return render(request, "intake/file.html", context)


@required(policies.is_hospital_user)
@require_POST
def file_withdraw(request: HttpRequest, pk: str) -> HttpResponse:
    found = _file(request, pk)
    try:
        services.withdraw(found, request.user)
    except services.IntakeError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The file was withdrawn and its bytes are destroyed."))
    return redirect("intake:file", found.pk)


def _file(request: HttpRequest, pk: str) -> UploadedFile:
    files = policies.visible_files(request.user).select_related("batch__dataset", "hospital", "group", "radiograph")
    return get_object_or_404(files, pk=pk)


def _form(request: HttpRequest, file: UploadedFile, *, accepted: bool) -> DemographicsForm:
    if accepted:
        return DemographicsForm(request.POST or None, initial=_described(file))
    return DescriptionForm(request.POST or None, dataset=file.batch.dataset, initial=_described(file))


def _is_accepted(file: UploadedFile) -> bool:
    """Is it in the dataset? What is known of the patient may still be added then, for the next release."""
    live = file.radiograph is not None and file.radiograph.status == Radiograph.Status.ACCEPTED
    return live and file.stage == Stage.ACCEPTED


def _unreleased(file: UploadedFile) -> bool:
    """Is it accepted, and in no release yet?"""
    accepted = file.stage == Stage.ACCEPTED and file.radiograph is not None
    return accepted and not file.radiograph.release_items.exists()  # type: ignore[union-attr]


def _described(file: UploadedFile) -> dict[str, Any]:
    return {
        "group": file.group_id,
        "sex": file.sex,
        "age": file.age,
        "smoke": file.smoke,
        "smoke_packyears": file.smoke_packyears,
    }

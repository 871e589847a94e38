"""Which findings images of a dataset may have."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.policies import is_data_manager, required
from datasets.errors import DatasetError
from datasets.forms_findings import FindingsForm
from datasets.models import Dataset
from datasets.services.findings import set_findings


@require_http_methods(["GET", "HEAD", "POST"])
@required(is_data_manager)
def findings(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = get_object_or_404(Dataset, slug=slug, kind=Dataset.Kind.RADIOGRAPHS)
    form = FindingsForm.of(dataset, request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            set_findings(manager=request.user, dataset=dataset, **form.cleaned_data)  # type: ignore[arg-type]
        except DatasetError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Your changes are saved."))
            return redirect("datasets:edit", slug=dataset.slug)
    return render(request, "datasets/findings.html", {"dataset": dataset, "form": form})

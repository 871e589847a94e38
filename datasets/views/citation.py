from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.policies import is_data_manager, required
from datasets.errors import DatasetError
from datasets.forms_citation import CitationForms, ReleaseDoiForm
from datasets.models import Citation, Dataset
from datasets.selectors import published
from datasets.services.citation import describe_dataset


@require_http_methods(["GET", "HEAD", "POST"])
@required(is_data_manager)
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    """Who made a dataset, who paid, what was written about it, and the DOIs."""
    dataset = get_object_or_404(Dataset, slug=slug)
    forms = CitationForms(request.POST or None, dataset, Citation.objects.filter(dataset=dataset).first())
    releases = [
        (release, ReleaseDoiForm(request.POST or None, prefix=f"release-{release.pk}", initial={"doi": release.doi}))
        for release in published().filter(dataset=dataset)
    ]
    if request.method == "POST" and all([forms.is_valid(), *(form.is_valid() for _release, form in releases)]):
        try:
            describe_dataset(
                manager=request.user,  # type: ignore[arg-type]
                dataset=dataset,
                dois={release: form.cleaned_data["doi"] for release, form in releases},
                **forms.facts,
            )
        except DatasetError as error:
            forms.main.add_error(None, str(error))
        else:
            messages.success(request, _("Saved. The next version freezes it."))
            return redirect("datasets:citation", slug=slug)
    return render(request, "datasets/manage_citation.html", {"dataset": dataset, "forms": forms, "releases": releases})

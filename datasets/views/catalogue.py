from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.errors import AccountsError
from accounts.policies import is_person, required
from accounts.services import ask
from datasets import policies, selectors, services
from datasets.forms import AccessRequestForm
from datasets.models import Dataset, Release, Set
from datasets.views.statistics import present


@require_safe
def dataset_list(request: HttpRequest) -> HttpResponse:
    return render(request, "datasets/list.html", {"cards": selectors.catalogue(request.user)})


def _dataset(request: HttpRequest, slug: str) -> Dataset:
    datasets = policies.visible(request.user).select_related("agreement").prefetch_related("groups")
    return get_object_or_404(datasets, slug=slug)


@require_safe
def dataset_detail(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = _dataset(request, slug)
    releases = list(selectors.published().filter(dataset=dataset))
    latest = releases[0] if releases else None
    context = {**_release_context(request, dataset, latest), "releases": releases}
    services.count_view(request, dataset)
    return render(request, "datasets/detail.html", context)


@require_safe
def release(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    dataset = _dataset(request, slug)
    found = get_object_or_404(selectors.published(), dataset=dataset, version=version)
    context = {**_release_context(request, dataset, found), "latest": selectors.latest_release(dataset)}
    services.count_view(request, dataset, found)
    return render(request, "datasets/release.html", context)


def _release_context(request: HttpRequest, dataset: Dataset, release: Release | None) -> dict[str, Any]:
    standing = policies.Standing(request.user, dataset)
    context: dict[str, Any] = {
        "dataset": dataset,
        "release": release,
        "standing": standing,
        "groups": selectors.group_counts(dataset, release),
    }
    if release is not None:
        release.dataset = dataset
        files = selectors.file_rows(request.user, release, standing)
        refused = [row.decision for row in files if not row.decision.allowed]
        context |= {
            "files": files,
            "first_allowed": next((row.archive for row in files if row.decision.allowed), None),
            "next_step": refused[0].next_step if refused else None,
            "figures": selectors.figures([release])[release.pk],
        }
        if dataset.is_segmentation:
            sources = selectors.released_sources(release)
            context |= {"sources": sources, "images": sum(source.images for source in sources), "sets": Set.choices}
        else:
            context["statistics"] = present(selectors.statistics(release))
    return context


@require_http_methods(["GET", "HEAD", "POST"])
@required(is_person)
def request_access(request: HttpRequest, slug: str) -> HttpResponse:
    """Asks for groups. What has to come before (e-mail, agreement, an open request) is shown instead of the form."""
    dataset = _dataset(request, slug)
    standing = policies.Standing(request.user, dataset)
    before = list(standing.steps())
    if standing.open_request is not None:
        before.append(policies.Code.REQUEST_PENDING)
    form = AccessRequestForm(request.POST or None, dataset=dataset)
    if request.method == "POST" and form.is_valid():
        try:
            ask(user=request.user, dataset=dataset, **form.cleaned_data)  # type: ignore[arg-type]
        except AccountsError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Your request is with the data managers. You will get an e-mail."))
            return redirect("datasets:detail", slug=dataset.slug)
    context = {
        "dataset": dataset,
        "standing": standing,
        "next_step": policies.Reason(before[0], dataset) if before else None,
        "form": form,
    }
    return render(request, "datasets/request.html", context)

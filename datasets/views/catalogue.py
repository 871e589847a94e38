from collections import Counter
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from accounts.models import User
from accounts.policies import is_data_manager
from accounts.steps import sign_again
from datasets import described, policies, selectors, services
from datasets.models import Archive, Dataset, Release, Set
from datasets.selectors.withdrawals import replacement, tombstones
from datasets.statistics import present


@require_safe
def dataset_list(request: HttpRequest) -> HttpResponse:
    return render(request, "datasets/list.html", {"cards": selectors.catalogue(request.user)})


def _dataset(request: HttpRequest, slug: str) -> Dataset:
    datasets = policies.visible(request.user).select_related("agreement").prefetch_related("groups")
    return get_object_or_404(datasets, slug=slug)


@require_safe
def dataset_detail(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = _dataset(request, slug)
    releases = selectors.newest_first(selectors.published().filter(dataset=dataset))
    latest = releases[0] if releases else None
    context = {
        **_release_context(request, dataset, latest),
        "releases": releases,
        "counts": selectors.counts(dataset),
        "may_report": latest is not None and policies.may_report(request.user, dataset),
    }
    services.count_view(request, dataset)
    return render(request, "datasets/detail.html", context)


@require_safe
def release(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    dataset = _dataset(request, slug)
    found = get_object_or_404(selectors.published(), dataset=dataset, version=version)
    releases = selectors.newest_first(selectors.published().filter(dataset=dataset))
    context = {
        **_release_context(request, dataset, found),
        "releases": releases,
        "latest": releases[0],
        "replacement": replacement(found, releases),
        "counts": selectors.counts(dataset, found),
        "may_report": policies.may_report(request.user, dataset),
    }
    services.count_view(request, dataset, found)
    response = render(request, "datasets/release.html", context)
    response["Link"] = context["cited"].link_header
    return response


def _release_context(request: HttpRequest, dataset: Dataset, release: Release | None) -> dict[str, Any]:
    standing = policies.Standing(request.user, dataset)
    context: dict[str, Any] = {
        "dataset": dataset,
        "release": release,
        "standing": standing,
        "groups": selectors.group_counts(dataset, release),
    }
    if standing.current and isinstance(request.user, User):
        context["sign_again"] = sign_again(request.user, dataset.agreement, request.path)
    if release is not None:
        release.dataset = dataset
        gone = tombstones(release)
        files = selectors.file_rows(request.user, release, standing)
        # Nothing can be done about a file that was withdrawn.
        refused = [
            row.decision for row in files if not row.decision.allowed and row.archive.status == Archive.Status.READY
        ]
        context |= {
            "files": files,
            "categories": selectors.file_categories(files),
            "tombstones": gone,
            "withdrawn": Counter(tombstone.withdrawal.get_reason_display() for tombstone in gone).items(),
            # A name points whoever has a copy at the very image of who is protected: it is for those who have to act.
            "names_withdrawn": bool(standing.current) or is_data_manager(request.user),
            "first_allowed": next((row.archive for row in files if row.decision.allowed), None),
            "next_step": refused[0].next_step if refused else None,
            "figures": selectors.figures([release])[release.pk],
            "cited": described.description(request, release, [row.archive for row in files]),
        }
        if dataset.is_segmentation:
            sources = selectors.released_sources(release)
            context |= {"sources": sources, "images": sum(source.images for source in sources), "sets": Set.choices}
        else:
            context["findings"] = selectors.finding_counts(release)
            context["statistics"] = present(selectors.statistics(release))
    return context

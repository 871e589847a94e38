from typing import Any

from django.contrib import messages
from django.db.models import Count, Q
from django.forms import BaseFormSet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.policies import is_data_manager, required
from datasets import selectors, services
from datasets.forms import DatasetForm, GroupForm, GroupFormSet, PublishForm
from datasets.forms_withdrawal import DeprecateForm
from datasets.models import Archive, Dataset, Radiograph, Release
from datasets.selectors.withdrawals import open_reports
from datasets.services.deprecating import deprecate as deprecate_release
from datasets.services.deprecating import undeprecate


@require_safe
@required(is_data_manager)
def dataset_list(request: HttpRequest) -> HttpResponse:
    datasets = Dataset.objects.annotate(
        accepted=Count("radiographs", filter=Q(radiographs__status=Radiograph.Status.ACCEPTED)),
        masks=Count("entries"),  # a dataset has either
    ).prefetch_related("groups", "releases")
    rows = [(dataset, selectors.newest_first(dataset.releases.all())) for dataset in datasets]
    stuck = set(Archive.of_release.filter(status=Archive.Status.FAILED).values_list("release", flat=True))
    context = {"datasets": rows, "stuck": stuck, "open_reports": open_reports()}
    return render(request, "datasets/manage_list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@required(is_data_manager)
def dataset_new(request: HttpRequest) -> HttpResponse:
    form, groups = DatasetForm(request.POST or None), GroupFormSet(request.POST or None, prefix="groups")
    if request.method == "POST" and form.is_valid() and groups.is_valid():
        try:
            dataset = services.create_dataset(
                manager=request.user,  # type: ignore[arg-type]
                groups=_groups(groups),
                **form.cleaned_data,
            )
        except services.DatasetError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("The dataset is created."))
            return redirect("datasets:edit", slug=dataset.slug)
    return render(request, "datasets/manage_form.html", {"form": form, "groups": groups})


@require_http_methods(["GET", "HEAD", "POST"])
@required(is_data_manager)
def dataset_edit(request: HttpRequest, slug: str) -> HttpResponse:
    dataset = get_object_or_404(Dataset, slug=slug)
    title = dataset.title
    present = [
        {"class_id": group.class_id, "label": group.label, "subtype_prefix": group.subtype_prefix}
        for group in dataset.groups.all()
    ]
    form = DatasetForm(request.POST or None, instance=dataset)
    groups = None
    if not dataset.is_segmentation:
        groups = GroupFormSet(request.POST or None, prefix="groups", initial=present)
    if request.method == "POST" and form.is_valid() and (groups is None or groups.is_valid()):
        try:
            services.update_dataset(
                manager=request.user,  # type: ignore[arg-type]
                dataset=dataset,
                groups=None if groups is None else _groups(groups),
                **form.cleaned_data,
            )
        except services.DatasetError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("Your changes are saved."))
            return redirect("datasets:manage")
    context = {"form": form, "groups": groups, "dataset": dataset, "title": title}
    return render(request, "datasets/manage_form.html", context)


def _groups(formset: "BaseFormSet[GroupForm]") -> list[services.Group]:
    """What the filled lines say, but for those ticked to go."""
    rows: list[dict[str, Any]] = [form.cleaned_data for form in formset if form.cleaned_data]
    return [
        (row["class_id"], row["label"], row["subtype_prefix"])
        for row in rows
        if "class_id" in row and not row["DELETE"]
    ]


@require_http_methods(["GET", "HEAD", "POST"])
@required(is_data_manager)
def publish(request: HttpRequest, slug: str) -> HttpResponse:
    """What the next release would hold; posting it freezes the release and orders its archives."""
    dataset = get_object_or_404(Dataset.objects.prefetch_related("groups"), slug=slug)
    preview = selectors.preview(dataset)
    form = PublishForm(request.POST or None, dataset=dataset, initial={"version": preview.version})
    # A large release is frozen by a worker, which compares nothing.
    if preview.difference.is_empty and request.method == "POST":
        form.add_error(None, _("There is nothing new: the images and their metadata are those of the last release."))
    if request.method == "POST" and form.is_valid():
        try:
            release = services.publish_release(
                manager=request.user,  # type: ignore[arg-type]
                dataset=dataset,
                **form.cleaned_data,
            )
        except services.PublishRefused as error:
            form.add_error(None, str(error))
        else:
            return redirect("datasets:manage_release", pk=release.pk)
    context = {
        "dataset": dataset,
        "preview": preview,
        "in_progress": selectors.release_in_progress(dataset),
        "form": form,
    }
    return render(request, "datasets/publish.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@required(is_data_manager)
def release(request: HttpRequest, pk: int) -> HttpResponse:
    """How far the archives are; posting has what failed tried again, or gives the release up."""
    found = get_object_or_404(Release.objects.select_related("dataset", "created_by", "replaces"), pk=pk)
    if request.method == "POST":
        return _go_on(request, found)
    archives = list(found.archives.select_related("group"))
    frozen = found.items.count() if found.freezing else 0
    states = [archive.status for archive in archives]
    context = {
        "release": found,
        "archives": archives,
        "done": states.count(Archive.Status.READY),
        "failed": states.count(Archive.Status.FAILED),
        "deprecate": DeprecateForm(initial={"notice": found.deprecation_notice}),
        "is_latest": selectors.latest_release(found.dataset) == found,
        "frozen": frozen,
        "bytes_done": sum(archive.bytes_done for archive in archives if archive.bytes_total),
        "bytes_total": sum(archive.bytes_total for archive in archives),
        "working": found.status == Release.Status.BUILDING
        and (found.freezing or any(_moves(archive, states) for archive in archives)),
    }
    return render(request, "datasets/manage_release.html", context)


def _moves(archive: Archive, states: list[str]) -> bool:
    """Whether it changes without anybody's doing: the checksums wait for a file that failed."""
    waits = archive.content == Archive.Content.SUMS and Archive.Status.FAILED in states
    return archive.status in Archive.UNFINISHED and not waits


def _go_on(request: HttpRequest, release: Release) -> HttpResponse:
    manager: Any = request.user
    try:
        if "drop" in request.POST:
            services.drop_release(manager=manager, release=release)
            messages.success(request, _("The release is given up. Its version can be used again."))
            return redirect("datasets:manage")
        if release.status == Release.Status.FAILED:
            services.retry_freezing(manager=manager, release=release)
        for archive in release.archives.filter(status=Archive.Status.FAILED):
            services.retry_archive(manager=manager, archive=archive)
    except services.DatasetError as error:  # somebody else was faster, say
        messages.error(request, str(error))
    return redirect("datasets:manage_release", pk=release.pk)


@require_POST
@required(is_data_manager)
def deprecate(request: HttpRequest, pk: int) -> HttpResponse:
    """Marks an old version as one that should no longer be used, with a notice; or takes the notice back."""
    found = get_object_or_404(Release, pk=pk)
    form = DeprecateForm(request.POST)
    manager: Any = request.user
    try:
        if "undo" in request.POST:
            undeprecate(manager=manager, release=found)
            messages.success(request, _("The notice is gone."))
        elif form.is_valid():
            deprecate_release(manager=manager, release=found, notice=form.cleaned_data["notice"])
            messages.success(request, _("The version is marked; everybody sees the notice on its page."))
        else:
            messages.error(request, _("Say why this version should no longer be used."))
    except services.DatasetError as error:
        messages.error(request, str(error))
    return redirect("datasets:manage_release", pk=pk)

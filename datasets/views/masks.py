"""Looking through the masks of a segmentation collection: released ones, and for data managers what was imported."""

from io import BytesIO
from typing import Any

from django import forms
from django.contrib.auth.views import redirect_to_login
from django.core.files.storage import storages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe
from PIL import Image

from accounts.policies import is_data_manager, is_person, required
from audit.denials import because
from datasets import policies, selectors
from datasets.models import Dataset, Release, ReleaseItem, SegmentationEntry, Set

PER_PAGE = 48
THUMBNAIL = 200  # px
_HOUR = 3600


class MaskFilter(forms.Form):
    source = forms.TypedChoiceField(label=_("Source"), required=False, coerce=int, empty_value=None)
    set = forms.ChoiceField(label=_("Set"), required=False, choices=[("", _("all")), *Set.choices])

    def __init__(self, *args: Any, sources: list[selectors.SourceCounts], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field: Any = self.fields["source"]
        field.choices = [("", _("all")), *((source.source_id, source.source) for source in sources)]

    def chosen(self) -> dict[str, Any]:
        """What the lists are narrowed to; nonsense in an address narrows nothing."""
        if not self.is_valid():
            return {}
        return {"source_id": self.cleaned_data["source"], "set": self.cleaned_data["set"]}


def _collection(request: HttpRequest, slug: str) -> Dataset:
    collections = policies.visible(request.user).filter(kind=Dataset.Kind.SEGMENTATION).select_related("agreement")
    return get_object_or_404(collections, slug=slug)


@require_safe
def released(request: HttpRequest, slug: str) -> HttpResponse:
    """The masks of the latest release, for those who may download them."""
    if not is_person(request.user):
        return redirect_to_login(request.get_full_path())
    dataset = _collection(request, slug)
    release = selectors.latest_release(dataset)
    if release is None:
        raise Http404
    decision = policies.may_see_masks(request.user, dataset)
    if not decision.allowed:
        because(request, *decision.codes)
        context = {"dataset": dataset, "lead": dataset.summary, "decision": decision}
        return render(request, "datasets/refused.html", context, status=403)
    sources = selectors.released_sources(release)
    form = MaskFilter(request.GET, sources=sources)
    page = Paginator(selectors.released_masks(release, **form.chosen()), PER_PAGE).get_page(request.GET.get("page"))
    sets = dict(Set.choices)
    masks = [(item, sets[item.metadata["set"]]) for item in page]
    context = {"dataset": dataset, "release": release, "filter": form, "page_obj": page, "masks": masks}
    return render(request, "datasets/masks.html", context)


@require_safe
def released_thumbnail(request: HttpRequest, pk: int) -> HttpResponse:
    """A small picture of a released mask, for those who may download it."""
    if not is_person(request.user):
        return redirect_to_login(request.get_full_path())
    item = get_object_or_404(
        ReleaseItem.objects.select_related("release__dataset__agreement"),
        pk=pk,
        entry__isnull=False,
        tombstone=None,
        release__status=Release.Status.PUBLISHED,
        release__dataset__in=policies.visible(request.user),
    )
    if not (decision := policies.may_see_masks(request.user, item.release.dataset)).allowed:
        because(request, *decision.codes)
        return HttpResponse(status=403)
    return _thumbnail(item.files["masks"][0]["path"])


@require_safe
@required(is_data_manager)
def imported(request: HttpRequest, slug: str) -> HttpResponse:
    """What is in a collection now, released or not."""
    dataset = _collection(request, slug)
    sources = selectors.current_sources(dataset)
    form = MaskFilter(request.GET, sources=sources)
    page = Paginator(selectors.current_masks(dataset, **form.chosen()), PER_PAGE).get_page(request.GET.get("page"))
    context = {"dataset": dataset, "sources": sources, "sets": Set.choices, "filter": form, "page_obj": page}
    return render(request, "datasets/manage_masks.html", context)


@require_safe
@required(is_data_manager)
def imported_thumbnail(request: HttpRequest, pk: int) -> HttpResponse:
    return _thumbnail(str(get_object_or_404(SegmentationEntry, pk=pk).mask.name))


def _thumbnail(path: str) -> HttpResponse:
    """The mask at THUMBNAIL px as an 8-bit PNG; the file never changes under its path."""
    out = BytesIO()
    if not storages["library"].exists(path):
        raise Http404
    with storages["library"].open(path) as file, Image.open(file, formats=["PNG"]) as image:
        small = image.convert("L")
        small.thumbnail((THUMBNAIL, THUMBNAIL))
        small.save(out, format="PNG")
    return HttpResponse(
        out.getvalue(), content_type="image/png", headers={"Cache-Control": f"private, max-age={_HOUR}"}
    )

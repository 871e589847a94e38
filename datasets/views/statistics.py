"""The statistics of a release: a page, every table as CSV, every chart as SVG."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from datasets import policies, selectors
from datasets.metadata import csv_lines
from datasets.models import Dataset, Release
from datasets.statistics import present, rows
from datasets.statistics.charts import standalone


def _release(request: HttpRequest, slug: str, version: str) -> Release:
    releases = selectors.published().filter(
        dataset__in=policies.visible(request.user), dataset__kind=Dataset.Kind.RADIOGRAPHS
    )
    release = get_object_or_404(releases.select_related("dataset"), dataset__slug=slug, version=version)
    if release.about.get("labels_only"):  # it tells of diagnoses alone, not of people and hospitals
        raise Http404
    return release


@require_safe
def statistics(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    release = _release(request, slug, version)
    context = {
        "dataset": release.dataset,
        "release": release,
        "statistics": present(selectors.statistics(release)),
        "figures": selectors.figures([release])[release.pk],
    }
    return render(request, "datasets/statistics.html", context)


@require_safe
def table(request: HttpRequest, slug: str, version: str, name: str) -> HttpResponse:
    """A table as CSV: one row per count or per class, columns named as in the metadata, empty where unknown."""
    release = _release(request, slug, version)
    tables = rows(selectors.statistics(release))
    if name not in tables:
        raise Http404
    columns, lines = tables[name]
    headers = {"Content-Disposition": f'attachment; filename="{slug}-{version}-{name}.csv"'}
    return HttpResponse(b"".join(csv_lines(lines, columns)), content_type="text/csv; charset=utf-8", headers=headers)


@require_safe
def chart(request: HttpRequest, slug: str, version: str, name: str) -> HttpResponse:
    """A chart as SVG, in the reader's language."""
    release = _release(request, slug, version)
    charts = present(selectors.statistics(release)).charts
    if name not in charts:
        raise Http404
    headers = {"Content-Disposition": f'attachment; filename="{slug}-{version}-{name}.svg"'}
    return HttpResponse(standalone(charts[name].svg), content_type="image/svg+xml", headers=headers)

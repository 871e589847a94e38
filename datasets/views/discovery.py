"""What search engines for data ask for: the pages of public datasets, and what they should leave alone."""

from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from datasets.models import Dataset
from datasets.selectors import published

_LEAVE_ALONE = ("/accounts/", "/api/", "/archives/", "/backoffice/", "/links/", "/manage/")
_MOST = 50_000  # addresses that a site map may have (https://www.sitemaps.org/protocol.html)


@require_safe
def site_map(request: HttpRequest) -> HttpResponse:
    """The pages of public datasets and of their releases, whoever asks. django.contrib.sitemaps would name the host of
    django.contrib.sites, which nobody sets here."""
    slugs = Dataset.objects.filter(is_public=True).values_list("slug", flat=True)
    pages: list[tuple[str, datetime | None]] = [(reverse("datasets:detail", args=[slug]), None) for slug in slugs]
    releases = published().filter(dataset__is_public=True).values_list("dataset__slug", "version", "published_at")
    pages += [(reverse("datasets:release", args=[slug, version]), at) for slug, version, at in releases]
    addresses = [(request.build_absolute_uri(path), at) for path, at in pages[:_MOST]]
    return render(request, "sitemap.xml", {"addresses": addresses}, content_type="application/xml")


@require_safe
def robots(request: HttpRequest) -> HttpResponse:
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in _LEAVE_ALONE)]
    lines += ["", f"Sitemap: {request.build_absolute_uri(reverse('datasets:sitemap'))}", ""]
    return HttpResponse("\n".join(lines), content_type="text/plain; charset=utf-8")

"""Signed links: the page that makes them with commands to copy, and the address that they lead to."""

from collections.abc import Callable, Sequence
from datetime import timedelta

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.policies import is_person, required
from accounts.selectors import current_grants
from audit.denials import because
from datasets import commands, links, policies, selectors, services
from datasets.commands import Linked
from datasets.delivery import deliver

# What `list` asks for: the end of the file's name, and what it holds.
_LISTS: dict[str, tuple[str, Callable[[Sequence[Linked]], str]]] = {
    "links": ("links.txt", commands.link_list),
    "aria2": ("aria2.txt", commands.aria2_list),
    "sha256": ("SHA256SUMS", commands.checksum_list),
}


@require_http_methods(["GET", "HEAD", "POST"])
@required(is_person)
def make(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    """Commands for the files that were ticked (`file`, archive ids), or for all that the person may have. GET: the
    choice; POST: the commands; with `list`, a list for a program instead."""
    releases = selectors.published().filter(dataset__in=policies.visible(request.user))
    release = get_object_or_404(releases.select_related("dataset__agreement"), dataset__slug=slug, version=version)
    rows = selectors.file_rows(request.user, release)
    allowed = [row for row in rows if row.decision.grant is not None]
    context = {"dataset": release.dataset, "release": release, "files": allowed}
    if not allowed:
        step = rows[0].decision if rows else None
        lead = release.dataset.title
        because(request, *(step.codes if step is not None else ()))
        return render(request, "datasets/refused.html", {**context, "lead": lead, "decision": step}, status=403)
    if request.method != "POST":
        return render(request, "datasets/commands_choice.html", context)
    ticked = set(request.POST.getlist("file"))
    chosen = [row for row in allowed if str(row.archive.pk) in ticked] if ticked else allowed
    files = [
        Linked(
            row.archive,
            request.build_absolute_uri(links.address(request.user, row.archive, row.decision.grant)),  # type: ignore[arg-type]
        )
        for row in chosen
    ]
    services.note_links(user=request.user, release=release, archives=[file.archive for file in files])  # type: ignore[arg-type]
    name, write = _LISTS.get(request.POST.get("list", ""), ("", None))
    if write is not None:
        disposition = f'attachment; filename="{slug}-{version}-{name}"'
        headers = {"Content-Disposition": disposition, "Cache-Control": "private, no-store"}
        return HttpResponse(write(files), content_type="text/plain; charset=utf-8", headers=headers)
    context |= {
        "chosen": files,
        "size": sum(file.archive.size or 0 for file in files),
        "until": timezone.now() + links.lifetime(),
        "hours": links.lifetime() // timedelta(hours=1),
        "origin": request.build_absolute_uri("/").rstrip("/"),
        "commands": [
            ("curl", commands.curl(files)),
            ("wget", commands.wget(files)),
            ("aria2c", commands.aria2c(files)),
        ],
        "client": commands.client(slug, version, files, whole=len(chosen) == len(allowed)),
    }
    response = render(request, "datasets/commands.html", context)
    response["Cache-Control"] = "private, no-store"
    return response


@require_safe
def follow(request: HttpRequest, token: str, filename: str) -> HttpResponseBase:
    """The file behind a signed link; words for a terminal where there is none, or no more."""
    try:
        link = links.read(token)
    except links.Expired:
        return _text(_("This link has expired. Make a new one on the page of the release; the download goes on."), 410)
    except links.Invalid:
        return _text(_("There is no such link."), 404)
    archive = selectors.listed_archives(link.user).filter(pk=link.archive_id, filename=filename).first()
    if archive is None:
        return _text(_("This file is not available any more."), 404)
    decision = policies.may_download(link.user, archive)
    grant = current_grants(link.user, archive.release.dataset).filter(pk=link.grant_id).first()
    if not decision.allowed or grant is None:
        services.refuse_download(user=link.user, archive=archive, codes=decision.codes or ["link_closed"])
        if decision.next_step is None:
            return _text(_("The access that this link was made with has ended. Make a new link."), 403)
        step = decision.next_step
        return _text(f"{step.words} {step.action}: {request.build_absolute_uri(step.url)}", 403)
    response = deliver(request, link.user, archive, grant)
    response["Referrer-Policy"] = "no-referrer"
    return response


def _text(words: str, status: int) -> HttpResponse:
    headers = {"Cache-Control": "no-store"}
    return HttpResponse(f"{words}\n", status=status, content_type="text/plain; charset=utf-8", headers=headers)

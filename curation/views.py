from typing import Any, cast

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.models import User
from accounts.policies import required
from curation import policies, quality, selectors, services
from curation.forms import AcceptForm, BoxesForm, RejectForm
from datasets.errors import DatasetError
from intake import candidates, words
from intake.models import Stage, UploadedFile
from intake.quarantine import Damaged
from intake.services import IntakeError

PER_PAGE = 50

Chosen = dict[str, str]


@required(policies.is_curator)
@never_cache
@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    chosen = _chosen(request)
    page = Paginator(selectors.queue(**chosen), PER_PAGE).get_page(request.GET.get("page"))
    scales, counts = quality.Scales(), selectors.waiting_by_reason(chosen.get("dataset", ""))
    context = {
        "page": page,
        "rows": [
            (file, quality.proposal(file, scales[file.batch.dataset_id]), selectors.painted(file)) for file in page
        ],
        **chosen,
        "query": _query(chosen),
        "reasons": [(code, words.QUALITY_REASONS[code], count) for code, count in counts.items()],
        "waiting": selectors.waiting_by_dataset(),
        "set_aside_count": selectors.set_aside().count(),
    }
    return render(request, "curation/queue.html", context)


@required(policies.is_curator)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def judge(request: HttpRequest, pk: str) -> HttpResponse:
    chosen = _chosen(request)
    file = get_object_or_404(UploadedFile.objects.select_related("batch__dataset", "group", "hospital"), pk=pk)
    if request.method == "POST":
        return _decide(request, file, chosen)
    if file.stage != Stage.CURATE:
        messages.info(request, _("This file is no longer waiting for a verdict."))
        return redirect("curation:queue")
    return _judge_page(request, file, chosen)


def _judge_page(
    request: HttpRequest,
    file: UploadedFile,
    chosen: Chosen,
    accept_form: AcceptForm | None = None,
    reject_form: RejectForm | None = None,
    boxes_form: BoxesForm | None = None,
) -> HttpResponse:
    picture = services.picture(file)
    standing = quality.standing(file)
    boxes_form = boxes_form or _boxes_form(file, initial={"picture": picture})
    context = {
        "file": file,
        "place": selectors.place(file, **chosen),
        "query": _query(chosen),
        "proposal": quality.proposal(file, standing.scale if standing is not None else None),
        "standing": standing,
        "view_seen": words.VIEWS.get(file.assessment.get("view") or ""),
        "contradictions": words.contradictions(file),
        "accept_form": accept_form or AcceptForm(initial={"picture": picture}),
        "reject_form": reject_form or RejectForm(shortcut="r"),
        "boxes_form": boxes_form,
        "outlines": selectors.outlines(file, boxes_form.ticked),
        "drawn": boxes_form.drawn_values,
    }
    return render(request, "curation/judge.html", context)


def _chosen(request: HttpRequest) -> Chosen:
    """Which part of the queue the curator goes through: of one dataset, with one reason, or all of it."""
    return {name: value for name in ("dataset", "reason") if (value := request.GET.get(name, ""))}


def _query(chosen: Chosen) -> str:
    return f"?{urlencode(chosen)}" if chosen else ""


def _decide(request: HttpRequest, file: UploadedFile, chosen: Chosen) -> HttpResponse:
    # Found before the verdict, while the file still has its place.
    following = selectors.place(file, **chosen).next
    rejects = request.POST.get("verdict") == "reject"
    accept_form = AcceptForm(None if rejects else request.POST)
    reject_form = RejectForm(request.POST if rejects else None, shortcut="r")
    form: AcceptForm | RejectForm = reject_form if rejects else accept_form
    if not form.is_valid():
        if file.stage == Stage.CURATE:
            accept, reject = (None, reject_form) if rejects else (accept_form, None)
            return _judge_page(request, file, chosen, accept, reject)
        _tell(request, form)
        return redirect("curation:set_aside")
    try:
        words_ = _apply(file, cast(User, request.user), form)
    except services.AlreadyJudged as error:
        messages.warning(request, str(error))
    except (services.CurationError, DatasetError) as error:
        messages.error(request, str(error))
        return redirect(f"{reverse('curation:judge', args=[file.pk])}{_query(chosen)}")
    else:
        messages.success(request, words_)
    if file.stage == Stage.SET_ASIDE:
        return redirect("curation:set_aside")
    return _go_on(following, chosen)


def _go_on(following: UploadedFile | None, chosen: Chosen) -> HttpResponse:
    if following is None:
        return redirect(f"{reverse('curation:queue')}{_query(chosen)}")
    return redirect(f"{reverse('curation:judge', args=[following.pk])}{_query(chosen)}")


@required(policies.is_curator)
@never_cache
@require_POST
def boxes(request: HttpRequest, pk: str) -> HttpResponse:
    """Has the picture painted anew with the boxes that were sent, and goes on with the next image meanwhile."""
    chosen = _chosen(request)
    file = get_object_or_404(UploadedFile.objects.select_related("batch__dataset", "group", "hospital"), pk=pk)
    if file.stage != Stage.CURATE:
        messages.warning(request, _("This file is no longer waiting for a verdict."))
        return redirect(f"{reverse('curation:queue')}{_query(chosen)}")
    form = _boxes_form(file, request.POST)
    if not form.is_valid():
        return _judge_page(request, file, chosen, boxes_form=form)
    following = selectors.place(file, **chosen).next
    cleaned = form.cleaned_data
    try:
        services.repaint(file, cast(User, request.user), cleaned["boxes"], seen=cleaned["picture"])
    except services.AlreadyJudged as error:
        messages.warning(request, str(error))
    except services.CurationError as error:
        messages.error(request, str(error))
        return redirect(f"{reverse('curation:judge', args=[file.pk])}{_query(chosen)}")
    else:
        messages.success(
            request, _("The picture is being rewritten. It comes back to the front of the queue in a moment.")
        )
    return _go_on(following, chosen)


def _boxes_form(file: UploadedFile, *args: Any, **kwargs: Any) -> BoxesForm:
    size = file.facts.get("width", 0), file.facts.get("height", 0)
    return BoxesForm(*args, known=file.deid_report.get("text") or [], size=size, **kwargs)


def _apply(file: UploadedFile, curator: User, form: AcceptForm | RejectForm) -> str:
    cleaned = form.cleaned_data
    if isinstance(form, RejectForm):
        services.reject(file, curator, cleaned["reason"], cleaned["code"])
        return _("Rejected. The hospital sees the reason.")
    radiograph = services.accept(file, curator, cleaned["quality"], cleaned["no_text_seen"], seen=cleaned["picture"])
    return _("Accepted as {name}.").format(name=radiograph.filename)


def _tell(request: HttpRequest, form: Any) -> None:
    for errors in form.errors.values():
        for error in errors:
            messages.error(request, error)


@required(policies.is_curator)
@require_safe
def image(request: HttpRequest, pk: str) -> HttpResponseBase:
    """The picture itself, 8 bit grey. Every look is audited here, where no other way leads to it."""
    return _look(request, pk, "preview.png", "window")


@required(policies.is_curator)
@require_safe
def full_range(request: HttpRequest, pk: str) -> HttpResponseBase:
    """The whole stored range with the local contrast equalised; audited like the picture."""
    return _look(request, pk, "preview_enhanced.png", "full_range")


def _look(request: HttpRequest, pk: str, name: str, look: str) -> HttpResponseBase:
    file = _candidate(request, pk)
    response = _picture(file, name, file.assessment.get("previews", {}).get(name))
    services.record_look(file, cast(User, request.user), look)
    return response


@required(policies.is_curator)
@require_safe
def mask(request: HttpRequest, pk: str) -> HttpResponseBase:
    file = _candidate(request, pk)
    return _picture(file, "mask.png", file.segmentation.get("mask_sha256"))


def _candidate(request: HttpRequest, pk: str) -> UploadedFile:
    return get_object_or_404(policies.visible_candidates(request.user), pk=pk)


def _picture(file: UploadedFile, name: str, sha256: str | None) -> FileResponse:
    try:
        # A worker that came too late may have left an earlier picture: not what would be released.
        content = candidates.open_checked(file.pk, name, sha256) if sha256 else candidates.open_file(file.pk, name)
    except (FileNotFoundError, Damaged):
        raise Http404 from None
    # Not even the curator's browser keeps it.
    return FileResponse(content, content_type="image/png", headers={"Cache-Control": "no-store, private"})


@required(policies.is_curator)
@never_cache
@require_safe
def set_aside(request: HttpRequest) -> HttpResponse:
    page = Paginator(selectors.set_aside(), PER_PAGE).get_page(request.GET.get("page"))
    rows = [(file, words.reason(file), RejectForm(auto_id=f"{file.pk}-%s")) for file in page]
    return render(request, "curation/set_aside.html", {"page": page, "rows": rows})


@required(policies.is_curator)
@require_POST
def retry(request: HttpRequest, pk: str) -> HttpResponse:
    file = get_object_or_404(policies.visible_candidates(request.user), pk=pk)
    try:
        services.retry(file, cast(User, request.user))
    except IntakeError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("The file is on its way through the pipeline again."))
    return redirect("curation:set_aside")

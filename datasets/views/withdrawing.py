"""Data managers take images out of the releases, and see what came of it."""

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import Notice
from accounts.policies import is_data_manager, required
from datasets import services
from datasets.forms_withdrawal import WithdrawForm
from datasets.models import ImageReport, Radiograph, SegmentationEntry, Withdrawal
from datasets.selectors import withdrawals as selectors
from datasets.services.telling import NOTICE
from datasets.services.withdrawing import withdraw_images

PER_PAGE = 50
_KINDS: dict[str, type[Radiograph] | type[SegmentationEntry]] = {"radiograph": Radiograph, "mask": SegmentationEntry}


@require_safe
@required(is_data_manager)
def withdrawal_list(request: HttpRequest) -> HttpResponse:
    """A search by file name, and what was withdrawn until now."""
    text = request.GET.get("q", "")
    context = {
        "q": text,
        "images": [(_kind(image), image) for image in selectors.find_images(text)],
        "page_obj": Paginator(selectors.withdrawals(), PER_PAGE).get_page(request.GET.get("page")),
        "open_reports": selectors.open_reports(),
    }
    return render(request, "datasets/withdrawals.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@required(is_data_manager)
def withdraw(request: HttpRequest, kind: str, pk: int) -> HttpResponse:
    """What a withdrawal would do, the reason, and the patient's other images; posting it withdraws."""
    if kind not in _KINDS:
        raise Http404
    image: Any = get_object_or_404(_KINDS[kind].objects.select_related("dataset"), pk=pk)
    report = _report(request, image)
    others = selectors.of_the_same_patient(image)
    form = WithdrawForm(request.POST or None, others=others, initial=WithdrawForm.suggested(report))
    if request.method == "POST" and form.is_valid():
        try:
            withdrawal = withdraw_images(
                manager=request.user,  # type: ignore[arg-type]
                images=[image, *form.chosen()],
                reason=form.cleaned_data["reason"],
                report=report,
            )
        except services.DatasetError as error:
            form.add_error(None, str(error))
        else:
            count = withdrawal.tombstones.count()
            messages.success(
                request,
                ngettext(
                    "%(count)s image is withdrawn. Nobody can download it any more.",
                    "%(count)s images are withdrawn. Nobody can download them any more.",
                    count,
                )
                % {"count": count},
            )
            return redirect("datasets:withdrawal", pk=withdrawal.pk)
    context = {
        "image": image,
        "kind": kind,
        "report": report,
        "effects": selectors.effects(image),
        "tombstone": getattr(image, "tombstone", None),
        "form": form,
    }
    return render(request, "datasets/withdraw.html", context)


def _report(request: HttpRequest, image: Radiograph | SegmentationEntry) -> ImageReport | None:
    """The report that the withdrawal is started from, if the address names one of this image."""
    pk = request.GET.get("report", "")
    reports = ImageReport.objects.filter(dataset=image.dataset_id, filename=image.filename)
    return reports.filter(pk=int(pk)).first() if pk.isdecimal() and len(pk) < 10 else None


@require_safe
@required(is_data_manager)
def withdrawal(request: HttpRequest, pk: int) -> HttpResponse:
    """What became of a withdrawal: tombstones, patch releases, mails."""
    found = get_object_or_404(Withdrawal.objects.select_related("dataset", "by", "report"), pk=pk)
    told = Notice.objects.filter(kind=NOTICE, object_id__startswith=f"{found.pk}/").count()
    context = {
        "withdrawal": found,
        "tombstones": found.tombstones.select_related("dataset").order_by("filename"),
        "patches": selectors.patches_of(found),
        "told": told,
        "title": _("Withdrawal %(number)s") % {"number": found.pk},
    }
    return render(request, "datasets/withdrawal.html", context)


def _kind(image: Radiograph | SegmentationEntry) -> str:
    return "radiograph" if isinstance(image, Radiograph) else "mask"

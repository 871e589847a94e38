"""Reports of released images: people with access write them, data managers answer."""

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.policies import is_data_manager, is_person, required
from datasets import policies, services
from datasets.forms_withdrawal import AnswerForm, ReportForm
from datasets.models import ImageReport
from datasets.services.reporting import close_report, report_image

PER_PAGE = 50


@require_http_methods(["GET", "HEAD", "POST"])
@required(is_person)
def report(request: HttpRequest, slug: str) -> HttpResponse:
    """Tells the data managers what is wrong with an image; only for people with access to the dataset."""
    dataset = get_object_or_404(policies.visible(request.user), slug=slug)
    if not policies.may_report(request.user, dataset):
        return render(request, "datasets/report_refused.html", {"dataset": dataset}, status=403)
    form = ReportForm(request.POST or None, initial={"filename": request.GET.get("filename", "")[:120]})
    if request.method == "POST" and form.is_valid():
        try:
            report_image(user=request.user, dataset=dataset, **form.cleaned_data)  # type: ignore[arg-type]
        except services.DatasetError as error:
            form.add_error(None, str(error))
        else:
            messages.success(
                request, _("Thank you. The data managers have your report; you get their answer by e-mail.")
            )
            return redirect("datasets:detail", slug=dataset.slug)
    return render(request, "datasets/report.html", {"dataset": dataset, "form": form})


@require_safe
@required(is_data_manager)
def report_list(request: HttpRequest) -> HttpResponse:
    """Open reports first, the newest of each kind first."""
    reports = ImageReport.objects.select_related("dataset", "reporter").order_by("-status", "-at", "-pk")
    page = Paginator(reports, PER_PAGE).get_page(request.GET.get("page"))
    return render(request, "datasets/reports.html", {"page_obj": page})


@require_http_methods(["GET", "HEAD", "POST"])
@required(is_data_manager)
def answer(request: HttpRequest, pk: int) -> HttpResponse:
    """One report: answer it, or start the withdrawal of its image."""
    found = get_object_or_404(
        ImageReport.objects.select_related("dataset", "reporter", "closed_by", "item__radiograph", "item__entry"), pk=pk
    )
    form = AnswerForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            close_report(manager=request.user, report=found, answer=form.cleaned_data["answer"])  # type: ignore[arg-type]
        except services.DatasetError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, _("The report is answered; the reporter gets your words by e-mail."))
            return redirect("datasets:reports")
    return render(request, "datasets/manage_report.html", {"report": found, "form": form})

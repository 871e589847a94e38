from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from portal import outbox as mails


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    return render(request, "home.html")


def _from_this_machine(request: HttpRequest) -> bool:
    return request.META["REMOTE_ADDR"] in ("127.0.0.1", "::1") and "HTTP_X_FORWARDED_FOR" not in request.META


@require_safe
@never_cache
def outbox(request: HttpRequest) -> HttpResponse:
    """Every mail that the embedded installation would have sent. For the person at the machine, nobody else."""
    if not _from_this_machine(request):
        raise Http404
    return render(request, "portal/outbox.html", {"mails": mails.newest()})


@require_safe
@never_cache
def outbox_message(request: HttpRequest, name: str) -> HttpResponse:
    if not _from_this_machine(request):
        raise Http404
    mail = next((mail for mail in mails.newest(limit=None) if mail.name == name), None)
    if mail is None:
        raise Http404
    return render(request, "portal/outbox_message.html", {"mail": mail})

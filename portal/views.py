from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect


def home(request: HttpRequest) -> HttpResponse:
    return redirect("datasets:list")


def outbox(request: HttpRequest) -> HttpResponse:
    raise NotImplementedError


def outbox_message(request: HttpRequest, name: str) -> HttpResponse:
    raise NotImplementedError

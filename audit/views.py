from django.http import HttpRequest, HttpResponse


def events(request: HttpRequest) -> HttpResponse:
    raise NotImplementedError

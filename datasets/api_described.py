"""The description of a release for citations and machines, at the same addresses beside its page and in the API."""

import re
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import path, register_converter
from django.urls.converters import StringConverter
from django.utils.cache import patch_vary_headers
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from accounts.models import ApiToken
from accounts.permissions import Public
from datasets import policies, selectors
from datasets.described import FORMS, write


class FormConverter(StringConverter):
    """The name of a form, e.g. citation.bib."""

    regex = "|".join(re.escape(name) for name in FORMS)


register_converter(FormConverter, "described")


class Described(APIView):
    permission_classes = [Public]

    def perform_content_negotiation(self, request: Request, force: bool = False) -> tuple[BaseRenderer, str]:
        """The address names the form, whatever the client accepts; errors are JSON."""
        return JSONRenderer(), JSONRenderer.media_type

    @extend_schema(
        operation_id="release_described",
        parameters=[OpenApiParameter("form", str, OpenApiParameter.PATH, enum=list(FORMS))],
        responses={(200, media_type): OpenApiTypes.STR for media_type in {form.media_type for form in FORMS.values()}},
    )
    def get(self, request: Request, slug: str, version: str, form: str) -> HttpResponse:
        """The release as a citation (APA, BibTeX, RIS, CITATION.cff) or as metadata (DataCite 4.5, schema.org, DCAT,
        Croissant). Croissant names the addresses of the files that you may download; they work for a short time."""
        releases = selectors.published().filter(dataset__in=policies.visible(request.user))
        release = get_object_or_404(releases.select_related("dataset__agreement"), dataset__slug=slug, version=version)
        wanted = FORMS[form]
        response = HttpResponse(
            write(request._request, self._person(request), release, wanted),
            content_type=f"{wanted.media_type}; charset=utf-8",
            headers={"Content-Disposition": f'inline; filename="{slug}-{version}-{form}"'},
        )
        if wanted.personal:
            patch_vary_headers(response, ["Authorization", "Cookie"])
            response["Cache-Control"] = "private, no-store"
        return response

    @staticmethod
    def _person(request: Request) -> Any:
        """A token that may not download gets what visitors get."""
        if isinstance(request.auth, ApiToken) and "download" not in request.auth.scopes:
            return AnonymousUser()
        return request.user


_ROUTE = "datasets/<slug:slug>/releases/<str:version>/<described:form>"
pages = [path(_ROUTE, Described.as_view(schema=None), name="described")]
api = [path(_ROUTE, Described.as_view(), name="described")]

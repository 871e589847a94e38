"""Custom cohorts for programs: the condition, and for those who may have them archives of the images."""

from typing import Any

from django.http import Http404
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import Allow, Public
from accounts.policies import is_person
from datasets import cohorts, described, policies, selectors, services
from datasets.api import refused
from datasets.models import Archive, Cohort
from datasets.selectors.cohorts import CONTENTS


class CohortSerializer(serializers.Serializer[Cohort]):
    identifier = serializers.CharField()
    dataset = serializers.CharField(source="release.dataset.slug")
    version = serializers.CharField(source="release.version")
    where = serializers.SerializerMethodField(help_text="As `cxr download --where` takes it.")
    citation = serializers.SerializerMethodField(help_text="In the style of the APA.")

    def get_where(self, cohort: Cohort) -> str:
        return cohorts.where(cohort.filters)

    def get_citation(self, cohort: Cohort) -> str:
        images = cohorts.matching(cohort.release, cohort.filters).count()
        return described.cited_cohort(self.context["request"], cohort, images).apa


class CohortDetail(APIView):
    permission_classes = [Public]

    @extend_schema(responses=CohortSerializer)
    def get(self, request: Request, identifier: str) -> Response:
        """A cohort that was kept: the release, and the condition on its metadata."""
        return Response(CohortSerializer(_kept(request, identifier), context={"request": request}).data)


class CohortArchiveSerializer(serializers.ModelSerializer[Archive]):
    url = serializers.SerializerMethodField(help_text="When it is ready.")

    class Meta:
        model = Archive
        fields = (
            "id",
            "filename",
            "content",
            "status",
            "reason",
            "items",
            "bytes_done",
            "bytes_total",
            "size",
            "sha256",
            "url",
        )

    @extend_schema_field(serializers.URLField(allow_null=True))
    def get_url(self, archive: Archive) -> str | None:
        if archive.status != Archive.Status.READY:
            return None
        path = reverse("api:archive_download", args=[archive.pk])
        address: str = self.context["request"].build_absolute_uri(path)
        return address


class CohortOrderSerializer(serializers.Serializer[Any]):
    content = serializers.ChoiceField(choices=[(content.value, content.label) for content in CONTENTS])


class CohortArchives(APIView):
    permission_classes = [Allow(is_person, scope="download")]

    @extend_schema(operation_id="cohort_archives_list", responses=CohortArchiveSerializer(many=True))
    def get(self, request: Request, identifier: str) -> Response:
        """The archives of a cohort that you ordered last, of the contents that you may have."""
        files = selectors.cohort_files(request.user, _kept(request, identifier))
        if not any(file.decision.allowed for file in files):
            return refused(request, files[0].decision)
        archives = [file.archive for file in files if file.archive is not None]
        return Response(CohortArchiveSerializer(archives, many=True, context={"request": request}).data)

    @extend_schema(
        request=CohortOrderSerializer,
        responses={202: CohortArchiveSerializer, 409: OpenApiResponse(description="Too large, empty, or too many.")},
    )
    def post(self, request: Request, identifier: str) -> Response:
        """Has an archive of a cohort built; one that is there, or on its way, is given back."""
        cohort = _kept(request, identifier)
        wanted = CohortOrderSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        content = wanted.validated_data["content"]
        (file,) = (file for file in selectors.cohort_files(request.user, cohort) if file.content == content)
        if not file.decision.allowed:
            return refused(request, file.decision)
        try:
            archive = services.order_cohort(user=request.user, cohort=cohort, content=content)  # type: ignore[arg-type]
        except services.DatasetError as error:
            return Response({"detail": str(error)}, status=status.HTTP_409_CONFLICT)
        answer = CohortArchiveSerializer(archive, context={"request": request}).data
        return Response(answer, status=status.HTTP_202_ACCEPTED)


def _kept(request: Request, identifier: str) -> Cohort:
    found = Cohort.objects.select_related("release__dataset__agreement").filter(
        release__in=selectors.published(), release__dataset__in=policies.visible(request.user)
    )
    cohort = get_object_or_404(found, identifier=identifier)
    if cohort.release.about.get("labels_only"):
        raise Http404
    return cohort

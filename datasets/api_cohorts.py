"""Custom cohorts for programs: the condition, not the images."""

from django.http import Http404
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import Public
from datasets import cohorts, policies, selectors
from datasets.models import Cohort


class CohortSerializer(serializers.Serializer[Cohort]):
    identifier = serializers.CharField()
    dataset = serializers.CharField(source="release.dataset.slug")
    version = serializers.CharField(source="release.version")
    where = serializers.SerializerMethodField(help_text="As `cxr download --where` takes it.")

    def get_where(self, cohort: Cohort) -> str:
        return cohorts.where(cohort.filters)


class CohortDetail(APIView):
    permission_classes = [Public]

    @extend_schema(responses=CohortSerializer)
    def get(self, request: Request, identifier: str) -> Response:
        """A cohort that was kept: the release, and the condition on its metadata."""
        found = Cohort.objects.select_related("release__dataset").filter(
            release__in=selectors.published(), release__dataset__in=policies.visible(request.user)
        )
        cohort = get_object_or_404(found, identifier=identifier)
        if cohort.release.about.get("labels_only"):
            raise Http404
        return Response(CohortSerializer(cohort).data)

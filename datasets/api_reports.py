"""Reporting a released image by program."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import Allow
from accounts.policies import is_person
from datasets import policies
from datasets.errors import DatasetError
from datasets.models import ImageReport
from datasets.services.reporting import report_image


class ReportSerializer(serializers.ModelSerializer[ImageReport]):
    class Meta:
        model = ImageReport
        fields = ("id", "filename", "category", "text", "status", "at")
        read_only_fields = ("id", "status", "at")
        validators: list[object] = []
        extra_kwargs = {"text": {"help_text": "Where in the image, and what: no names, no numbers of patients."}}


class ReportCreate(APIView):
    permission_classes = [Allow(is_person, scope="read")]

    @extend_schema(
        request=ReportSerializer,
        responses={
            201: ReportSerializer,
            403: OpenApiResponse(description="Only people with access to the images can report one."),
            409: OpenApiResponse(description="No such image, reported already, or too many reports today."),
        },
    )
    def post(self, request: Request, slug: str) -> Response:
        """Tells the data managers what is wrong with an image of a published version."""
        dataset = get_object_or_404(policies.visible(request.user), slug=slug)
        if not policies.may_report(request.user, dataset):
            return Response({"detail": "You have no access to these images."}, status=status.HTTP_403_FORBIDDEN)
        told = ReportSerializer(data=request.data)
        told.is_valid(raise_exception=True)
        try:
            report = report_image(user=request.user, dataset=dataset, **told.validated_data)  # type: ignore[arg-type]
        except DatasetError as error:
            return Response({"detail": str(error)}, status=status.HTTP_409_CONFLICT)
        return Response(ReportSerializer(report).data, status=status.HTTP_201_CREATED)

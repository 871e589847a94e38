"""Findings by program: what images of a dataset show beside their diagnosis group."""

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.permissions import Allow
from accounts.policies import is_data_manager
from datasets.errors import DatasetError
from datasets.models import Dataset
from datasets.services.findings import label_images

MOST = 5000  # images in one request


class LabelsSerializer(serializers.Serializer[dict[str, list[str]]]):
    labels = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField(max_length=40), max_length=100),
        help_text=f"File name to the codes of its findings; at most {MOST} images.",
    )

    def validate_labels(self, labels: dict[str, list[str]]) -> dict[str, list[str]]:
        if len(labels) > MOST:
            raise serializers.ValidationError(f"At most {MOST} images at once.")
        return labels


class FindingsPut(APIView):
    permission_classes = [Allow(is_data_manager, scope="manage")]

    @extend_schema(
        request=LabelsSerializer,
        responses={204: None, 409: OpenApiResponse(description="An unknown image or code; nothing was changed.")},
    )
    def put(self, request: Request, slug: str) -> Response:
        """Gives the named images exactly these findings. Releases keep what they said; the next one has it."""
        dataset = get_object_or_404(Dataset, slug=slug)
        told = LabelsSerializer(data=request.data)
        told.is_valid(raise_exception=True)
        try:
            label_images(user=request.user, dataset=dataset, labels=told.validated_data["labels"])  # type: ignore[arg-type]
        except DatasetError as error:
            return Response({"detail": str(error)}, status=status.HTTP_409_CONFLICT)
        return Response(status=status.HTTP_204_NO_CONTENT)

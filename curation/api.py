"""Curation for programs. A token needs the scope `curate`."""

from typing import Any, cast

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import APIException, ValidationError
from rest_framework.generics import ListAPIView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import User
from accounts.permissions import Allow
from curation import policies, selectors, services
from curation.quality import Scales
from curation.serializers import BoxesSerializer, CandidateSerializer, JudgedSerializer, VerdictSerializer
from datasets.errors import DatasetError
from intake.models import UploadedFile

CURATOR = Allow(policies.is_curator, scope="curate")


class Conflict(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class Queue(ListAPIView[UploadedFile]):
    """The files that wait for a verdict, the doubtful ones first. `dataset` is a slug, `reason` a code: only those."""

    permission_classes = [CURATOR]
    serializer_class = CandidateSerializer

    def get_serializer_context(self) -> dict[str, Any]:
        return {**super().get_serializer_context(), "scales": Scales()}

    def get_queryset(self) -> QuerySet[UploadedFile]:
        asked = self.request.query_params
        return selectors.queue(asked.get("dataset", ""), asked.get("reason", ""))


class Boxes(APIView):
    """Has a picture painted anew with these boxes of text; the file comes back to the queue."""

    permission_classes = [CURATOR]

    @extend_schema(request=BoxesSerializer, responses={202: JudgedSerializer})
    def post(self, request: Request, pk: str) -> Response:
        file = get_object_or_404(UploadedFile, pk=pk)
        said = BoxesSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        values = said.validated_data
        try:
            row = services.repaint(file, cast(User, request.user), values["boxes"], seen=values["picture"])
        except services.AlreadyJudged as error:
            raise Conflict(str(error)) from error
        except services.CurationError as error:
            raise ValidationError({"detail": str(error)}) from error
        answer = {"id": row.pk, "stage": row.stage, "filename": None}
        return Response(JudgedSerializer(answer).data, status.HTTP_202_ACCEPTED)


class Verdict(APIView):
    """Accepts or rejects one file."""

    permission_classes = [CURATOR]

    @extend_schema(request=VerdictSerializer, responses=JudgedSerializer)
    def post(self, request: Request, pk: str) -> Response:
        file = get_object_or_404(UploadedFile, pk=pk)
        said = VerdictSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        values, curator = said.validated_data, cast(User, request.user)
        filename = None
        try:
            if values["verdict"] == "accept":
                quality, looked = values.get("quality", ""), values["no_text_seen"]
                filename = services.accept(file, curator, quality, looked, seen=values["picture"]).filename
            else:
                services.reject(file, curator, values["reason"], values["code"])
        except services.AlreadyJudged as error:
            raise Conflict(str(error)) from error
        except (services.CurationError, DatasetError) as error:
            raise ValidationError({"detail": str(error)}) from error
        file.refresh_from_db()
        return Response(JudgedSerializer({"id": file.pk, "stage": file.stage, "filename": filename}).data)

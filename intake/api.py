"""Intake for programs. A token needs the scope `upload`; everything is limited to the person's own hospitals."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.generics import ListAPIView, ListCreateAPIView, RetrieveAPIView
from rest_framework.parsers import FormParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer
from rest_framework.views import APIView

from accounts.permissions import Allow
from intake import policies, selectors, services
from intake.forms import TableForm, UploadForm
from intake.models import Stage, UploadBatch, UploadedFile
from intake.serializers import (
    BatchSerializer,
    PlanSerializer,
    TableUploadSerializer,
    TakenSerializer,
    UploadedFileSerializer,
    UploadSerializer,
)
from intake.uploadhandler import SealingUploadHandler, TableUploadHandler

UPLOADER = Allow(policies.is_hospital_user, scope="upload")


def _batches(request: Request) -> QuerySet[UploadBatch]:
    return selectors.with_counts(policies.visible_batches(request.user)).select_related("hospital", "dataset")


class Batches(ListCreateAPIView[UploadBatch]):
    """Your hospital's batches, newest first; POST opens one."""

    permission_classes = [UPLOADER]
    serializer_class = BatchSerializer

    def get_queryset(self) -> QuerySet[UploadBatch]:
        return _batches(self.request)

    def perform_create(self, serializer: BaseSerializer[UploadBatch]) -> None:
        batch = services.open_batch(user=self.request.user, **serializer.validated_data)
        serializer.instance = _batches(self.request).get(pk=batch.pk)


class Batch(RetrieveAPIView[UploadBatch]):
    """One batch and how far its files are."""

    permission_classes = [UPLOADER]
    serializer_class = BatchSerializer

    def get_queryset(self) -> QuerySet[UploadBatch]:
        return _batches(self.request)


class BatchFiles(ListAPIView[UploadedFile]):
    """The files of a batch; POST adds some."""

    permission_classes = [UPLOADER]
    serializer_class = UploadedFileSerializer
    parser_classes = [MultiPartParser, FormParser]
    queryset = UploadedFile.objects.none()  # for the schema; requests go through get_queryset

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        # The generator of the schema asks with a request that nobody is behind.
        user = getattr(request, "user", None)
        if request.method == "POST" and user is not None and (user.is_anonymous or policies.is_hospital_user(user)):
            # Before anything reads the body, the check of a session's CSRF token included: that comes before the
            # permission, so nothing is stored for people who may not upload. Who a token is for is not known yet;
            # then the permission comes first.
            request.upload_handlers = [SealingUploadHandler(request)]
        return super().initialize_request(request, *args, **kwargs)

    def get_queryset(self) -> QuerySet[UploadedFile]:
        batch = get_object_or_404(policies.visible_batches(self.request.user), pk=self.kwargs["pk"])
        return selectors.files_of(batch, self.request.query_params.get("stage", "")).select_related("radiograph")

    @extend_schema(parameters=[OpenApiParameter("stage", enum=Stage.values)])
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().get(request, *args, **kwargs)

    @extend_schema(
        request={"multipart/form-data": UploadSerializer}, responses={201: TakenSerializer, 400: TakenSerializer}
    )
    def post(self, request: Request, pk: int) -> Response:
        batch = get_object_or_404(policies.visible_batches(request.user).select_related("hospital", "dataset"), pk=pk)
        fields = [field for field in UploadForm.field_order if field not in request.FILES]
        data: dict[str, Any] = {field: request.POST.get(field, "") for field in fields}
        if class_id := request.POST.get("class_id", ""):
            group = selectors.group_of(batch.dataset, class_id)
            if group is None:
                return Response({"class_id": ["The dataset has no such class."]}, status.HTTP_400_BAD_REQUEST)
            data["group"] = group.pk
        form = UploadForm(data, request.FILES, dataset=batch.dataset)
        if not form.is_valid():
            errors = {"class_id" if field == "group" else field: words for field, words in form.errors.items()}
            return Response(errors, status.HTTP_400_BAD_REQUEST)
        taken = services.take_files(
            batch=batch,
            user=request.user,
            uploads=form.cleaned_data["files"],
            group=form.cleaned_data["group"],
            demographics=form.demographics,
            patient_key=form.cleaned_data["patient_key"],
            table=form.cleaned_data["table"],
        )
        answer = {
            "files": [{"name": name, "id": file.pk} for name, file in taken.files],
            "refused": [{"name": name, "message": message} for name, message in taken.refused],
            "problems": taken.problems,
        }
        code = status.HTTP_201_CREATED if taken.files else status.HTTP_400_BAD_REQUEST
        return Response(TakenSerializer(answer).data, code)


class BatchTable(APIView):
    """A table that describes the files of a batch: those that are there, and those that still come."""

    permission_classes = [UPLOADER]
    parser_classes = [MultiPartParser]

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:
        # Kept in memory, never in a temporary file: it names patients.
        request.upload_handlers = [TableUploadHandler(request)]
        return super().initialize_request(request, *args, **kwargs)

    @extend_schema(
        parameters=[OpenApiParameter("dry_run", bool, description="1: only say what the table would do.")],
        request={"multipart/form-data": TableUploadSerializer},
        responses={200: PlanSerializer, 400: PlanSerializer},
    )
    def post(self, request: Request, pk: int) -> Response:
        """Applies the table, all of it or, with any problem, nothing; it takes the place of an earlier one."""
        batch = get_object_or_404(policies.visible_batches(request.user).select_related("hospital", "dataset"), pk=pk)
        form = TableForm(request.POST, request.FILES)
        if not form.is_valid():
            return Response(form.errors, status.HTTP_400_BAD_REQUEST)
        content = form.cleaned_data["table"]
        if request.query_params.get("dry_run", "").lower() in ("1", "true", "yes"):
            plan = services.plan_table(batch, content)
        else:
            try:
                plan = services.apply_table(batch, content, user=request.user)
            except services.IntakeError as error:
                return Response({"detail": str(error)}, status.HTTP_409_CONFLICT)
        code = status.HTTP_400_BAD_REQUEST if plan.problems else status.HTTP_200_OK
        return Response(PlanSerializer(plan).data, code)


class File(RetrieveAPIView[UploadedFile]):
    """What became of one file."""

    permission_classes = [UPLOADER]
    serializer_class = UploadedFileSerializer

    def get_queryset(self) -> QuerySet[UploadedFile]:
        return policies.visible_files(self.request.user).select_related("group", "radiograph")

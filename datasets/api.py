"""The catalogue and the downloads for programs. Addresses of files are named only to those who may have them."""

from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import serializers, status
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.pagination import PageNumberPagination
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import Agreement
from accounts.permissions import Allow, Public
from accounts.policies import is_data_manager, is_person
from audit.denials import because
from datasets import policies, selectors, services, versions
from datasets.delivery import deliver
from datasets.models import Dataset, DiagnosisGroup, Release, ReleaseItem
from datasets.selectors import Card, Figures, FileRow, SourceCounts


class AgreementSerializer(serializers.ModelSerializer[Agreement]):
    """What has to be signed before files are granted: POST agreements/<id>/signature/."""

    class Meta:
        model = Agreement
        fields = ("id", "title", "version", "text", "sha256")


class GroupSerializer(serializers.ModelSerializer[DiagnosisGroup]):
    class Meta:
        model = DiagnosisGroup
        fields = ("class_id", "label", "subtype_prefix")


class FiguresSerializer(serializers.Serializer[Figures]):
    images = serializers.IntegerField()
    patients = serializers.IntegerField()
    hospitals = serializers.IntegerField()
    sources = serializers.IntegerField(help_text="Of a collection of masks, whose `images` are masks.")


class ReleaseSerializer(serializers.ModelSerializer[Release]):
    class Meta:
        model = Release
        fields = ("version", "changes", "status", "published_at", "deprecated_at", "deprecation_notice")


class DatasetSerializer(serializers.Serializer[Card]):
    kind = serializers.ChoiceField(source="dataset.kind", choices=Dataset.Kind.choices)
    slug = serializers.CharField(source="dataset.slug")
    origin = serializers.CharField(source="dataset.origin")
    title = serializers.CharField(source="dataset.title")
    summary = serializers.CharField(source="dataset.summary")
    licence = serializers.CharField(source="dataset.licence")
    groups = GroupSerializer(source="dataset.groups.all", many=True)
    latest_release = ReleaseSerializer(source="release", allow_null=True)
    figures = FiguresSerializer(allow_null=True)


class DatasetDetailSerializer(DatasetSerializer):
    description = serializers.CharField(source="dataset.description")
    licence_url = serializers.URLField(source="dataset.licence_url")
    citation = serializers.CharField(source="dataset.citation")
    agreement = AgreementSerializer(source="dataset.agreement")
    releases = ReleaseSerializer(source="dataset.published_releases", many=True)


class FileSerializer(serializers.Serializer[FileRow]):
    id = serializers.UUIDField(source="archive.pk")
    filename = serializers.CharField(source="archive.filename")
    content = serializers.CharField(source="archive.content")
    group = serializers.CharField(source="archive.group.label", default=None, allow_null=True)
    source = serializers.CharField(source="archive.source.source", default=None, allow_null=True)  # type: ignore[assignment]
    images = serializers.IntegerField(source="archive.items")
    size = serializers.IntegerField(source="archive.size")
    md5 = serializers.CharField(source="archive.md5")
    sha256 = serializers.CharField(source="archive.sha256")
    missing = serializers.SerializerMethodField(help_text="Why you may not download it; empty if you may.")
    url = serializers.SerializerMethodField(help_text="Only where you may download it.")

    @extend_schema_field(serializers.ListField(child=serializers.CharField()))
    def get_missing(self, row: FileRow) -> list[str]:
        return list(row.decision.codes)

    @extend_schema_field(serializers.URLField(allow_null=True))
    def get_url(self, row: FileRow) -> str | None:
        if not row.decision.allowed:
            return None
        address: str = self.context["request"].build_absolute_uri(
            reverse("api:archive_download", args=[row.archive.pk])
        )
        return address


class ReleaseDetailSerializer(ReleaseSerializer):
    figures = FiguresSerializer()
    files = FileSerializer(many=True)

    class Meta(ReleaseSerializer.Meta):
        fields = (*ReleaseSerializer.Meta.fields, "figures", "files")  # type: ignore[assignment]


class SourceSerializer(serializers.Serializer[SourceCounts]):
    source_id = serializers.IntegerField()
    source = serializers.CharField()  # type: ignore[assignment]
    licence = serializers.CharField(help_text="Of the masks.")
    description = serializers.CharField()
    url = serializers.CharField()
    citation = serializers.CharField()
    masks = serializers.IntegerField()
    images = serializers.IntegerField()
    sets = serializers.DictField(child=serializers.IntegerField(), help_text="Masks by set.")


class MaskSerializer(serializers.Serializer[ReleaseItem]):
    source = serializers.CharField(source="metadata.source")  # type: ignore[assignment]
    source_id = serializers.IntegerField(source="metadata.source_id")
    filename = serializers.CharField()
    set = serializers.CharField(source="metadata.set")
    image = serializers.CharField(source="metadata.image", allow_null=True)
    mask_convention = serializers.CharField(source="metadata.mask_convention", allow_null=True)
    image_licence = serializers.CharField(source="metadata.image_licence", allow_null=True)
    width = serializers.IntegerField(source="metadata.width")
    height = serializers.IntegerField(source="metadata.height")
    mask_sha256 = serializers.SerializerMethodField()

    def get_mask_sha256(self, item: ReleaseItem) -> str:
        digest: str = item.files["masks"][0]["sha256"]
        return digest


class NewReleaseSerializer(serializers.Serializer[Release]):
    version = serializers.CharField(max_length=13)
    changes = serializers.CharField(max_length=5000)

    def validate_version(self, version: str) -> str:
        if versions.parse(version) is None:
            raise serializers.ValidationError("A version is two numbers with a point between, e.g. 1.1.")
        return version


class DatasetList(APIView):
    permission_classes = [Public]

    @extend_schema(operation_id="datasets_list", responses=DatasetSerializer(many=True))
    def get(self, request: Request) -> Response:
        """The catalogue, page by page."""
        pages = PageNumberPagination()
        cards: Any = pages.paginate_queryset(selectors.catalogue(request.user), request, self)
        return pages.get_paginated_response(DatasetSerializer(cards, many=True).data)


class DatasetDetail(APIView):
    permission_classes = [Public]

    @extend_schema(responses=DatasetDetailSerializer)
    def get(self, request: Request, slug: str) -> Response:
        """One dataset with its groups and published releases."""
        get_object_or_404(policies.visible(request.user), slug=slug)
        (card,) = selectors.catalogue(request.user, slug=slug)
        return Response(DatasetDetailSerializer(card).data)


class ReleaseDetail(APIView):
    permission_classes = [Public]

    @extend_schema(responses=ReleaseDetailSerializer)
    def get(self, request: Request, slug: str, version: str) -> Response:
        """One published release with its files: sizes and checksums for everybody, addresses for those who may."""
        releases = selectors.published().filter(dataset__in=policies.visible(request.user))
        release = get_object_or_404(releases.select_related("dataset__agreement"), dataset__slug=slug, version=version)
        release.figures = selectors.figures([release])[release.pk]  # type: ignore[attr-defined]
        release.files = selectors.file_rows(request.user, release)  # type: ignore[attr-defined]
        return Response(ReleaseDetailSerializer(release, context={"request": request}).data)


def _collection(request: Request, slug: str, version: str) -> Release:
    releases = selectors.published().filter(dataset__in=policies.visible(request.user))
    return get_object_or_404(
        releases.select_related("dataset__agreement"),
        dataset__slug=slug,
        dataset__kind=Dataset.Kind.SEGMENTATION,
        version=version,
    )


class SourceList(APIView):
    permission_classes = [Public]

    @extend_schema(responses=SourceSerializer(many=True))
    def get(self, request: Request, slug: str, version: str) -> Response:
        """The sources of a released collection of masks, with their counts."""
        sources: Any = selectors.released_sources(_collection(request, slug, version))
        return Response(SourceSerializer(sources, many=True).data)


class MaskList(APIView):
    permission_classes = [Allow(is_person, scope="download")]

    @extend_schema(operation_id="masks_list", responses=MaskSerializer(many=True))
    def get(self, request: Request, slug: str, version: str) -> Response:
        """The masks of a released collection, page by page, for those who may download them."""
        release = _collection(request, slug, version)
        decision = policies.may_see_masks(request.user, release.dataset)
        if not decision.allowed:
            return refused(request, decision)
        pages = PageNumberPagination()
        items: Any = pages.paginate_queryset(selectors.released_masks(release), request, self)
        return pages.get_paginated_response(MaskSerializer(items, many=True).data)


class ReleaseCreate(APIView):
    permission_classes = [Allow(is_data_manager, scope="manage")]

    @extend_schema(
        request=NewReleaseSerializer,
        responses={201: ReleaseSerializer, 409: OpenApiResponse(description="Nothing new, or the version won't do.")},
    )
    def post(self, request: Request, slug: str) -> Response:
        """Freezes every accepted image under a new version; it is public once its archives are built."""
        dataset = get_object_or_404(Dataset, slug=slug)
        wanted = NewReleaseSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        try:
            release = services.publish_release(
                manager=request.user,  # type: ignore[arg-type]
                dataset=dataset,
                **wanted.validated_data,
            )
        except services.PublishRefused as error:
            return Response({"detail": str(error)}, status=status.HTTP_409_CONFLICT)
        return Response(ReleaseSerializer(release).data, status=status.HTTP_201_CREATED)


def refused(request: Request, decision: policies.Decision, *, recorded: bool = False) -> Response:
    """What is missing, in codes and in words, the next step first. `recorded`: in the audit trail already."""
    because(request, *decision.codes, recorded=recorded)
    reasons = [
        {"code": reason.code, "words": str(reason.words), "url": request.build_absolute_uri(reason.url)}
        for reason in decision.reasons
    ]
    body = {"detail": str(decision.reasons[0].words), "reasons": reasons}
    return Response(body, status=status.HTTP_403_FORBIDDEN)


class _AnyType(DefaultContentNegotiation):
    """An archive has one form; whatever the client accepts gets it (and a refusal as JSON)."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


class ArchiveDownload(APIView):
    permission_classes = [Allow(is_person, scope="download")]
    content_negotiation_class = _AnyType

    @extend_schema(
        responses={
            (200, "application/octet-stream"): OpenApiTypes.BINARY,
            (206, "application/octet-stream"): OpenApiTypes.BINARY,
            403: OpenApiResponse(description="What is missing: codes, words and the page of the next step."),
        }
    )
    def get(self, request: Request, archive_id: UUID) -> HttpResponseBase:
        """The bytes of a file, or one range of them: send `Range`, and `If-Range` with the ETag, to resume."""
        archive = get_object_or_404(selectors.listed_archives(request.user), pk=archive_id)
        decision = policies.may_download(request.user, archive)
        if decision.grant is None:
            services.refuse_download(user=request.user, archive=archive, codes=decision.codes)  # type: ignore[arg-type]
            return refused(request, decision, recorded=True)
        return deliver(request, request.user, archive, decision.grant)  # type: ignore[arg-type]

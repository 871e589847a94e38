"""The back office. Datasets and groups are changed on the pages of data managers, which keep the audit trail; what is
evidence or frozen is for reading only."""

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from datasets.models import (
    Archive,
    Dataset,
    DiagnosisGroup,
    Download,
    Patient,
    Radiograph,
    Release,
    ReleaseItem,
    SegmentationEntry,
    SegmentationSource,
)


class ReadOnly(ModelAdmin):  # type: ignore[misc]
    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(Dataset)
class DatasetAdmin(ReadOnly):
    list_display = ("title", "kind", "slug", "origin", "agreement", "is_public")
    list_filter = ("kind",)


@admin.register(DiagnosisGroup)
class DiagnosisGroupAdmin(ReadOnly):
    list_display = ("dataset", "class_id", "label", "subtype_prefix")
    list_select_related = ("dataset",)


@admin.register(Patient)
class PatientAdmin(ReadOnly):
    list_display = ("hospital", "number")
    list_filter = ("hospital",)
    list_select_related = ("hospital",)
    exclude = ("key_hash",)


@admin.register(Radiograph)
class RadiographAdmin(ReadOnly):
    list_display = ("filename", "dataset", "group", "quality", "status", "accepted_at")
    list_filter = ("dataset", "quality", "status")
    list_select_related = ("dataset", "group")
    search_fields = ("filename",)
    show_full_result_count = False


@admin.register(SegmentationSource)
class SegmentationSourceAdmin(ReadOnly):
    list_display = ("dataset", "source_id", "source", "licence", "images_ours")
    list_select_related = ("dataset",)


@admin.register(SegmentationEntry)
class SegmentationEntryAdmin(ReadOnly):
    list_display = ("filename", "dataset", "source", "set", "convention", "licence", "imported_at")
    list_filter = ("dataset", "set")
    list_select_related = ("dataset", "source")
    search_fields = ("filename",)
    exclude = ("patient_hash",)
    show_full_result_count = False


@admin.register(Release)
class ReleaseAdmin(ReadOnly):
    list_display = ("dataset", "version", "status", "created_at", "published_at")
    list_select_related = ("dataset",)


@admin.register(ReleaseItem)
class ReleaseItemAdmin(ReadOnly):
    list_display = ("filename", "release", "group")
    list_select_related = ("release", "group")
    search_fields = ("filename",)
    show_full_result_count = False


@admin.register(Archive)
class ArchiveAdmin(ReadOnly):
    list_display = ("filename", "release", "content", "items", "size", "status", "attempts")
    list_filter = ("status", "content")
    list_select_related = ("release",)


@admin.register(Download)
class DownloadAdmin(ReadOnly):
    list_display = ("at", "user", "archive", "first_byte", "last_byte", "bytes_sent")
    list_select_related = ("user", "archive")
    date_hierarchy = "at"
    show_full_result_count = False

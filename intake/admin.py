from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from intake.models import DescriptionRow, StageRun, UploadBatch, UploadedFile


class ReadOnly(ModelAdmin):  # type: ignore[misc]  # unfold has no types
    """Evidence: to be looked at in the back office, changed by nobody there."""

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(UploadBatch)
class UploadBatchAdmin(ReadOnly):
    list_display = ["id", "hospital", "dataset", "user", "created_at"]
    list_filter = ["hospital", "dataset"]
    list_select_related = ["hospital", "dataset", "user"]


@admin.register(UploadedFile)
class UploadedFileAdmin(ReadOnly):
    list_display = ["id", "hospital", "stage", "stage_since", "attempts", "reason_code", "purged_at"]
    list_filter = ["stage", "hospital", "reason_code"]
    list_select_related = ["hospital"]
    # The name and the patient's code are the hospital's.
    exclude = ["sealed_name", "patient_key_hash", "patient_key_id"]


@admin.register(StageRun)
class StageRunAdmin(ReadOnly):
    list_display = ["file_id", "stage", "attempt", "status", "started_at", "finished_at", "reason_code"]
    list_filter = ["status", "stage"]


@admin.register(DescriptionRow)
class DescriptionRowAdmin(ReadOnly):
    list_display = ["id", "batch", "number", "state", "file", "created_at"]
    list_filter = ["state"]
    list_select_related = ["batch", "file"]
    fields = ["batch", "number", "state", "file", "created_at"]

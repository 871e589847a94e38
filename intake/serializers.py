"""The shapes of intake's API."""

from typing import Any

from rest_framework import serializers

from accounts.models import Hospital
from intake import names, policies, words
from intake.models import UploadBatch, UploadedFile
from intake.selectors import open_datasets


class BatchSerializer(serializers.ModelSerializer[UploadBatch]):
    hospital = serializers.SlugRelatedField[Any]("number", queryset=Hospital.objects.none())
    dataset = serializers.SlugRelatedField[Any]("slug", queryset=open_datasets())
    files = serializers.IntegerField(source="file_count", read_only=True)
    moving = serializers.IntegerField(read_only=True, help_text="Files that the workers are not done with.")
    waiting = serializers.IntegerField(read_only=True, help_text="Files that wait for a curator.")
    set_aside = serializers.IntegerField(read_only=True)
    accepted = serializers.IntegerField(read_only=True)
    rejected = serializers.IntegerField(read_only=True)

    class Meta:
        model = UploadBatch
        fields = [
            "id",
            "title",
            "hospital",
            "dataset",
            "created_at",
            "files",
            "moving",
            "waiting",
            "set_aside",
            "accepted",
            "rejected",
        ]
        read_only_fields = ["created_at"]

    def get_fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = super().get_fields()
        if "request" in self.context:  # not where the schema is drawn up
            fields["hospital"].queryset = policies.hospitals_of(self.context["request"].user)
        return fields


class UploadedFileSerializer(serializers.ModelSerializer[UploadedFile]):
    name = serializers.SerializerMethodField(help_text="As your hospital named it; null once it was purged.")
    batch = serializers.PrimaryKeyRelatedField[Any](read_only=True)
    class_id = serializers.IntegerField(source="group.class_id", read_only=True, allow_null=True)
    reason = serializers.SerializerMethodField()
    quality_reasons = serializers.SerializerMethodField(help_text="Why the quality check proposes Bad, in words.")
    filename = serializers.CharField(
        source="radiograph.filename", read_only=True, default=None, help_text="In the dataset, once it is accepted."
    )

    class Meta:
        model = UploadedFile
        fields = [
            "id",
            "batch",
            "name",
            "size",
            "sha256",
            "received_at",
            "class_id",
            "sex",
            "age",
            "smoke",
            "smoke_packyears",
            "stage",
            "stage_since",
            "attempts",
            "reason_code",
            "reason",
            "facts",
            "deid_report",
            "assessment",
            "quality_reasons",
            "verdict_at",
            "filename",
            "purged_at",
        ]

    def get_name(self, file: UploadedFile) -> str | None:
        return names.reveal(file.sealed_name) or None

    def get_quality_reasons(self, file: UploadedFile) -> list[str]:
        return [str(reason) for reason in words.quality_reasons(file.assessment)]

    def get_reason(self, file: UploadedFile) -> str:
        return words.reason(file)


class UploadSerializer(serializers.Serializer[Any]):
    """Many files with one description, as multipart/form-data."""

    files = serializers.ListField(child=serializers.FileField())
    class_id = serializers.IntegerField(required=False, help_text="Unless the table names the class of every file.")
    patient_key = serializers.CharField(required=False)
    sex = serializers.CharField(required=False)
    age = serializers.IntegerField(required=False)
    smoke = serializers.CharField(required=False)
    smoke_packyears = serializers.DecimalField(5, 1, required=False)
    table = serializers.FileField(required=False, help_text="CSV: filename, class, sex, age, smoke, ...")


class TakenFileSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    id = serializers.UUIDField()


class RefusedFileSerializer(serializers.Serializer[Any]):
    name = serializers.CharField()
    message = serializers.CharField()


class ProblemSerializer(serializers.Serializer[Any]):
    row = serializers.IntegerField()
    column = serializers.CharField()
    message = serializers.CharField()


class TakenSerializer(serializers.Serializer[Any]):
    files = TakenFileSerializer(many=True)
    refused = RefusedFileSerializer(many=True)
    problems = ProblemSerializer(many=True)


class TableUploadSerializer(serializers.Serializer[Any]):
    """A table, as multipart/form-data."""

    table = serializers.FileField(
        help_text="CSV (UTF-8) or XLSX with the columns filename (name or path) or sop_instance_uid, and any of class, "
        "patient_key, sex, age, birth_date, examination_date, smoke, smoke_packyears; English or Polish headings."
    )


class PlanSerializer(serializers.Serializer[Any]):
    """What a table does. With problems nothing was done."""

    applied = serializers.BooleanField(help_text="False for a dry run, too.")
    rows = serializers.IntegerField(source="row_count")
    files = serializers.IntegerField(source="file_count", help_text="Files that are there and that a row describes.")
    waiting = serializers.IntegerField(help_text="Rows whose file is still to come.")
    undescribed = serializers.IntegerField(help_text="Files that are there, without a diagnosis and without a row.")
    changed = serializers.IntegerField(help_text="Files that the table has changed.")
    problems = ProblemSerializer(many=True)
    notes = ProblemSerializer(many=True, help_text="Worth a look, e.g. where the file's header says something else.")

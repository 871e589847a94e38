"""The shapes of curation's API."""

from typing import Any

from rest_framework import serializers

from datasets.models.collection import Quality
from intake.models import Priority, UploadedFile
from intake.words import REJECTIONS


class CandidateSerializer(serializers.ModelSerializer[UploadedFile]):
    dataset = serializers.CharField(source="batch.dataset.slug", read_only=True)
    hospital = serializers.IntegerField(source="hospital.number", read_only=True)
    class_id = serializers.IntegerField(source="group.class_id", read_only=True)
    doubtful = serializers.SerializerMethodField(help_text="Text may be in the picture, or the quality is Bad.")

    class Meta:
        model = UploadedFile
        fields = [
            "id",
            "dataset",
            "hospital",
            "class_id",
            "sex",
            "age",
            "smoke",
            "smoke_packyears",
            "received_at",
            "doubtful",
            "facts",
            "deid_report",
            "segmentation",
            "assessment",
        ]

    def get_doubtful(self, file: UploadedFile) -> bool:
        return file.priority != Priority.ORDINARY


class VerdictSerializer(serializers.Serializer[Any]):
    verdict = serializers.ChoiceField(["accept", "reject"])
    quality = serializers.ChoiceField(Quality.choices, required=False, help_text="With accept.")
    no_text_seen = serializers.BooleanField(
        default=False, help_text="With accept: you looked, and no text in the picture identifies the patient."
    )
    picture = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=64,
        help_text="With accept: deid_report.output.sha256 as you looked at it; refused if it was rewritten meanwhile.",
    )
    code = serializers.ChoiceField(list(REJECTIONS), default="other", help_text="With reject.")
    reason = serializers.CharField(default="", allow_blank=True, max_length=1000, help_text="With reject.")


class BoxSerializer(serializers.Serializer[Any]):
    left = serializers.IntegerField(min_value=0, help_text="Pixels of the stored picture, as all four.")
    top = serializers.IntegerField(min_value=0)
    width = serializers.IntegerField(min_value=1)
    height = serializers.IntegerField(min_value=1)
    painted = serializers.BooleanField(default=True)


class BoxesSerializer(serializers.Serializer[Any]):
    boxes = serializers.ListField(
        child=BoxSerializer(),
        max_length=1000,
        help_text="Those of deid_report.text with `painted` as you want it, and any of your own.",
    )
    picture = serializers.CharField(
        default="",
        allow_blank=True,
        max_length=64,
        help_text="deid_report.output.sha256 as you looked at it; refused if it was rewritten meanwhile.",
    )


class JudgedSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    stage = serializers.CharField()
    filename = serializers.CharField(allow_null=True, help_text="In the dataset, if it was accepted.")

"""The shapes of curation's API."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from curation.quality import Scales, proposal
from datasets.models.collection import Quality
from imaging.outliers import Scale
from intake.models import Priority, UploadedFile
from intake.words import REJECTIONS


class ReasonSerializer(serializers.Serializer[Any]):
    code = serializers.CharField()
    words = serializers.CharField()
    confidence = serializers.FloatField(allow_null=True, help_text="0..1; null where it has none.")


class CandidateSerializer(serializers.ModelSerializer[UploadedFile]):
    dataset = serializers.CharField(source="batch.dataset.slug", read_only=True)
    hospital = serializers.IntegerField(source="hospital.number", read_only=True)
    class_id = serializers.IntegerField(source="group.class_id", read_only=True)
    proposed_quality = serializers.SerializerMethodField(help_text="Good or Bad, as the quality check proposes it.")
    reasons = serializers.SerializerMethodField(help_text="Why it proposes Bad, the most serious first.")
    score_normalised = serializers.SerializerMethodField(
        help_text="The score on the scale of the dataset's accepted images, 0..1; null without lungs."
    )
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
            "proposed_quality",
            "reasons",
            "score_normalised",
            "facts",
            "deid_report",
            "segmentation",
            "assessment",
        ]

    def _scale(self, file: UploadedFile) -> Scale:
        scales: Scales = self.context["scales"]
        return scales[file.batch.dataset_id]

    def get_proposed_quality(self, file: UploadedFile) -> str:
        return proposal(file, self._scale(file)).quality

    @extend_schema_field(ReasonSerializer(many=True))
    def get_reasons(self, file: UploadedFile) -> list[dict[str, Any]]:
        sure = file.assessment.get("findings", {})
        return [
            {"code": reason.code, "words": reason.words, "confidence": sure.get(reason.code)}
            for reason in proposal(file, self._scale(file)).reasons
        ]

    def get_score_normalised(self, file: UploadedFile) -> float | None:
        score = file.assessment.get("score")
        return round(self._scale(file).normalised(score), 4) if score else None

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

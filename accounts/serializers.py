"""The shapes of the API. They check form, never permission; `services` decide."""

from typing import Any

from django.apps import apps
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from accounts.models import AccessGrant, AccessRequest, Hospital, Invitation, Signature, User


class GrantSerializer(serializers.ModelSerializer[AccessGrant]):
    dataset = serializers.SlugRelatedField[Any]("slug", read_only=True)
    groups = serializers.SlugRelatedField[Any]("class_id", many=True, read_only=True)

    class Meta:
        model = AccessGrant
        fields = ["id", "dataset", "groups", "created_at", "expires_at", "revoked_at", "revoked_reason"]


class MeSerializer(serializers.ModelSerializer[User]):
    hospitals = serializers.SlugRelatedField[Any]("number", many=True, read_only=True)
    grants = GrantSerializer(source="access_grants", many=True, read_only=True)

    class Meta:
        model = User
        fields = [
            "id",
            "name",
            "email",
            "institution",
            "country",
            "is_curator",
            "is_data_manager",
            "hospitals",
            "grants",
        ]


class AccessRequestSerializer(serializers.ModelSerializer[AccessRequest]):
    """A request as it stands; `person` is the one who asked, `groups` are class ids."""

    dataset = serializers.SlugRelatedField[Any]("slug", read_only=True)
    groups = serializers.SlugRelatedField[Any]("class_id", many=True, read_only=True)
    person = serializers.CharField(source="user.name", read_only=True)
    institution = serializers.CharField(source="user.institution", read_only=True)

    class Meta:
        model = AccessRequest
        fields = [
            "id",
            "dataset",
            "groups",
            "person",
            "institution",
            "project",
            "purpose",
            "status",
            "reason",
            "created_at",
            "decided_at",
        ]
        read_only_fields = fields


class AskSerializer(serializers.Serializer[AccessRequest]):
    dataset = serializers.SlugField(help_text="The dataset's short name.")
    groups = serializers.ListField(
        child=serializers.IntegerField(min_value=1),
        default=list,
        help_text="Class ids of the dataset's groups; none for a collection of masks, which is granted as a whole.",
    )
    project = serializers.CharField(max_length=200)
    purpose = serializers.CharField(max_length=4000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        # accounts may not import datasets, which lies above it.
        datasets = apps.get_model("datasets", "Dataset")._default_manager.filter(is_public=True)
        dataset = datasets.select_related("agreement").filter(slug=attrs["dataset"]).first()
        if dataset is None:
            raise serializers.ValidationError({"dataset": _("There is no such dataset in the catalogue.")})
        groups = list(dataset.groups.filter(class_id__in=attrs["groups"]))
        if len(groups) != len(set(attrs["groups"])):
            raise serializers.ValidationError({"groups": _("The dataset has no such group.")})
        return {**attrs, "dataset": dataset, "groups": groups}


class DecisionSerializer(serializers.Serializer[AccessRequest]):
    decision = serializers.ChoiceField(choices=["grant", "refuse"])
    reason = serializers.CharField(max_length=4000, required=False, allow_blank=True, default="")
    days = serializers.IntegerField(required=False, min_value=1, allow_null=True, default=None)


class SignSerializer(serializers.Serializer[Signature]):
    typed_name = serializers.CharField(max_length=150)
    institution = serializers.CharField(max_length=250)
    agree = serializers.BooleanField(help_text="Has to be true: 'I have read this agreement and I am bound by it.'")

    def validate_agree(self, value: bool) -> bool:
        if not value:
            raise serializers.ValidationError(_("Nothing is signed without agreeing."))
        return value


class SignatureSerializer(serializers.ModelSerializer[Signature]):
    class Meta:
        model = Signature
        fields = ["agreement", "text_sha256", "typed_name", "institution", "at"]
        read_only_fields = fields


class InvitationSerializer(serializers.ModelSerializer[Invitation]):
    hospitals = serializers.SlugRelatedField(
        "number",
        queryset=Hospital.objects.all(),
        many=True,
        allow_empty=False,
        help_text="The hospitals' numbers, hospital_id in the metadata.",
    )
    days = serializers.IntegerField(
        required=False, min_value=1, max_value=90, write_only=True, help_text="How long the link works."
    )

    class Meta:
        model = Invitation
        fields = ["id", "email", "hospitals", "days", "created_at", "expires_at"]
        read_only_fields = ["id", "created_at", "expires_at"]

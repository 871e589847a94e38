"""The shapes of the API. They check form, never permission; `services` decide."""

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from accounts.access_serializers import GrantSerializer
from accounts.models import Hospital, Invitation, Signature, User


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

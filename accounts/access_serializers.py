"""The shapes of requests and decisions. They check form, never permission; `services` decide."""

from typing import Any

from django.apps import apps
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from accounts.models import AccessGrant, AccessRequest, Content, RequestMessage


class GrantSerializer(serializers.ModelSerializer[AccessGrant]):
    dataset = serializers.SlugRelatedField[Any]("slug", read_only=True)
    groups = serializers.SlugRelatedField[Any]("class_id", many=True, read_only=True)
    contents = serializers.ListField(child=serializers.ChoiceField(Content.choices), read_only=True)

    class Meta:
        model = AccessGrant
        fields = [
            "id",
            "dataset",
            "groups",
            "contents",
            "request",
            "created_at",
            "expires_at",
            "revoked_at",
            "revoked_reason",
            "ended_by",
        ]
        read_only_fields = fields


class AccessRequestSerializer(serializers.ModelSerializer[AccessRequest]):
    """A request as it stands; `person` is the one who asked, `groups` are class ids, `grant` what came of it."""

    dataset = serializers.SlugRelatedField[Any]("slug", read_only=True)
    groups = serializers.SlugRelatedField[Any]("class_id", many=True, read_only=True)
    contents = serializers.ListField(child=serializers.ChoiceField(Content.choices), read_only=True)
    person = serializers.CharField(source="user.name", read_only=True)
    institution = serializers.CharField(source="user.institution", read_only=True)
    grant = serializers.SerializerMethodField()

    class Meta:
        model = AccessRequest
        fields = [
            "id",
            "dataset",
            "groups",
            "contents",
            "person",
            "institution",
            "project",
            "purpose",
            "achieved",
            "renews",
            "status",
            "reason",
            "created_at",
            "submitted_at",
            "decided_at",
            "grant",
        ]
        read_only_fields = fields

    def get_grant(self, row: AccessRequest) -> int | None:
        """The id of the grant, null where nothing was granted."""
        grant = getattr(row, "grant", None)
        return None if grant is None else int(grant.pk)


def _groups(dataset: Any, numbers: list[int]) -> list[Any]:
    groups = list(dataset.groups.filter(class_id__in=numbers))
    if len(groups) != len(set(numbers)):
        raise serializers.ValidationError({"groups": _("The dataset has no such group.")})
    return groups


class AskSerializer(serializers.Serializer[AccessRequest]):
    dataset = serializers.SlugField(help_text="The dataset's short name.")
    groups = serializers.ListField(
        child=serializers.IntegerField(min_value=1),
        default=list,
        help_text="Class ids of the dataset's groups; none for a collection of masks, which is granted as a whole.",
    )
    contents = serializers.MultipleChoiceField(
        choices=Content.choices,
        default=lambda: set(Content.values),
        help_text="What you need of the images; default: all.",
    )
    project = serializers.CharField(max_length=200)
    purpose = serializers.CharField(max_length=4000)
    draft = serializers.BooleanField(default=False, help_text="Keep it without sending it.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        # accounts may not import datasets, which lies above it.
        datasets = apps.get_model("datasets", "Dataset")._default_manager.filter(is_public=True)
        dataset = datasets.select_related("agreement").filter(slug=attrs["dataset"]).first()
        if dataset is None:
            raise serializers.ValidationError({"dataset": _("There is no such dataset in the catalogue.")})
        return {**attrs, "dataset": dataset, "groups": _groups(dataset, attrs["groups"])}


class ChangeSerializer(serializers.Serializer[AccessRequest]):
    """What of a draft is changed; the rest stays."""

    groups = serializers.ListField(child=serializers.IntegerField(min_value=1), required=False)
    contents = serializers.MultipleChoiceField(choices=Content.choices, required=False)
    project = serializers.CharField(max_length=200, required=False, allow_blank=True)
    purpose = serializers.CharField(max_length=4000, required=False, allow_blank=True)
    achieved = serializers.CharField(max_length=4000, required=False, allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "groups" in attrs:
            return {**attrs, "groups": _groups(self.context["dataset"], attrs["groups"])}
        return attrs


class DecisionSerializer(serializers.Serializer[AccessRequest]):
    decision = serializers.ChoiceField(choices=["grant", "refuse", "ask"])
    reason = serializers.CharField(max_length=4000, required=False, allow_blank=True, default="")
    days = serializers.IntegerField(required=False, min_value=1, allow_null=True, default=None)
    groups = serializers.ListField(
        child=serializers.IntegerField(min_value=1),
        allow_null=True,
        default=None,
        help_text="Class ids to grant; default: all that were asked for.",
    )
    contents = serializers.MultipleChoiceField(
        choices=Content.choices,
        allow_null=True,
        default=None,
        help_text="What to grant; default: all that was asked for.",
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["groups"] is not None:
            return {**attrs, "groups": _groups(self.context["dataset"], attrs["groups"])}
        return attrs


class RenewalSerializer(serializers.Serializer[AccessRequest]):
    achieved = serializers.CharField(max_length=4000, help_text="What was done so far, in a few sentences.")


class MessageSerializer(serializers.ModelSerializer[RequestMessage]):
    """A line of the conversation. `author` is `researcher` or `reviewer`."""

    author = serializers.SerializerMethodField()

    class Meta:
        model = RequestMessage
        fields = ["id", "author", "text", "at"]
        read_only_fields = ["id", "at"]

    def get_author(self, message: RequestMessage) -> str:
        return "researcher" if message.author_id == message.request.user_id else "reviewer"

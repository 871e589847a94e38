"""Forms of those who decide about requests."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts import services
from accounts.fields import RowsField
from accounts.models import AccessRequest, Content, ReasonTemplate
from accounts.widgets import TextArea


class MessageForm(forms.Form):
    text = forms.CharField(
        label=_("Message"),
        max_length=4000,
        widget=TextArea(attrs={"rows": 3}),
        error_messages={"required": _("Write a message first.")},
    )


class DecisionForm(forms.Form):
    """The decision about one request; of what was asked for, less can be ticked."""

    DECISIONS = [("grant", _("Grant")), ("ask", _("Ask for more information")), ("refuse", _("Refuse"))]

    decision = forms.ChoiceField(label=_("Decision"), choices=DECISIONS, widget=forms.RadioSelect)
    groups: Any = RowsField(
        label=_("Groups to grant"),
        queryset=None,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Untick what should not be granted."),
    )
    contents = forms.MultipleChoiceField(label=_("Files to grant"), required=False, widget=forms.CheckboxSelectMultiple)
    days = forms.IntegerField(
        label=_("Valid for (days)"),
        min_value=1,
        max_value=services.MAX_GRANT_DAYS,
        required=False,
        help_text=_("Counts only where access is granted."),
    )
    template = forms.ModelChoiceField(
        label=_("Template"),
        queryset=ReasonTemplate.objects.none(),
        required=False,
        empty_label=_("No template"),
        help_text=_("“Use the template” puts its words below, where you can change them. Nothing is decided by that."),
    )
    reason = forms.CharField(
        label=_("Reason or question"),
        required=False,
        max_length=4000,
        widget=TextArea(attrs={"rows": 5}),
        help_text=_("The researcher reads it. A refusal and a question need one."),
    )

    def __init__(self, *args: Any, asked: AccessRequest, templates: Any, **kwargs: Any) -> None:
        groups = asked.groups.all()
        kwargs["initial"] = {
            "groups": [group.pk for group in groups],
            "contents": asked.contents,
            "days": services.default_days(asked),
            **kwargs.get("initial", {}),
        }
        super().__init__(*args, **kwargs)
        fields: dict[str, Any] = self.fields
        fields["groups"].queryset = groups
        fields["contents"].choices = [(code, label) for code, label in Content.choices if code in asked.contents]
        fields["template"].queryset = templates
        fields["groups"].needed_later = fields["contents"].needed_later = True  # where it is granted
        if asked.dataset.is_segmentation:
            del self.fields["groups"]
        if not templates:
            del self.fields["template"]

    def clean(self) -> dict[str, Any]:
        return {"groups": None, **(super().clean() or {})}


class ReasonForm(forms.Form):
    reason = forms.CharField(
        label=_("Reason"),
        max_length=4000,
        widget=TextArea(attrs={"rows": 2}),
        help_text=_("The researcher reads it."),
        error_messages={"required": _("Give the reason for revoking. The researcher will read it.")},
    )


class TemplateForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = ReasonTemplate
        fields = ("use", "title", "text", "dataset")
        widgets = {"text": TextArea(attrs={"rows": 4})}

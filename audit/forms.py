import re
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.apps import apps
from django.contrib.auth import get_user_model
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from audit.actions import ACTIONS, AREAS
from audit.selectors import Filters

_THING = re.compile(r"(?:([a-z]+\.[a-z]+):)?([0-9A-Za-z-]{1,64})")


def _actions() -> list[tuple[Any, Any]]:
    areas = [(label, list(actions.items())) for label, actions in AREAS.values()]
    return [("", _("All actions")), *areas]


def _datasets() -> list[tuple[Any, Any]]:
    rows = apps.get_model("datasets", "Dataset")._base_manager.order_by("title").values_list("pk", "title")
    return [("", _("All datasets")), *rows]


class FilterForm(forms.Form):
    person = forms.CharField(label=_("Person: number or e-mail"), required=False, max_length=254)
    action = forms.CharField(label=_("Action"), required=False, max_length=64)
    dataset = forms.TypedChoiceField(
        label=_("Dataset"), required=False, choices=_datasets, coerce=int, empty_value=None
    )
    object = forms.CharField(label=_("Id of the thing"), required=False, max_length=130)
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["action"].widget = forms.Select(choices=_actions())

    def clean_person(self) -> int | None:
        typed = self.cleaned_data["person"].strip()
        if not typed:
            return None
        if typed.isdecimal() and len(typed) < 19:
            return int(typed)
        found = get_user_model()._base_manager.filter(email__iexact=typed).values_list("pk", flat=True).first()
        if found is None:
            raise forms.ValidationError(_("Nobody has this number or address."))
        return int(found)

    def clean_action(self) -> str:
        action: str = self.cleaned_data["action"]
        if action and action not in ACTIONS:
            raise forms.ValidationError(_("There is no such action."))
        return action

    def clean_object(self) -> tuple[str, str] | None:
        typed = self.cleaned_data["object"].strip()
        if not typed:
            return None
        if (match := _THING.fullmatch(typed)) is None:
            raise forms.ValidationError(_("An id has letters, digits and hyphens."))
        return match[1] or "", match[2]

    def filters(self) -> Filters | None:
        """What was chosen; None where it makes no sense."""
        if not self.is_valid():
            return None
        chosen = self.cleaned_data
        return Filters(
            person=chosen["person"],
            action=chosen["action"],
            dataset=chosen["dataset"],
            thing=chosen["object"],
            since=_midnight(chosen["since"]),
            until=_midnight(chosen["until"], days=1),
        )


def _midnight(day: Any, days: int = 0) -> datetime | None:
    """The beginning of the day, or of one `days` later, where the portal is."""
    return None if day is None else timezone.make_aware(datetime.combine(day + timedelta(days=days), time.min))

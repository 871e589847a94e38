from typing import Any

from django import forms
from django.core.exceptions import ValidationError


class RowsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Rows that the database numbers. A number that no row can have is no choice, where Django would fail on it."""

    def clean(self, value: Any) -> Any:
        for number in value or []:
            if len(str(number)) > 18:
                raise ValidationError(
                    self.error_messages["invalid_choice"],
                    code="invalid_choice",
                    params={"value": str(number)[:18] + "…"},
                )
        return super().clean(value)

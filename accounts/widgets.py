from collections.abc import Mapping
from typing import Any

from django import forms


class TextArea(forms.Textarea):
    """A text of several lines. Browsers end lines with CR LF, the portal with LF: otherwise a text that nobody touched
    would differ from the one that is stored."""

    def value_from_datadict(self, data: Mapping[str, Any], files: Any, name: str) -> Any:
        value = super().value_from_datadict(data, files, name)
        return value.replace("\r\n", "\n").replace("\r", "\n") if isinstance(value, str) else value

from collections.abc import Iterable

from django import template

from accounts.models import Content

register = template.Library()


@register.filter
def content_labels(contents: Iterable[str]) -> str:
    """The contents of a request or grant in words, in their usual order."""
    return "; ".join(str(label) for code, label in Content.choices if code in contents) or "–"

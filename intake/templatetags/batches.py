"""What templates want to know of a batch beyond its row."""

from django import template

from intake import selectors
from intake.models import UploadBatch

register = template.Library()


@register.simple_tag
def batch_counts(batch: UploadBatch) -> selectors.Progress:
    """How many files are at which stage."""
    return selectors.progress(batch)

"""What mails and pages say of withdrawn images."""

from django import template

from accounts.models import User
from datasets.models import Tombstone, Withdrawal
from datasets.selectors.holding import held_by

register = template.Library()


@register.simple_tag
def withdrawn_files(withdrawal: Withdrawal, recipient: User) -> list[Tombstone]:
    """The images of `withdrawal` that the recipient has downloaded."""
    return held_by(withdrawal, recipient.pk)

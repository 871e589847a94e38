from typing import Any

from allauth.mfa.models import Authenticator
from django.core.management.base import BaseCommand
from django.db import transaction

from accounts import sealing
from audit.services import record


class Command(BaseCommand):
    help = "Seals every second factor with the first key of factors.key, so that older keys can be taken away."

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            count = sealing.change_rows(Authenticator, sealing.reseal)
            record("keys.rotated", key="factors", rows=count)
        self.stdout.write(f"Sealed {count} secrets and seeds. Only the first line of factors.key is needed now.")

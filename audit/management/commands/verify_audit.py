from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit.models import Event
from audit.services import faults


class Command(BaseCommand):
    help = "Checks the hash chain of the audit trail; exits with an error when a row was changed or is missing."

    def handle(self, *args: Any, **options: Any) -> None:
        found = 0
        for line in faults():
            found += 1
            self.stderr.write(line)
        if found:
            raise CommandError(f"{found} faults in the audit trail.")
        last = Event.objects.order_by("-number").first()
        self.stdout.write(
            f"The audit trail is sound: {last.number} events, last hash {last.hash}."
            if last
            else "The audit trail is empty."
        )

from itertools import islice
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit.models import Event
from audit.verification import Verification

SHOWN = 100


class Command(BaseCommand):
    help = "Checks the audit trail, row by row and against its anchors; exits with an error when anything is wrong."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--since", type=int, default=1, metavar="NUMBER", help="begin at this event")
        parser.add_argument(
            "--anchor", action="append", default=[], metavar="NUMBER:HASH", help="an anchor that you kept elsewhere"
        )

    def handle(self, *args: Any, since: int, anchor: list[str], **options: Any) -> None:
        verification = Verification(since)
        faults = iter(verification)
        found = 0
        for line in islice(faults, SHOWN):
            found += 1
            self.stderr.write(line)
        if (more := sum(1 for _ in faults)) > 0:
            self.stderr.write(f"… and {more} more.")
        for line in self._kept(anchor):
            found += 1
            self.stderr.write(line)
        if found:
            raise CommandError(f"{found + more} faults in the audit trail.")
        self.stdout.write(
            f"The audit trail is sound: {verification.events} events read, the last is {verification.last}, "
            f"its hash {verification.last_hash}."
            if verification.events
            else "The audit trail is empty."
        )
        self.stdout.write(
            f"{verification.anchors} anchors agree, up to event {verification.anchored}."
            if verification.anchors
            else "It was never anchored: the scheduler does it every hour, manage.py anchor_audit at once."
        )

    def _kept(self, given: list[str]) -> list[str]:
        faults = []
        for text in given:
            number, _, kept = text.partition(":")
            if not number.isdecimal() or len(kept) != 64:
                raise CommandError(f"An anchor is a number, a colon and 64 hexadecimal digits, not {text!r}.")
            hashes = Event.objects.filter(number=int(number)).values_list("hash", flat=True)
            if list(hashes) != [kept.lower()]:
                faults.append(f"Event {number} is not the one that you kept: it was changed, or cut off.")
        return faults

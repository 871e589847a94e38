from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from audit import anchoring, anchors


class Command(BaseCommand):
    help = "Writes down the last event of the audit trail outside the database, as the scheduler does every hour."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--restart",
            action="store_true",
            help="after a backup was restored: keep the old anchors under another name and begin anew",
        )

    def handle(self, *args: Any, restart: bool, **options: Any) -> None:
        if restart:
            anchoring.restart()
            self.stdout.write(f"New anchors begin in {anchors.path()}; the old ones lie beside them.")
            return
        try:
            written = anchors.write()
        except anchors.AnchorMismatchError as error:
            raise CommandError(f"{error} Nothing was written. Run verify_audit.") from None
        self.stdout.write(f"Anchored: {written.line()}" if written else "Nothing new to anchor.")

from typing import Any

from django.core.management.base import BaseCommand

from portal import demo


class Command(BaseCommand):
    help = "Makes the demo content through the real pipeline; the portal's workers must be running. May run again."

    def handle(self, *args: Any, **options: Any) -> None:
        demo.make(say=self._say)

    def _say(self, line: str) -> None:
        self.stdout.write("  " + line)
        self.stdout.flush()

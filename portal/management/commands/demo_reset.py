import shutil
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from portal.broker import is_running


class Command(BaseCommand):
    help = "Throws an embedded installation's data away: database, files, keys, mails."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--force", action="store_true", help="although it holds more than demo content")

    def handle(self, *args: Any, **options: Any) -> None:
        if is_running(settings.CXR_VALKEY_SOCKET):
            raise CommandError("The portal is running: stop it first (Ctrl-C where it was started).")
        if not settings.CXR_EMBEDDED or connection.vendor != "sqlite":
            raise CommandError("The database of this installation lies elsewhere: nothing is thrown away.")
        is_demo = (settings.CXR_VAR / "demo-password").exists()
        if (settings.CXR_VAR / "portal.sqlite3").exists() and not is_demo and not options["force"]:
            raise CommandError(f"{settings.CXR_VAR} holds no demo but somebody's data. Use --force if you mean it.")
        shutil.rmtree(settings.CXR_VAR, ignore_errors=True)
        self.stdout.write("The demo is gone; the next start makes a new one.")

import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from intake.listener.server import make_server


class Command(BaseCommand):
    help = "Listens for radiographs that hospitals' archives send over DICOM (C-STORE, C-ECHO)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default=settings.CXR_DICOM_HOST)
        parser.add_argument("--port", type=int, default=settings.CXR_DICOM_PORT, help="104 and 11112 are customary")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["port"]:
            raise CommandError("Set CXR_DICOM_PORT or give --port.")
        try:
            server = make_server(options["host"], options["port"])
        except (OSError, ValueError) as error:
            raise CommandError(f"The DICOM listener can't start: {error}") from error
        for number in (signal.SIGINT, signal.SIGTERM):
            # From a thread of its own: `shutdown` waits for the loop that the signal has interrupted.
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        secured = "TLS" if server.ssl_context is not None else "no TLS"
        self.stdout.write(
            f"{settings.CXR_DICOM_AE_TITLE} listens on {options['host']} port {server.server_address[1]} ({secured})"
        )
        self.stdout.flush()
        server.serve_forever()

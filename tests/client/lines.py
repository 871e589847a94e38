"""A line between a client and a portal that does what lines do."""

import socket
import threading
from contextlib import suppress


class Line:
    """Lets so many bytes down and then cuts, once, or (`freezes`) falls silent. The first connections get `answers`."""

    def __init__(
        self, port: int, lets: int = 1 << 60, *, freezes: bool = False, answers: tuple[bytes, ...] = ()
    ) -> None:
        self._target, self._freezes, self._answers = port, freezes, list(answers)
        self.left, self.passed = lets, 0
        self.stuck = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            if self._answers:
                client.recv(65_536)
                client.sendall(self._answers.pop(0))
                client.close()
                continue
            portal = socket.create_connection(("127.0.0.1", self._target))
            threading.Thread(target=self._up, args=(client, portal), daemon=True).start()
            threading.Thread(target=self._down, args=(portal, client), daemon=True).start()

    def _up(self, client: socket.socket, portal: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(16_384):
                portal.sendall(data)
        with suppress(OSError):
            portal.shutdown(socket.SHUT_RDWR)

    def _down(self, portal: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := portal.recv(16_384):
                self.left -= len(data)
                if self.left <= 0 and not self.stuck.is_set():
                    self.stuck.set()
                    if self._freezes:
                        return
                    break
                client.sendall(data)
                self.passed += len(data)
        with suppress(OSError):
            client.shutdown(socket.SHUT_RDWR)
            client.close()

    def close(self) -> None:
        self._server.close()

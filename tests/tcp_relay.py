"""A cable between a client and a server that a test can cut at a chosen word."""

from __future__ import annotations

import contextlib
import socket
import threading
import time


class Relay:
    """Passes bytes on to a port of this machine; use it in a `with` statement.

    Args:
        port: The server's.
        cut_after: When the client has sent these bytes, they are passed on, the server gets time
            to do what they say, and then both connections are cut before its answer comes through.
        times: How often.
    """

    def __init__(self, port: int, cut_after: bytes, times: int = 1) -> None:
        self._server, self._word, self.cuts_left = port, cut_after, times
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        self.armed = False

    def __enter__(self) -> Relay:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listening.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                server = socket.create_connection(("127.0.0.1", self._server))
                cut = threading.Event()
                for ends in ((client, server, True), (server, client, False)):
                    threading.Thread(target=self._pass_on, args=(*ends, cut), daemon=True).start()

    def _pass_on(
        self, source: socket.socket, target: socket.socket, asks: bool, cut: threading.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if not asks and cut.is_set():
                    continue
                if asks and self.armed and self.cuts_left and self._word in data:
                    self.cuts_left -= 1
                    cut.set()
                    target.sendall(data)
                    time.sleep(0.3)
                    break
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
                end.close()

"""Receivers of alarms over HTTP that do what a test says."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Receiver:
    """Takes messages on a port of this machine.

    Args:
        does: By number of the request, from 1: a status, "slow", "drip" (a byte of the answer at a
            time), or "endless" (an answer that does not end).
    """

    def __init__(self, does=lambda number: 204, headers=()):
        self.does, self.headers, self.port = does, dict(headers), 0
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.gone = threading.Event()

    def start(self):
        owner = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                owner.taken.append((dict(self.headers), body))
                does = owner.does(len(owner.taken))
                if does == "slow":
                    owner.gone.wait(20)
                    return
                try:
                    if does == "drip":
                        for byte in b"HTTP/1.1 204 No Content\r\n" + b"X-A: b\r\n" * 200:
                            self.wfile.write(bytes([byte]))
                            if owner.gone.wait(0.02):
                                return
                        return
                    self.send_response(200 if does == "endless" else does)
                    for name, value in owner.headers.items():
                        self.send_header(name, value)
                    self.end_headers()
                    while does == "endless" and not owner.gone.wait(0.01):
                        self.wfile.write(b"x" * 1000)
                except OSError:
                    pass  # the sender has gone, as it should

        self.gone.clear()
        self.http = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.http.daemon_threads = True
        self.port = self.http.server_address[1]
        self.thread = threading.Thread(target=self.http.serve_forever, args=(0.02,))
        self.thread.start()

    def stop(self):
        self.gone.set()
        self.http.shutdown()
        self.thread.join()
        self.http.server_close()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/hook/very-secret"

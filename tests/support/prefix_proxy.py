"""A reverse proxy as one finds it before a server: it has a path of its own, and takes it away.

On loopback, for tests. One request a connection, or a WebSocket; whatever is not under its prefix
is 404, so that an address which forgets the prefix is seen.
"""

from __future__ import annotations

import re
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

MISSING = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


@contextmanager
def prefix_proxy(port: int, prefix: str) -> Iterator[str]:
    """The address under which the server on `port` is then found, with a slash at its end."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with suppress(OSError):
                forward(self.request, port, prefix)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True
        allow_reuse_address = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}{prefix}/"
        finally:
            server.shutdown()
            thread.join()


def forward(client: socket.socket, port: int, prefix: str) -> None:
    head = b""
    while b"\r\n\r\n" not in head:
        more = client.recv(65536)
        if not more:
            return
        head += more
    found = re.match(rb"([A-Z]+) " + re.escape(prefix.encode()) + rb"(/\S*) ", head)
    if found is None:
        client.sendall(MISSING)
        return
    if b"upgrade: websocket" not in head.lower():
        head = re.sub(rb"(?i)\r\nconnection:[^\r]*", b"", head, count=1)
        head = head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1)
    head = head.replace(found[0], found[1] + b" " + found[2] + b" ", 1)
    with socket.create_connection(("127.0.0.1", port)) as upstream:
        upstream.sendall(head)
        back = threading.Thread(target=pump, args=(upstream, client), daemon=True)
        back.start()
        pump(client, upstream)
        back.join(5)


def pump(source: socket.socket, sink: socket.socket) -> None:
    """Until one of them is closed."""
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)

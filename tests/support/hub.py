"""A hub of models on loopback: as much of its HTTP as a pull needs, and its bad days."""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER_COMMIT = "f" * 40


@dataclass
class Hub:
    """What it has, how it misbehaves, and what it was asked."""

    url: str = ""
    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    commit: str = COMMIT
    cuts: dict[str, list[int]] = field(default_factory=dict)
    """By file: after how many bytes each of the next answers breaks off. 0 breaks at once."""
    stalls: dict[str, int] = field(default_factory=dict)
    """By file: at which of its bytes every answer falls silent."""
    status: dict[str, tuple[int, str]] = field(default_factory=dict)
    """By path's beginning: a refusal, with X-Error-Code."""
    no_ranges: bool = False
    html: bool = False
    wrong_digest: bool = False
    asked: list[str] = field(default_factory=list)
    """`GET /path` with the range behind it, if there was one."""
    released: threading.Event = field(default_factory=threading.Event)


@contextmanager
def open_hub(repositories: dict[str, dict[str, bytes]]) -> Iterator[Hub]:
    hub = Hub(repositories=repositories)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args: object) -> None: ...

        def do_GET(self) -> None:
            self.close_connection = True
            answer(hub, self)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield hub
    finally:
        hub.released.set()
        server.shutdown()
        server.server_close()
        thread.join()


def answer(hub: Hub, request: BaseHTTPRequestHandler) -> None:
    path = request.path.split("?")[0]
    span = request.headers.get("Range", "")
    hub.asked.append(f"{path} {span}".strip())
    for beginning, (status, code) in hub.status.items():
        if path.startswith(beginning):
            _send(request, status, b"{}", {"X-Error-Code": code})
            return
    if hub.html:
        _send(request, 200, b"<html>Please log in</html>", {"Content-Type": "text/html"})
    elif path.startswith("/api/models/"):
        _info(hub, request, path.removeprefix("/api/models/"))
    elif path.startswith("/cdn/"):
        _, _, owner, name, filename = path.split("/")
        _file(hub, request, hub.repositories[f"{owner}/{name}"][filename], filename, span)
    else:
        _resolve(hub, request, path, span)


def _info(hub: Hub, request: BaseHTTPRequestHandler, repository: str) -> None:
    files = hub.repositories.get(repository)
    if files is None:
        _send(request, 404, b"{}", {"X-Error-Code": "RepoNotFound"})
        return
    siblings = []
    for name, content in files.items():
        sibling: dict[str, object] = {"rfilename": name, "size": len(content)}
        if name == "model.bin":
            digest = "0" * 64 if hub.wrong_digest else hashlib.sha256(content).hexdigest()
            sibling["lfs"] = {"size": len(content), "sha256": digest, "pointerSize": 134}
        siblings.append(sibling)
    info = {"id": repository, "sha": hub.commit, "siblings": siblings, "private": False}
    _send(request, 200, json.dumps(info).encode(), {"Content-Type": "application/json"})


def _resolve(hub: Hub, request: BaseHTTPRequestHandler, path: str, span: str) -> None:
    """`/owner/name/resolve/<commit>/<file>`: the large file lies elsewhere, as it does there."""
    _, owner, name, _, commit, filename = path.split("/")
    content = hub.repositories.get(f"{owner}/{name}", {}).get(filename)
    if content is None or commit != hub.commit:
        _send(request, 404, b"", {"X-Error-Code": "EntryNotFound"})
    elif filename == "model.bin":
        _send(request, 302, b"", {"Location": f"/cdn/{owner}/{name}/{filename}"})
    else:
        _file(hub, request, content, filename, span)


def _file(
    hub: Hub, request: BaseHTTPRequestHandler, content: bytes, filename: str, span: str
) -> None:
    start = 0 if hub.no_ranges or not span else int(span.removeprefix("bytes=").rstrip("-"))
    headers = {
        "Connection": "close",
        "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
        "X-Repo-Commit": hub.commit,
    }
    if start:
        headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
    request.send_response(206 if start else 200)
    for name, value in (headers | {"Content-Length": str(len(content) - start)}).items():
        request.send_header(name, value)
    request.end_headers()
    body = content[start:]
    cuts = hub.cuts.get(filename)
    if cuts:
        request.wfile.write(body[: cuts.pop(0)])
        request.wfile.flush()
        request.connection.shutdown(socket.SHUT_RDWR)
    elif filename in hub.stalls:
        request.wfile.write(body[: max(hub.stalls[filename] - start, 0)])
        request.wfile.flush()
        hub.released.wait(30)
    else:
        request.wfile.write(body)


def _send(
    request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str]
) -> None:
    request.send_response(status)
    for name, value in (
        {"Connection": "close", "Content-Length": str(len(body))} | headers
    ).items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)

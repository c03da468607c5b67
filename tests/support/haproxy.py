"""HAProxy with deploy/haproxy.cfg in front of real servers, all on loopback, all ours to end.

Of the configuration only the addresses are other ones.
"""

from __future__ import annotations

import shutil
import signal
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import cast

import trio

from parley.client.server_process import free_port, is_ready
from parley.client.wire import connected, open_wire
from parley.protocol.newspeech import DIALECT
from parley.transport import MemoryTransport
from support.certificates import certificate
from support.live_server import HOST, LiveClient, WireTransport, request_http
from support.serve_process import environment

ROOT = Path(__file__).parents[2]
CONFIGURATION = ROOT / "deploy/haproxy.cfg"
HAPROXY = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin")
POLL_S = 0.05

QUIET = {
    "STREAM_LOG_FORMAT": "json",
    "STREAM_LOG_LEVEL": "warning",
    # Everybody comes in, however busy the machine is.
    "STREAM_MAX_LOOP_LAG_MS": "0",
    "STREAM_MAX_CPU_SHARE": "0",
    "STREAM_MAX_LANE_WAIT_MS": "0",
    "STREAM_MAX_TALKING_SHARE": "0",
}


@dataclass(slots=True)
class Node:
    """One server. A test may do to its process what it likes."""

    name: str
    port: int
    agent_port: int
    log: Path
    process: trio.Process | None = None

    async def start(self, variables: Mapping[str, str]) -> None:
        """Until it is ready."""
        with self.log.open("ab") as output:
            self.process = await trio.lowlevel.open_process(
                [sys.executable, "-m", "support.instant_node", str(self.port)],
                cwd=ROOT / "tests",
                env=environment(PARLEY_AGENT_PORT=str(self.agent_port), **QUIET, **variables),
                stdout=output,
                stderr=output,
            )
        while not await is_ready(self.port):
            assert self.process.poll() is None, self.log.read_text()
            await trio.sleep(POLL_S)

    def signal(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    async def ended(self) -> None:
        assert self.process is not None
        await self.process.wait()

    async def aclose(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()  # also one that is stopped
            with trio.CancelScope(shield=True):
                await self.process.wait()

    async def sessions(self) -> set[str]:
        """The ids of those that it holds."""
        asked = b"GET /sessions HTTP/1.1\r\nHost: localhost\r\n\r\n"
        answer = await request_http(self.port, asked)
        return {session["session_id"] for session in answer.json()["sessions"]}


@dataclass(slots=True)
class Balancer:
    """HAProxy. `port` is that of TLS, `figures` that of its metrics."""

    folder: Path
    port: int
    figures: int
    ca: Path
    file: Path
    process: trio.Process | None = field(default=None, init=False)

    async def start(self) -> None:
        assert HAPROXY is not None
        with (self.folder / "haproxy.log").open("ab") as output:
            self.process = await trio.lowlevel.open_process(
                [HAPROXY, "-db", "-f", str(self.file)],
                stdout=output,
                stderr=output,
                env=environment(),
            )
        while not _listens(self.port):
            assert self.process.poll() is None, self.log
            await trio.sleep(POLL_S)

    async def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            with trio.CancelScope(shield=True):
                await self.process.wait()
            self.process = None

    @property
    def log(self) -> str:
        return (self.folder / "haproxy.log").read_text()

    async def states(self) -> dict[str, tuple[str, int]]:
        """Each server's status as the page of statistics shows it, and its weight."""
        lines = (await self.ask("show stat")).lstrip("# ").splitlines()
        names = lines[0].split(",")
        found = {}
        for line in lines[1:]:
            row = dict(zip(names, line.split(","), strict=False))
            if row.get("pxname") == "parley" and row.get("svname") != "BACKEND":
                found[row["svname"]] = (row["status"], int(row["weight"]))
        return found

    async def ask(self, command: str) -> str:
        """What the administration's socket answers."""
        async with await trio.open_unix_socket(self.folder / "admin.sock") as stream:
            await stream.send_all(f"{command}\n".encode())
            return b"".join([part async for part in stream]).decode()

    async def until(self, name: str, status: str) -> None:
        """A server's status begins with this word."""
        while not (await self.states())[name][0].startswith(status):
            await trio.sleep(POLL_S)

    async def request(self, path: str, *fields: str) -> bytes:
        """The whole answer to a GET over TLS."""
        stream = await connected(f"wss://localhost:{self.port}", self.ca)
        head = "\r\n".join((f"GET {path} HTTP/1.1", "Host: localhost", *fields, "", ""))
        async with stream:
            await stream.send_all(head.encode())
            return b"".join([part async for part in stream])

    @asynccontextmanager
    async def client(self) -> AsyncIterator[LiveClient]:
        """Somebody who converses through it."""
        url = f"wss://localhost:{self.port}/engine"
        async with open_wire(url, ca=self.ca) as wire, trio.open_nursery() as nursery:
            client = LiveClient(cast(MemoryTransport, WireTransport(wire)), DIALECT)
            nursery.start_soon(client.read)
            await client.wait_for("info")
            yield client
            nursery.cancel_scope.cancel()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) == 0


def configuration(
    nodes: Sequence[Node], *, folder: Path, port: int, plain_port: int, figures: int, pem: Path
) -> str:
    """deploy/haproxy.cfg with these addresses; each piece that is another must be there."""
    text = CONFIGURATION.read_text()
    (template,) = [line for line in text.splitlines() if "server-template" in line]
    servers = [
        f"    server {node.name} {HOST}:{node.port} agent-port {node.agent_port}" for node in nodes
    ]
    for old, new in {
        template: "\n".join(servers),
        "maxconn 20000": "maxconn 200",
        "/var/lib/haproxy/admin.sock": str(folder / "admin.sock"),
        "bind :80\n": f"bind {HOST}:{plain_port}\n",
        "bind :443 ssl crt /etc/haproxy/certs/": f"bind {HOST}:{port} ssl crt {pem}",
        "bind :8404\n": f"bind {HOST}:{figures}\n",
    }.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    return text


@asynccontextmanager
async def balancer_of(nodes: Sequence[Node]) -> AsyncIterator[Balancer]:
    """A folder with a short name: a unix socket's path has 107 bytes."""
    with TemporaryDirectory(prefix="hap") as name:
        folder = Path(name)
        pair = certificate(folder)
        pem = folder / "both.pem"
        pem.write_bytes(pair.cert.read_bytes() + pair.key.read_bytes())
        balancer = Balancer(folder, free_port(), free_port(), pair.cert, folder / "haproxy.cfg")
        text = configuration(
            nodes,
            folder=folder,
            port=balancer.port,
            plain_port=free_port(),
            figures=balancer.figures,
            pem=pem,
        )
        balancer.file.write_text(text)
        try:
            await balancer.start()
            yield balancer
        finally:
            await balancer.kill()


@dataclass(frozen=True, slots=True)
class Service:
    nodes: list[Node]
    balancer: Balancer

    async def where(self, client: LiveClient) -> str:
        """The name of the server that holds a client's session."""
        session_id = await client.session_id()
        for node in self.nodes:
            if node.process is not None and session_id in await node.sessions():
                return node.name
        raise LookupError(session_id)


@asynccontextmanager
async def service(
    tmp_path: Path, variables: Sequence[Mapping[str, str]], *, limit_s: float = 240.0
) -> AsyncIterator[Service]:
    """As many servers as there are `variables`, which are each one's own, behind HAProxy; all are
    ready. Bounded by time."""
    nodes = [
        Node(f"node-{number}", free_port(), free_port(), tmp_path / f"node-{number}.log")
        for number in range(1, len(variables) + 1)
    ]
    with trio.fail_after(limit_s):
        async with AsyncExitStack() as stack:
            async with trio.open_nursery() as nursery:
                for node, own in zip(nodes, variables, strict=True):
                    stack.push_async_callback(node.aclose)
                    nursery.start_soon(node.start, own)
            balancer = await stack.enter_async_context(balancer_of(nodes))
            yield Service(nodes, balancer)

"""A telephone's door before a front, in memory, and a service that asks it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import trio
from trio.testing import memory_stream_pair

from parley.agents.registry import Agents
from parley.config import TELEPHONE_SERVICES, Settings
from parley.server.http.front import ANY_PATH, Front, WebSocketRoute
from parley.server.http.head import Head
from parley.server.http.websocket import WebSocketTransport
from parley.server.telephone.door import TelephoneDoor
from parley.server.telephone.signatures import twilio_signature
from parley.server.telephone.statuses import CallStatus
from parley.telemetry import Telemetry
from support.ws_client import request

PUBLIC = "https://voice.example.org"
TWILIO: dict[str, object] = {
    "parley_public_url": PUBLIC,
    "parley_twilio_account_sid": "AC1",
    "parley_twilio_auth_token": "s3cret",
}


async def _echo(transport: WebSocketTransport, head: Head) -> None:
    await transport.send(head.path)
    await transport.close(1000, "")


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> str:
        return str(self.json["error"])


@dataclass
class DoorServer:
    """The door, and requests of a service."""

    settings: Settings
    agents: Agents
    told: list[CallStatus] = field(default_factory=list)
    telemetry: Telemetry = field(default_factory=Telemetry)
    door: TelephoneDoor = field(init=False)
    front: Front = field(init=False)

    def __post_init__(self) -> None:
        self.door = TelephoneDoor(
            self.settings, self.telemetry, self.agents, on_status=self.told.append
        )
        sockets = {
            path: WebSocketRoute(
                on_websocket=_echo, max_message_bytes=1000, check=self.door.check(service)
            )
            for service in TELEPHONE_SERVICES
            for path in self._paths(service)
        }
        self.front = Front(routes=self.door.routes, websocket_routes=sockets)

    def _paths(self, service: str) -> list[str]:
        place = f"/telephone/{service}"
        below = [f"{place}/{name}/{ANY_PATH}" for name in self.agents.names]
        return [place, f"{place}/{ANY_PATH}", *below]

    async def send(self, data: bytes) -> Answer:
        """The answer to these bytes; a WebSocket that is accepted is one with 101."""
        client, server = memory_stream_pair()
        received = b""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.front.handle, server)
            await client.send_all(data)
            async for part in client:
                received += part
                if received.startswith(b"HTTP/1.1 101 "):
                    break  # it would wait for a proper goodbye, for two seconds
            await client.aclose()
        top, _, body = received.partition(b"\r\n\r\n")
        first, *lines = top.decode("latin-1").split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = {name.lower(): value.strip() for name, _, value in pairs}
        return Answer(int(first.split(" ")[1]), headers, body)

    async def ask(
        self,
        method: str,
        target: str,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        *,
        host: str = "voice.example.org",
    ) -> Answer:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if body or method == "POST":
            lines.append(f"Content-Length: {len(body)}")
        return await self.send("\r\n".join([*lines, "", ""]).encode() + body)

    async def upgrade(self, target: str, headers: Mapping[str, str] | None = None) -> Answer:
        lines = [f"{name}: {value}" for name, value in (headers or {}).items()]
        return await self.send(request(target, *lines))


def door(*names: str, **settings: object) -> DoorServer:
    """With agents of these names."""
    from parley.agent import Agent

    made = Settings.defaults(**settings)
    return DoorServer(made, Agents([Agent("Be brief.", name=name) for name in names], made))


def twilio_form(
    target: str, form: Mapping[str, str], key: str = "s3cret"
) -> tuple[dict[str, str], bytes]:
    """Headers and body of a form that Twilio sends."""
    text = PUBLIC + target + "".join(name + form[name] for name in sorted(form))
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "X-Twilio-Signature": twilio_signature(key, text),
    }
    return headers, urlencode(form).encode()


def basic(user: str = "parley", password: str = "pw") -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"}


def vonage_token(secret: str, now_s: int) -> dict[str, str]:
    def part(value: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    signed = f"{part({'alg': 'HS256'})}.{part({'iat': now_s, 'exp': now_s + 300})}"
    made = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).digest()
    last = base64.urlsafe_b64encode(made).rstrip(b"=").decode()
    return {"Authorization": f"Bearer {signed}.{last}"}


Clock = Callable[[], int]

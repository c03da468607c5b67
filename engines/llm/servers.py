"""Model servers that people run on their own machine, and a quick look at whether one is there.

Each of these programs serves OpenAI's chat API on a port of its own. A look is one GET of the list
of models, on loopback: where nothing listens it costs less than a millisecond. Whatever else may
listen there (another program, one that never answers, one that sends without end) costs half a
second at the most, and nothing is sent to it but that request.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import h11
import msgspec
import trio

from ..services.json_answer import parse_json

LOOK_S = 0.5
"""A server on this machine lists its models in a few milliseconds, a busy one in some more."""

MAX_LIST_BYTES = 1 << 20
"""A model takes some 200 bytes of the list. What is longer is no such list."""
MAX_MODELS = 500
"""More than anybody keeps; they are only looked through for one to talk with."""

NO_CHAT = re.compile(
    r"embed|\bbge\b|\be5\b|minilm|rerank|whisper|\btts\b|kokoro|piper|clip|moderation|\bgte\b"
    r"|transcri|diffusion|dall",
    re.IGNORECASE,
)
"""Names of models that do other things than talk; some servers list all together."""


@dataclass(frozen=True, slots=True)
class ModelServer:
    """A program, the port of loopback that it listens on unless told otherwise, and how it gets a
    model where it has none."""

    program: str
    port: int
    gets_a_model: str

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"


SERVERS: tuple[ModelServer, ...] = (
    ModelServer("Ollama", 11434, "`ollama pull llama3.2`"),
    ModelServer("LM Studio", 1234, "download one in its window and load it"),
    ModelServer("llama.cpp", 8080, "start it with -m MODEL.gguf"),
    ModelServer("vLLM", 8000, "start it with a model's name"),
)
"""In the order in which they are preferred."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a look at a port found. `model` is the one to talk with; None: `problem` says why."""

    server: ModelServer
    model: str | None = None
    problem: str = ""
    for_people: bool = False
    """Whether somebody should hear of the problem: it is that program, and something is missing. A
    stranger on its port is nobody's business."""


async def look_at_all(servers: Sequence[ModelServer], wanted: str | None) -> list[Seen]:
    """All of them at once, in their order; those at which nothing listens are left out. `wanted` is
    the model that the settings name; a server that has it comes first."""
    seen: list[Seen | None] = [None] * len(servers)

    async def look(at: int) -> None:
        seen[at] = await look_at(servers[at], wanted)

    async with trio.open_nursery() as nursery:
        for at in range(len(servers)):
            nursery.start_soon(look, at)
    found = [one for one in seen if one is not None]
    return sorted(found, key=lambda one: one.model is None)


async def look_at(server: ModelServer, wanted: str | None) -> Seen | None:
    """None where nothing listens."""
    problem = "it does not answer"
    with trio.move_on_after(LOOK_S):
        try:
            async with await trio.open_tcp_stream("127.0.0.1", server.port) as stream:
                listed = _names(await _get_models(stream, server.port))
        except OSError:
            return None
        except (trio.BrokenResourceError, h11.ProtocolError, ValueError):
            return Seen(server=server, problem="what listens there is no model server")
        return _seen(server, listed, wanted)
    return Seen(server=server, problem=problem)


def _seen(server: ModelServer, listed: Sequence[str], wanted: str | None) -> Seen:
    talk = [name for name in listed if not NO_CHAT.search(name)]
    if wanted is not None:
        found = next((name for name in listed if name in (wanted, f"{wanted}:latest")), None)
        problem = f"it has no model {wanted!r}, which OPENAI_MODEL names: {server.gets_a_model}"
        return Seen(server=server, model=found, problem=problem, for_people=found is None)
    if talk:
        return Seen(server=server, model=talk[0])
    what = "no model that talks" if listed else "no model"
    return Seen(
        server=server, problem=f"it has {what}: {server.gets_a_model}", for_people=not listed
    )


async def _get_models(stream: trio.SocketStream, port: int) -> bytes:
    """The body of the answer. Raises ValueError where there is none, h11.ProtocolError where it is
    no HTTP, and trio.BrokenResourceError where the connection ends."""
    connection = h11.Connection(our_role=h11.CLIENT)
    request = h11.Request(
        method="GET",
        target="/v1/models",
        headers=[("Host", f"127.0.0.1:{port}"), ("Accept", "application/json")],
    )
    await stream.send_all(
        (connection.send(request) or b"") + (connection.send(h11.EndOfMessage()) or b"")
    )
    body = bytearray()
    while True:
        event = connection.next_event()
        match event:
            case h11.NEED_DATA:
                connection.receive_data(await stream.receive_some(65_536))
            case h11.Response() if event.status_code != 200:
                raise ValueError(f"status {event.status_code}")
            case h11.Data():
                body += event.data
                if len(body) > MAX_LIST_BYTES:
                    raise ValueError("the list of models has no end")
            case h11.EndOfMessage():
                return bytes(body)
            case h11.ConnectionClosed():
                raise ValueError("no answer")


class _Model(msgspec.Struct):
    id: str
    owned_by: Any = None


class _Models(msgspec.Struct):
    data: list[_Model] | None
    """Ollama says null where it has none."""


def _names(body: bytes) -> list[str]:
    """Raises ValueError for what is no list of models, and for that of another Parley: it has no
    model of its own to offer, and might ask this one."""
    models = parse_json(body, _Models).data or []
    if any(model.owned_by == "parley" for model in models):
        raise ValueError("another Parley")
    names = [model.id for model in models]
    return [name for name in names[:MAX_MODELS] if name.isprintable() and name.strip()]

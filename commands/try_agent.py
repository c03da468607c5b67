"""`parley try module:agent`: a text chat with an agent in the terminal, without any sound.

It is the session of the server, in memory; only hearing and speaking are left out. Lines that are
piped in are answered one after the other. Exit code 0, or 2 for what names no agent.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any
from urllib.parse import urlencode

import trio
import typer

from ..agents.agent import Agent
from ..agents.loading import load_agents
from ..agents.problems import BadAgent
from ..config import Settings, SettingsError, load_settings
from ..nurseries import plain_nursery
from ..transport import PeerGone

REPLY_S = 120.0
"""How long a piped line waits for its answer, tools and all."""

QUIET_S = 0.3
"""After so long without a word a piped line is answered."""


def try_agent(
    where: Annotated[
        str, typer.Argument(help="The agent: module:agent or file.py:agent.", metavar="AGENT")
    ],
    query: Annotated[
        list[str] | None,
        typer.Option("--query", help="A parameter of the call; several times.", metavar="NAME=X"),
    ] = None,
) -> None:
    """Chat with an agent by typing. An empty line or Ctrl-D ends it."""
    try:
        agents = load_agents(where)
        settings = load_settings({"stream_log_level": "critical"})
        parameters = dict(_parameter(given) for given in query or ())
    except (BadAgent, SettingsError, ValueError) as problem:
        print(f"parley: {problem}", file=sys.stderr)
        raise typer.Exit(2) from None
    try:
        trio.run(_chat, agents, settings, parameters)
    except KeyboardInterrupt:
        print()


def _parameter(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals or not name.strip():
        raise ValueError(f"--query {given!r} is refused; write it as name=value")
    return name.strip(), value


async def _chat(
    agents: Sequence[Agent[Any]], settings: Settings, parameters: dict[str, str]
) -> None:
    from ..client.typed_engines import typed_engines
    from ..embedding import open_server
    from ..server.logs import configure_logging

    configure_logging(settings.observing)
    path = "/engine?" + urlencode({**parameters, "tools": "told"})
    async with open_server(settings, own=typed_engines(), agents=agents) as server:
        await server.until_ready()
        async with server.connect(path) as client, plain_nursery() as nursery:
            screen = Screen()
            nursery.start_soon(_show, client, screen, nursery.cancel_scope)
            try:
                await _type(client, screen)
            except PeerGone:
                await screen.over.wait()
            nursery.cancel_scope.cancel()


class Screen:
    """What was written to the terminal so far, as far as the next word depends on it."""

    def __init__(self) -> None:
        self.in_reply = False
        self.news = trio.Event()
        self.over = trio.Event()

    def show(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "llm_token" if message["text"]:
                self._write(message["text"] if self.in_reply else f"  {message['text']}")
                self.in_reply = True
            case "tts_complete":
                self._line("")
            case "tool_call":
                self._line(f"→ {message['name']}({message['arguments']})")
            case "tool_result":
                what = "" if message["outcome"] == "done" else f"{message['outcome']}: "
                self._line(f"← {what}{message['output']}  ({message['ms']} ms)")
            case "agent":
                self._line(f"[{message['name']} answers]")
            case "transfer":
                self._line(f"[put through to {message['to']}]")
            case "error":
                self._line(f"[{message['code']}: {message['message']}]")
        self.news.set()
        self.news = trio.Event()

    def ended(self, why: str) -> None:
        self._line(f"[the call is over: {why}]")
        self.over.set()

    def _line(self, text: str) -> None:
        """On a line of its own."""
        if self.in_reply:
            self._write("\n")
            self.in_reply = False
        if text:
            self._write(f"{text}\n")

    @staticmethod
    def _write(text: str) -> None:
        sys.stdout.write(text)
        sys.stdout.flush()


async def _show(client: Any, screen: Screen, scope: trio.CancelScope) -> None:
    shown = 0
    while True:
        while shown < len(client.received):
            screen.show(client.received[shown][1])
            shown += 1
        if client.closed is not None:
            screen.ended(client.closed.reason or str(client.closed.code))
            scope.cancel()  # whoever still types is not heard
            return
        await client.changed()


async def _type(client: Any, screen: Screen) -> None:
    """The person's lines, one after the other."""
    terminal = sys.stdin.isatty()
    await _quiet(screen, trio.current_time() + 1)
    while True:
        if terminal:
            screen._line("")
            print("> ", end="", flush=True)
        line = await trio.to_thread.run_sync(sys.stdin.readline, abandon_on_cancel=True)
        if not line.strip():
            return
        if not terminal:
            print(f"> {line.strip()}", flush=True)
        answered = len(client.of("tts_complete"))
        await client.type_text(line.strip())
        with trio.move_on_after(REPLY_S):
            while len(client.of("tts_complete")) == answered and not _failed(client, answered):
                await screen.news.wait()
        await _quiet(screen, trio.current_time() + REPLY_S)


def _failed(client: Any, answered: int) -> bool:
    return bool(client.of("error")) and len(client.of("tts_complete")) == answered


async def _quiet(screen: Screen, until_s: float) -> None:
    """Until nothing more is said for a moment."""
    with trio.move_on_at(until_s):
        while True:
            with trio.move_on_after(QUIET_S) as waited:
                await screen.news.wait()
            if waited.cancelled_caught:
                return

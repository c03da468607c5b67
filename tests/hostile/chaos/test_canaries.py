"""Canaries: secrets and sentences that nobody may find in a log, a metric or an error.

Every engine of a session raises an error whose message holds what the person said, what the model
wrote and a key; so do an agent's code and a tool, a watcher, a service that refuses. What a log at
`debug`, /metrics, an HTTP answer, an error frame, a close reason and a recording without text hold
of it is nothing. Where STREAM_LOG_TRANSCRIPTS asks for words they may be there.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
import trio

from parley.agent import Agent, Call
from parley.config import Settings, load_settings
from parley.embedding import OwnEngines, SessionEvent, TextHeard, open_server
from parley.engines.failures import EngineFailure
from parley.engines.llm.interface import ToolCall
from parley.engines.services.openai_client import Blame
from parley.engines.services.quoted import without_quotations
from parley.engines.turn.scripted import ScriptedTurnEnd
from parley.server.error_words import ErrorsTold
from parley.server.logs import configure_logging
from parley.testing import (
    ScriptedDetector,
    ScriptedResponder,
    ScriptedSynthesizer,
    ScriptedTranscriber,
    silence,
    speech,
)
from parley.transport import PeerGone
from support.figures import Figures
from support.live_server import request_http

SAID = "my siskin sings at the harbour"
WRITTEN = "siskins like millet and groundsel"
TYPED = "typed siskin feathers"
KEY = "sk-siskin-0123456789abcdef"
CANARIES = (SAID, WRITTEN, TYPED, KEY, "siskin")
"""The last one finds what is left of the others."""


def bug(what: str) -> Exception:
    return RuntimeError(f"{what}: heard {SAID!r}, wrote {WRITTEN!r}, typed {TYPED!r}, key {KEY}")


def hits(text: str) -> list[str]:
    folded = text.casefold()
    return [canary for canary in CANARIES if canary.casefold() in folded]


class BrokenDetector(ScriptedDetector):
    def is_speech(self, pcm16: bytes) -> bool:
        raise bug("detector")


def engines(**other: Any) -> OwnEngines:
    chosen: dict[str, Any] = {
        "detector": lambda session: ScriptedDetector(),
        "transcriber": lambda session: ScriptedTranscriber([SAID] * 9),
        "responder": ScriptedResponder(then=[WRITTEN]),
        "synthesizer": ScriptedSynthesizer(),
        "turn_end": ScriptedTurnEnd([0.9]),
    }
    return OwnEngines(**chosen | other)


def deaf(call: str) -> OwnEngines:
    failures = {(call, number): bug(f"recognizer, {call}") for number in range(1, 40)}
    return engines(transcriber=lambda s: ScriptedTranscriber([SAID] * 9, fail_on=failures))


BREAKS: dict[str, Callable[[], OwnEngines]] = {
    "nothing": engines,
    "detector": lambda: engines(detector=lambda session: BrokenDetector()),
    "recognizer begins": lambda: deaf("begin"),
    "recognizer is fed": lambda: deaf("feed"),
    "recognizer concludes": lambda: deaf("conclude"),
    "recognizer finishes": lambda: deaf("finish"),
    "end of turn": lambda: engines(turn_end=ScriptedTurnEnd([bug("end of turn")])),
    "model at once": lambda: engines(responder=ScriptedResponder(then=[bug("model")])),
    "model in its middle": lambda: engines(
        responder=ScriptedResponder(then=[f"{WRITTEN}. ", 0.2, bug("model")])
    ),
    "voice": lambda: engines(
        synthesizer=ScriptedSynthesizer(failures={n: bug("voice") for n in range(1, 40)})
    ),
    "too many": lambda: engines(
        responder=ScriptedResponder(then=[bug("model")]),
        synthesizer=ScriptedSynthesizer(failures={n: bug("voice") for n in range(1, 40)}),
    ),
}


@dataclass
class Log:
    out: io.StringIO

    def text(self) -> str:
        return self.out.getvalue()


@pytest.fixture(params=["json", "console"])
def log(request: pytest.FixtureRequest) -> Iterator[Log]:
    """The log at `debug`, as a process has it."""
    root = logging.getLogger()
    handlers, level, told = root.handlers, root.level, structlog.get_config()
    out = io.StringIO()
    settings = Settings.defaults(stream_log_level="debug", stream_log_format=request.param)
    configure_logging(settings.observing, out)
    yield Log(out)
    structlog.configure(**told)
    root.handlers, root.level = handlers, level


def errors_of(client: Any) -> str:
    """What a client was told that is no part of the conversation."""
    told = client.of("error", "info", "status")
    return json.dumps(list(told)) + (client.closed.reason if client.closed else "")


async def talk(server: Any, path: str) -> str:
    """One short conversation; the errors that its client was told."""
    async with server.connect(path) as client:
        with suppress(PeerGone), trio.move_on_after(30):
            await client.start()
            await client.speak(speech(600) + silence(1200))
            await trio.sleep(3)
            await client.speak(speech(500) + silence(1200))
            await trio.sleep(3)
            if path == "/engine":
                await client.say(type="text", content=TYPED)
            await client.transport.send('{"type": "' + TYPED)
            await trio.sleep(3)
        return errors_of(client)


def singing(event: SessionEvent) -> None:
    """A watcher with a bug, which holds words in its message and in its locals."""
    if isinstance(event, TextHeard):
        raise bug(event.text)


@pytest.mark.few(6)
@pytest.mark.parametrize("name", BREAKS)
async def test_no_words_of_an_error_leave_a_session(
    name: str, log: Log, autojump_clock: object
) -> None:
    told = ""
    settings = Settings.defaults(openai_api_key=KEY)
    async with open_server(settings, own=BREAKS[name](), watchers=[singing]) as server:
        for path in ("/ws", "/stream", "/engine"):
            told += await talk(server, path)
        told += repr(server.status())
    assert hits(told) == []
    assert hits(log.text()) == []
    if name != "recognizer begins" and not name.startswith("recognizer"):
        assert "watcher_failed" in log.text() or name == "detector"
    if name not in ("nothing",):
        assert "RuntimeError" in log.text()  # the type and the place are told
        assert "scripted.py" in log.text() or "test_canaries.py" in log.text()


async def test_no_words_of_an_error_leave_an_agent(log: Log, autojump_clock: object) -> None:
    agent: Agent[None] = Agent("Be brief.", name="bird")

    @agent.tool
    async def sing() -> str:
        """Sings."""
        raise bug("tool")

    @agent.tool
    async def whistle(call: Call[None]) -> str:
        """Whistles."""
        await call.say(WRITTEN)
        raise KeyError(KEY)

    crashing: Agent[None] = Agent("Be brief.", name="crashing")

    @crashing.on_call
    async def crash(call: Call[None]) -> None:
        await trio.sleep(1)
        raise bug("agent")

    calls = [
        ToolCall(id="1", name="sing", arguments="{}"),
        ToolCall(id="2", name="whistle", arguments="{}"),
        ToolCall(id="3", name=KEY, arguments=TYPED),
    ]
    responder = ScriptedResponder([calls, calls], then=["Fine."])
    told = ""
    async with open_server(own=engines(responder=responder), agents=[agent, crashing]) as server:
        for path in ("/ws/bird", "/engine/bird", "/ws/crashing", "/stream/crashing"):
            told += await talk(server, path)
    asked = [m.text for c in responder.conversations for m in c if m.role == "tool"]
    assert any("RuntimeError" in text for text in asked)
    assert not [text for text in asked if KEY in text and "no tool" not in text]
    assert hits(told) == []
    assert hits(log.text()) == [], [line for line in log.text().splitlines() if KEY in line]


HTTP = {
    "speech": ("POST /speech/tts", {"text": WRITTEN}),
    "OpenAI's speech": ("POST /v1/audio/speech", {"input": WRITTEN, "model": "tts-1"}),
    "chat": (
        "POST /v1/chat/completions",
        {"model": "parley", "messages": [{"role": "user", "content": TYPED}]},
    ),
    "streamed chat": (
        "POST /v1/chat/completions",
        {"model": "parley", "stream": True, "messages": [{"role": "user", "content": TYPED}]},
    ),
    "no JSON": ("POST /v1/chat/completions", f'{{"messages": "{TYPED}'),
    "wrong fields": ("POST /v1/audio/speech", {"input": [WRITTEN], "api_key": KEY}),
    "no file": ("POST /v1/audio/transcriptions", {"file": SAID}),
    "no sound": ("POST /speech/stt", SAID),
    "no path": (f"GET /nowhere?api_key={KEY}&text=siskin", None),
    "no method": (f"BREW /speech/tts?token={KEY}", None),
    "no upgrade": (f"GET /ws?access_token={KEY}", None),
}


async def test_no_words_of_an_error_leave_by_http(log: Log, figures: Figures) -> None:
    failing = engines(
        responder=ScriptedResponder(then=[bug("model")]),
        synthesizer=ScriptedSynthesizer(failures={n: bug("voice") for n in range(1, 40)}),
        transcriber=lambda s: ScriptedTranscriber([SAID], fail_on={("begin", 1): bug("ears")}),
    )
    with trio.fail_after(30):
        async with open_server(Settings.defaults(), own=failing, port=0) as server:
            for name, (line, body) in HTTP.items():
                sent = body if isinstance(body, str) else json.dumps(body) if body else ""
                head = f"{line} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
                head += f"Content-Type: application/json\r\nContent-Length: {len(sent)}\r\n"
                head += f"Authorization: Bearer {KEY}\r\nCookie: id={KEY}\r\n\r\n"
                answer = await request_http(server.port, (head + sent).encode())
                found = hits(answer.body.decode("utf-8", "replace") + repr(answer.headers))
                assert found == [], (name, answer.body)
            for path in ("/metrics", "/sessions", "/health", "/ready", "/api/stream_config"):
                head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n\r\n"
                answer = await request_http(server.port, head.encode())
                assert hits(answer.body.decode("utf-8", "replace")) == [], path
    assert hits(log.text()) == []
    figures.tell("canaries found in logs, metrics, answers and errors", 0, "0")


def whole(folder: Path) -> bytes:
    """All that stands in the files of a folder."""
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


async def test_no_words_stand_in_a_recording_without_text(tmp_path: Path, log: Log) -> None:
    settings = Settings.defaults(
        stream_record_dir=str(tmp_path), stream_record_share=1, stream_record_text=False
    )
    own = engines(responder=ScriptedResponder([[f"{WRITTEN}. ", bug("model")]], then=[WRITTEN]))
    with trio.fail_after(30):
        async with open_server(settings, own=own) as server, server.connect("/engine") as client:
            await client.speak(speech(500) + silence(900), speed=3)
            await client.say(type="text", content=TYPED)
            await trio.sleep(1.5)
    written = whole(tmp_path)
    assert len(written) > 10_000
    assert hits(written.decode("latin-1")) == []
    assert hits(log.text()) == []


# What a service says


REQUEST = {"model": "m-1", "messages": [{"role": "user", "content": f"{SAID}. {WRITTEN}!"}]}


@pytest.mark.parametrize(
    "said",
    [
        f"Your prompt '{SAID}' was flagged.",
        f"Invalid content: {WRITTEN}",
        f"cannot parse {json.dumps(REQUEST)}",
        f"The key {KEY} may not be used with //user:{KEY}@host",
    ],
)
def test_what_a_service_quotes_of_a_request_is_not_told(said: str) -> None:
    blame = Blame(model="m-1", place="host", key=KEY)
    failure = blame.for_status(400, {"message": said}, asked=json.dumps(REQUEST).encode())
    assert isinstance(failure, EngineFailure)
    assert hits(str(failure)) == []


def test_what_a_service_says_of_its_own_is_told() -> None:
    said = "The parameter max_tokens is too large: 9000 (at most 4096 for m-1)."
    assert without_quotations(said, json.dumps(REQUEST).encode()) == said
    assert without_quotations("not json", b"\xff\xd8 an upload") == "not json"
    assert without_quotations(f"Blocked: {SAID}.", json.dumps(REQUEST).encode()) == "Blocked: […]."


# Settings, and errors by themselves


@pytest.mark.parametrize(
    "environ",
    [
        {"OPENAI_API_KEY": f"{KEY}\nx", "WS_MAX_CONNECTIONS": "many"},
        {"OPENAI_BASE_URL": f"http://user:{KEY}@host:99999999/v1"},
        {"PARLEY_PORT": "none", "OPENAI_BASE_URL": f"http://user:{KEY}@host/v1"},
        {"OPENAI_API_KEY": KEY, "PARLEY_TWILIO_AUTH_TOKEN": KEY, "STREAM_LOG_LEVEL": "loud"},
    ],
)
def test_no_secret_stands_in_what_is_said_of_settings(environ: dict[str, str]) -> None:
    try:
        settings = load_settings(environ)
    except Exception as problem:
        assert hits(str(problem)) == []
        return
    assert hits(json.dumps(settings.public())) == []
    assert hits(repr(settings)) == []


def test_an_error_is_told_by_its_type_and_its_place() -> None:
    def inner() -> None:
        heard = SAID  # a local, which no traceback shows
        raise ValueError(heard)

    try:
        try:
            inner()
        except ValueError as error:
            raise ExceptionGroup(WRITTEN, [KeyError(KEY), error]) from error
    except ExceptionGroup as group:
        event = {"event": "e", "error": group, "exc_info": group}
        told = ErrorsTold(in_words=False)(None, "error", dict(event))
        asked_for = ErrorsTold(in_words=True)(None, "error", dict(event))
    assert hits(repr(told)) == []
    assert "ValueError at " in told["error"]
    assert "test_canaries.py" in told["exception"]
    assert "in inner" in told["exception"]
    assert "it came of:" in told["exception"]
    assert SAID in asked_for["exception"]
    assert KEY in asked_for["error"]

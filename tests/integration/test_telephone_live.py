"""Telephone calls on a live port: the door, the session behind it, and the service's own API."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from parley.agent import Agent, Call
from parley.client.wire import Unreachable, open_wire
from parley.conversation.events import LineNews, SessionEvent, TextHeard
from parley.embedding import OwnEngines, RunningServer, Settings, open_server
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.vad.scripted import ScriptedDetector
from parley.recording.compare import first_difference
from parley.recording.mcap_file import read_recording
from parley.recording.recorded import replay_recording
from parley.server.http.head import read_head
from parley.server.http.request_body import read_body
from parley.server.http.responses import json_response, respond
from parley.testing import ScriptedModel
from parley.testing.carrier import Call as Line
from parley.testing.carrier import Carrier, wire_of
from parley.testing.carrier.over_socket import carrier_socket
from parley.testing.models import calls
from support.calls import Spoken, loud

pytestmark = pytest.mark.slow


class _Api:
    """A service's API on loopback: what it was asked, in order."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.news = trio.Event()
        self.url = ""

    async def handle(self, stream: trio.SocketStream) -> None:
        async with stream:
            head = await read_head(stream, b"")
            body = await read_body(stream, head, 10_000, 5)
            self.asked.append((head.method, head.path, body.decode()))
            self.news.set()
            await respond(stream, head, json_response({"sid": "CA1"}))


@asynccontextmanager
async def open_api() -> AsyncIterator[_Api]:
    api = _Api()
    async with trio.open_nursery() as nursery:
        serve = functools.partial(trio.serve_tcp, host="127.0.0.1")
        listeners = await nursery.start(serve, api.handle, 0)
        api.url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
        yield api
        nursery.cancel_scope.cancel()


def desk() -> Agent[None]:
    agent: Agent[None] = Agent("You are the desk.", name="desk", greeting="Hello there.")

    @agent.tool
    async def person(call: Call[None]) -> str:
        """Put the caller through."""
        await call.transfer("+15550100", "One moment.")
        return "done"

    @agent.tool
    async def bye(call: Call[None]) -> str:
        """End the call."""
        await call.end("Goodbye then.")
        return "done"

    return agent


@asynccontextmanager
async def served(
    events: list[SessionEvent], *heard: str, model: list[Any], **settings: object
) -> AsyncIterator[tuple[RunningServer, Spoken]]:
    voice, ear = Spoken(), ScriptedTranscriber(heard)
    own = OwnEngines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: ear,
        responder=ScriptedModel(model, then="Yes."),
        synthesizer=voice,
    )
    with trio.fail_after(60):
        async with open_server(
            Settings.defaults(**settings),
            port=0,
            own=own,
            agents=[desk()],
            watchers=[events.append],
        ) as server:
            yield server, voice


@asynccontextmanager
async def dialled(server: RunningServer, service: str, path: str = "") -> AsyncIterator[Carrier]:
    url = f"ws://127.0.0.1:{server.port}/telephone/{service}{path}"
    async with carrier_socket(url) as socket, trio.open_nursery() as nursery:
        carrier = Carrier(socket, wire_of(service, Line()))
        nursery.start_soon(carrier.run)
        yield carrier
        await carrier.ended.wait()


JSON = ["twilio", "telnyx", "plivo", "exotel", "signalwire"]
BINARY = ["vonage", "asterisk", "jambonz", "freeswitch", "genesys"]


@pytest.mark.few(1)
@pytest.mark.parametrize("service", [*JSON, *BINARY])
async def test_a_call_on_a_live_port(service: str) -> None:
    events: list[SessionEvent] = []
    async with (
        served(events, "what is new", model=["Nothing much today."]) as (server, voice),
        dialled(server, service) as carrier,
    ):
        while not carrier.ear.heard or carrier.ear.playing:
            await trio.sleep(0.05)
        await trio.sleep(0.3)
        carrier.says(loud(600, carrier.wire.sound.rate_hz))
        while not [e for e in events if isinstance(e, TextHeard)]:
            await trio.sleep(0.05)
        await trio.sleep(2.5)
        heard = b"".join(one.pcm16 for one in carrier.ear.stretches())
        assert voice.heard(heard) == ["Hello", "there.", "Nothing", "much", "today."]
        assert carrier.complaints == []
        carrier.hangs_up()


@pytest.mark.parametrize(("tool", "form"), [("person", "Dial"), ("bye", "Status=completed")])
async def test_a_call_is_ended_by_the_services_api(tool: str, form: str) -> None:
    events: list[SessionEvent] = []
    async with open_api() as api:
        settings: dict[str, object] = {
            "parley_twilio_account_sid": "AC1",
            "parley_twilio_auth_token": "s3cret",
            "parley_twilio_base_url": api.url,
            "parley_telephone_stream_token": "t0ken-of-one-s-own",
        }
        async with (
            served(events, "end it", model=[calls(tool)], **settings) as (server, voice),
            dialled(server, "twilio", "/key-t0ken-of-one-s-own") as carrier,
        ):
            while not carrier.ear.heard or carrier.ear.playing:
                await trio.sleep(0.05)
            carrier.says(loud(600))
            await carrier.ended.wait()
        ((method, path, body),) = api.asked
        assert method == "POST"
        assert path == f"/2010-04-01/Accounts/AC1/Calls/{Line().call_id}.json"
        assert form in body
        last = voice.heard(carrier.ear.stretches()[-1].pcm16)
        assert last in (["One", "moment."], ["Goodbye", "then."]), "heard before it ended"


async def test_what_a_service_tells_of_a_call_reaches_its_session() -> None:
    events: list[SessionEvent] = []
    async with (
        served(events, model=[]) as (server, _),
        dialled(server, "twilio") as carrier,
    ):
        while not carrier.ear.heard:
            await trio.sleep(0.05)
        body = f"CallSid={Line().call_id}&AnsweredBy=machine_start&CallStatus=in-progress"
        stream = await trio.open_tcp_stream("127.0.0.1", server.port)
        request = (
            f"POST /telephone/twilio/status HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
            f"Content-Type: application/x-www-form-urlencoded\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
        )
        async with stream:
            await stream.send_all(request.encode())
            answer = await stream.receive_some()
        assert b" 204 " in answer
        while not [e for e in events if isinstance(e, LineNews)]:
            await trio.sleep(0.05)
        (news,) = [e.news for e in events if isinstance(e, LineNews)]
        assert news == "machine"
        carrier.hangs_up()


async def test_a_stream_that_nobody_signed_is_refused_before_the_upgrade() -> None:
    settings = {"parley_twilio_auth_token": "s3cret", "parley_public_url": "https://a.example.org"}
    async with served([], model=[], **settings) as (server, _):
        with pytest.raises(Unreachable, match="403"):
            async with open_wire(f"ws://127.0.0.1:{server.port}/telephone/twilio"):
                pass


async def test_a_connection_that_never_says_which_call_it_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("parley.server.telephone.line.ARRIVAL_S", 0.3)
    from parley.client.wire import WireClosed

    async with served([], model=[]) as (server, _):
        async with open_wire(f"ws://127.0.0.1:{server.port}/telephone/twilio") as wire:
            with pytest.raises(WireClosed) as closed:
                await wire.receive()
            assert closed.value.code == 1008
            assert "start" in closed.value.reason
        assert not server.status().sessions


@pytest.mark.few(1)
@pytest.mark.parametrize("service", ["twilio", *BINARY])
async def test_a_call_is_recorded_and_replayed(service: str, tmp_path: Any) -> None:
    events: list[SessionEvent] = []
    settings: dict[str, object] = {"stream_record_dir": str(tmp_path)}
    async with (
        served(events, "what is new", "and then", model=["Nothing much today."], **settings) as (
            server,
            _,
        ),
        dialled(server, service, "/desk") as carrier,
    ):
        rate_hz = carrier.wire.sound.rate_hz
        while not carrier.ear.heard or carrier.ear.playing:
            await trio.sleep(0.05)
        carrier.says(loud(600, rate_hz))
        await trio.sleep(2.0)
        carrier.presses("5#")
        carrier.says(loud(600, rate_hz))
        await trio.sleep(2.5)
        carrier.hangs_up()
    (path,) = tmp_path.rglob("*.mcap")
    recording = read_recording(path)
    assert recording.header.dialect == service
    if service == "twilio":
        assert recording.header.choices["stream"] == Line().stream_id
    replayed = await replay_recording(recording)
    assert replayed.diverged is None
    assert first_difference(recording.entries, replayed.out) is None

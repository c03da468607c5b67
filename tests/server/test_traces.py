"""A span per turn with its stages: exact under virtual time, and over HTTP to a real collector."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio
import trio.testing
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from parley.bench.instant import REPLY, instant_engines
from parley.config import Settings
from parley.conversation.caller import Caller
from parley.conversation.events import (
    Disconnected,
    ReplyOver,
    Resumed,
    SessionEvent,
    ToolCalled,
    ToolReturned,
)
from parley.conversation.record import TurnRecord
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.failures import EngineUnavailable
from parley.engines.kit import Engines
from parley.engines.llm.scripted import ScriptedResponder
from parley.engines.room import open_engine_room
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.vad.scripted import ScriptedDetector
from parley.protocol.chat import ToolCall
from parley.protocol.newspeech import DIALECT
from parley.protocol.tool_calls import Outcome, ToolResult
from parley.server.start_checks import start_problems
from parley.server.traces import MAX_WAITING, Traces, open_traces, parent_of
from parley.server.tree import Server, open_listeners
from parley.server.turn_spans import MAX_MOMENTS, ConversationSpans
from parley.testing import open_session, silence, speech
from support.live_server import HOST, open_client

Clock = trio.testing.MockClock

OPENED_MS = 1_800_000_000_000
TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"
SECRET = "opensesame"


@dataclass
class Told:
    """What a session's turns became."""

    spans: dict[str, list[ReadableSpan]] = field(default_factory=dict)

    def one(self, name: str) -> ReadableSpan:
        (span,) = self.spans[name]
        return span


def after_s(span: ReadableSpan) -> tuple[float, float]:
    """When a span began and ended, in seconds of the session."""
    assert span.start_time is not None and span.end_time is not None
    zero_ns = OPENED_MS * 1_000_000
    return (
        round((span.start_time - zero_ns) / 1e9, 3),
        round((span.end_time - zero_ns) / 1e9, 3),
    )


def engines(responder: ScriptedResponder) -> Engines:
    return Engines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: ScriptedTranscriber([SECRET, "no, stop"]),
        responder=responder,
        synthesizer=ScriptedSynthesizer(ms_per_char=20),
    )


@asynccontextmanager
async def traced(responder: ScriptedResponder, told: Told) -> AsyncIterator[Any]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    spans = ConversationSpans(
        provider.get_tracer("test"),
        session_id="test",
        dialect="prompt-voice",
        opened_ms=OPENED_MS,
        parent=parent_of(Caller(headers={"traceparent": PARENT})),
    )
    opened_s = trio.current_time()
    async with open_session(engines(responder), trace=spans) as (_, client):
        yield client
    spans.end(trio.current_time() - opened_s)
    for span in exporter.get_finished_spans():
        told.spans.setdefault(span.name, []).append(span)


async def test_a_spoken_turn_with_its_stages(autojump_clock: Clock) -> None:
    told = Told()
    async with traced(ScriptedResponder([["It is ", "a fine day."]]), told) as client:
        await client.start()
        await client.speak(speech(1000) + silence(1500), chunk_ms=20)
        await client.wait_for("tts_complete")
    turn, whole = told.one("parley.turn"), told.one("parley.conversation")
    assert turn.attributes is not None
    assert turn.attributes["parley.outcome"] == "completed"
    assert turn.attributes["session.id"] == "test"
    assert turn.attributes["parley.heard_chars"] == len("It is a fine day.")
    assert not turn.attributes["parley.typed"]
    names = ["speech", "end_of_speech", "final", "first_token", "first_phrase", "first_audio"]
    for name in (*names, "heard"):
        stage = told.one(name)
        began_s, ended_s = after_s(stage)
        assert after_s(turn)[0] <= began_s <= ended_s <= after_s(turn)[1]
        assert stage.parent is not None and stage.parent.span_id == turn.context.span_id
    spoken_s = after_s(told.one("speech"))[1]
    heard_s = after_s(told.one("heard"))[0]
    assert turn.attributes["parley.answer_ms"] == pytest.approx((heard_s - spoken_s) * 1000, abs=1)
    assert after_s(told.one("speech")) == pytest.approx((0.0, 1.0), abs=0.05)
    assert turn.parent is not None and turn.parent.span_id == whole.context.span_id
    assert whole.attributes is not None and whole.attributes["parley.turns"] == 1
    # Whoever called has a trace already, and this is a part of it.
    assert f"{whole.context.trace_id:032x}" == TRACE
    assert whole.parent is not None and f"{whole.parent.span_id:016x}" == SPAN


async def test_what_was_said_is_in_no_span(autojump_clock: Clock) -> None:
    told = Told()
    async with traced(ScriptedResponder([[f"You said {SECRET}."]]), told) as client:
        await client.start()
        await client.speak(speech(1000) + silence(1500), chunk_ms=20)
        await client.wait_for("tts_complete")
    everything = "".join(span.to_json() for spans in told.spans.values() for span in spans)
    assert "parley.turn" in everything
    assert SECRET not in everything
    assert "You said" not in everything


async def test_an_interruption_and_a_model_that_fails(autojump_clock: Clock) -> None:
    told = Told()
    failing = EngineUnavailable(f"nobody knows {SECRET}")
    responder = ScriptedResponder(
        [["Once upon a time ", "there was a long story. " * 4], [failing]]
    )
    async with traced(responder, told) as client:
        await client.start()
        await client.speak(speech(1000) + silence(1500), chunk_ms=20)
        await client.wait_for("tts_chunk")
        await client.speak(silence(300) + speech(1000) + silence(2000), chunk_ms=20)
        await trio.sleep(20)
    first, second = told.spans["parley.turn"]
    assert first.attributes is not None and second.attributes is not None
    assert first.attributes["parley.outcome"] in ("interrupted", "taken_back")
    assert first.events[0].name == "barge_in"
    assert second.attributes["parley.outcome"] == "failed"
    assert second.status.status_code is StatusCode.ERROR
    assert SECRET not in (second.status.description or "")


async def test_who_hangs_up_in_the_middle_of_a_reply_is_told(autojump_clock: Clock) -> None:
    told = Told()
    async with traced(
        ScriptedResponder([["Once upon ", "a time there was. " * 9]]), told
    ) as client:
        await client.start()
        await client.speak(speech(1000) + silence(1500), chunk_ms=20)
        await client.wait_for("tts_chunk")
        await trio.sleep(0.5)
    turn = told.one("parley.turn")
    assert turn.attributes is not None
    assert turn.attributes["parley.outcome"] == "hung_up"
    assert 0 < int(turn.attributes["parley.heard_chars"]) < 172  # type: ignore[arg-type]


def test_a_parent_that_is_none_begins_a_trace_of_its_own() -> None:
    exporter = InMemorySpanExporter()
    traces = Traces(exporter, lambda: None)
    for given in ("", "garbage", "00-0-0-01", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"):
        caller = Caller(headers={"traceparent": given, "tracestate": "a=" + "b" * 600})
        traces.session("s", caller, OPENED_MS).end(1.0)
    traces._provider.force_flush()
    assert [span.parent for span in exporter.get_finished_spans()] == [None] * 4
    traces._provider.shutdown()


def test_who_is_not_sampled_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    exporter, lost = InMemorySpanExporter(), []
    traces = Traces(exporter, lambda: lost.append(1))
    for _ in range(MAX_WAITING + 10):
        traces.session("s", Caller(), OPENED_MS).end(1.0)
    traces._provider.shutdown()
    assert not exporter.get_finished_spans()
    assert not lost


class _Stuck(SpanExporter):
    """A collector that takes nothing for a while."""

    def __init__(self) -> None:
        self.may_go = threading.Event()
        self.taken = 0

    def export(self, spans: Any) -> SpanExportResult:
        self.may_go.wait(30)
        self.taken += len(spans)
        return SpanExportResult.SUCCESS


def test_what_a_stuck_collector_does_not_take_is_counted_and_bounded() -> None:
    exporter, lost = _Stuck(), []
    traces = Traces(exporter, lambda: lost.append(1))
    for _ in range(MAX_WAITING + 100):
        traces.session("s", Caller(), OPENED_MS).end(1.0)
    assert len(lost) == 100
    exporter.may_go.set()
    traces._provider.shutdown()
    assert exporter.taken == MAX_WAITING


def test_a_turn_remembers_a_bounded_number_of_moments() -> None:
    traces = Traces(InMemorySpanExporter(), lambda: None)
    spans = traces.session("s", Caller(), OPENED_MS)
    for _ in range(MAX_MOMENTS * 2):
        spans.told(Resumed(session_id="s", turn=1), None, zero_s=0, now_s=1)
    assert len(spans._moments) == MAX_MOMENTS
    traces._provider.shutdown()


def test_calls_of_tools_are_spans_and_their_arguments_are_not() -> None:
    exporter = InMemorySpanExporter()
    traces = Traces(exporter, lambda: None)
    spans = traces.session("s", Caller(), OPENED_MS)
    record = TurnRecord(
        turn=3, user_text=SECRET, first_sample_s=1.0, first_partial_s=None, final_s=1.0
    )

    def told(event: SessionEvent, now_s: float) -> None:
        spans.told(event, record, zero_s=0.5, now_s=now_s)

    calls = [ToolCall(id=name, name=name, arguments=SECRET) for name in ("weather", "door")]
    for call in calls:
        told(ToolCalled(session_id="s", turn=3, call=call), 1.5)
    for call, outcome in zip(calls, (Outcome.DONE, Outcome.FAILED), strict=True):
        result = ToolResult(call_id=call.id, output=SECRET, outcome=outcome)
        told(ToolReturned(session_id="s", turn=3, call=call, result=result), 2.5)
    over = ReplyOver(session_id="s", turn=3, text=SECRET, heard=SECRET, interrupted=False)
    told(over, 3.5)
    told(Disconnected(session_id="s"), 4.0)
    spans.end(4.0)
    traces._provider.shutdown()
    found = exporter.get_finished_spans()
    tools = [span for span in found if span.name == "tool"]
    assert [after_s(span) for span in tools] == [(1.0, 2.0)] * 2
    assert [(span.attributes or {})["parley.tool"] for span in tools] == ["weather", "door"]
    assert [span.status.status_code for span in tools] == [StatusCode.UNSET, StatusCode.ERROR]
    assert SECRET not in "".join(span.to_json() for span in found)


# Over HTTP


@dataclass
class Collector:
    """A real one as far as the exporter can tell: it takes what comes and keeps it."""

    port: int = 0
    bodies: list[bytes] = field(default_factory=list)

    async def serve(self, stream: trio.SocketStream) -> None:
        async with stream:
            data = b""
            while True:
                while b"\r\n\r\n" not in data:
                    if not (more := await stream.receive_some(65_536)):
                        return
                    data += more
                head, _, data = data.partition(b"\r\n\r\n")
                (length,) = [
                    int(line.split(b":")[1])
                    for line in head.lower().split(b"\r\n")
                    if line.startswith(b"content-length")
                ]
                while len(data) < length:
                    data += await stream.receive_some(65_536)
                self.bodies.append(head + b"\r\n\r\n" + data[:length])
                data = data[length:]
                body = ExportTraceServiceResponse().SerializeToString()
                await stream.send_all(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\n"
                    + f"Content-Length: {len(body)}\r\n\r\n".encode()
                    + body
                )

    def spans(self) -> list[Any]:
        found = []
        for body in self.bodies:
            asked = ExportTraceServiceRequest.FromString(body.partition(b"\r\n\r\n")[2])
            for resource in asked.resource_spans:
                for scope in resource.scope_spans:
                    found += scope.spans
        return found


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    found = Collector()
    (listener,) = await trio.open_tcp_listeners(0, host=HOST)
    found.port = listener.socket.getsockname()[1]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.serve_listeners, found.serve, [listener])
        yield found
        nursery.cancel_scope.cancel()


async def converse(settings: Settings) -> Server:
    """One typed turn with a server that has these settings, to the server's end."""
    async with open_engine_room(settings, instant_engines()) as room:
        server = Server(settings, room)
        listeners = await open_listeners(HOST, 0)
        port = listeners[0].socket.getsockname()[1]
        async with trio.open_nursery() as nursery:
            await nursery.start(server.run, listeners)
            async with open_client(f"ws://{HOST}:{port}/engine", DIALECT) as client:
                await client.type_text(SECRET)
                await client.wait_for("tts_complete")
            server.stop()
    return server


async def test_a_real_collector_has_the_turns_over_http(monkeypatch: pytest.MonkeyPatch) -> None:
    with trio.fail_after(40):
        async with collector() as found:
            monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{HOST}:{found.port}")
            monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=node-7")
            server = await converse(Settings.defaults(parley_traces=True))
            assert server.telemetry.registry.get_sample_value("parley_open_sessions") == 0
            names = {span.name for span in found.spans()}
    assert {"parley.conversation", "parley.turn", "first_token", "first_audio", "heard"} <= names
    everything = b"".join(found.bodies)
    assert everything.startswith(b"POST /v1/traces ")
    assert b"node-7" in everything and b"parley" in everything
    assert SECRET.encode() not in everything and REPLY.encode() not in everything


async def test_a_collector_that_is_gone_costs_spans_and_nothing_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://{HOST}:9")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    with trio.fail_after(40):
        server = await converse(Settings.defaults(parley_traces=True))
    lost = server.telemetry.registry.get_sample_value("parley_drops_total", {"edge": "trace"})
    assert lost is not None and lost >= 2


async def test_nothing_is_traced_unless_it_is_wanted() -> None:
    settings = Settings.defaults()
    async with open_engine_room(settings, instant_engines()) as room:
        assert Server(settings, room)._traces is None


async def test_where_the_packages_are_missing_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = Settings.defaults(parley_traces=True)
    assert not [p for p in start_problems(settings) if p.what == "traces"]
    for module in ("tracing", "start_checks"):
        monkeypatch.setattr(f"parley.server.{module}.can_trace", lambda: False)
    (problem,) = [p for p in start_problems(settings) if p.what == "traces"]
    assert "parley-voice[traces]" in problem.line()
    async with open_engine_room(settings, instant_engines()) as room:
        assert Server(settings, room)._traces is None


async def test_the_librarys_exporter_is_made_as_its_variables_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "hotline")
    traces = open_traces(lambda: None)
    assert traces._provider.resource.attributes["service.name"] == "hotline"
    await traces.aclose()

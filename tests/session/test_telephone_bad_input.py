"""What services, or whoever pretends to be one, may send wrongly: it costs nothing but itself."""

from __future__ import annotations

import base64
import json

import pytest
import trio
from trio.testing import MockClock

from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.kit import Engines
from parley.engines.vad.scripted import ScriptedDetector
from parley.testing.carrier.json_wire import JSON_WIRES, JsonWire
from parley.testing.carrier.wire import Call
from parley.testing.models import ScriptedModel
from parley.transport import memory_pair
from support.calls import CallInMemory, Spoken, calling, loud


def engines_of(*heard: str) -> Engines:
    ear = ScriptedTranscriber(heard)
    return Engines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: ear,
        responder=ScriptedModel([], then="All right then."),
        synthesizer=Spoken(),
    )


async def send(call: CallInMemory, *frames: str | bytes) -> None:
    for frame in frames:
        await call.carrier.transport.send(frame)
    await trio.sleep(0.1)


async def is_answered(call: CallInMemory) -> None:
    """Whether the call goes on: something is said and answered."""
    before = len(call.carrier.ear.heard)
    call.carrier.says(loud(800))
    with trio.fail_after(10):
        while len(call.carrier.ear.heard) == before:
            await trio.sleep(0.05)


def breaches(call: CallInMemory) -> float:
    found = call.telemetry.registry.collect()
    return sum(
        sample.value
        for metric in found
        for sample in metric.samples
        if sample.name == "parley_violations_total"
    )


@pytest.mark.parametrize("service", JSON_WIRES)
async def test_a_call_survives_what_is_not_of_it(service: str, autojump_clock: MockClock) -> None:
    other = JsonWire(service, Call(stream_id="MZ-of-another-call"))
    async with calling(service, engines_of("hello there")) as call:
        bad: list[str | bytes] = [
            b"\x00\xff" * 80,
            "no json",
            "[]",
            '{"event": "media"}',
            '{"event": "media", "media": {"payload": "%%%"}}',
            '{"event": "sing"}',
            list(call.carrier.wire.hello())[-1],
            other.sound_in(other.sound.spoken(loud(20)), 0),
        ]
        await send(call, *bad)
        assert breaches(call) == len(bad)
        for name in ("nobody.set.it", "9.9.999", "c77", "", "1.0.20"):
            await send(call, *call.carrier.wire.marks([name], cleared=False))
        await is_answered(call)


async def test_media_before_the_start_are_left_out(autojump_clock: MockClock) -> None:
    from parley.protocol.telephone.dialects import TELEPHONE_DIALECTS
    from parley.server.telephone.line import Line

    dialect = next(d for d in TELEPHONE_DIALECTS if d.profile.name == "twilio")
    assert dialect.arrival is not None
    wire = JsonWire("twilio", Call())
    server_end, client_end = memory_pair(100)
    for frame in (wire.sound_in(b"\xff" * 160, 0), b"\x00", "{", *wire.hello()):
        await client_end.send(frame)
    line = Line(server_end, dialect.arrival())
    start = await line.arrive()
    assert start.call_id == Call().call_id
    codec = dialect.with_choices(start.choices).new_codec(lambda: 0)
    first = await line.receive()
    (audio,) = codec.decode(first)
    assert type(audio).__name__ == "Audio", "the receiver leaves it out: there was no start"


async def test_minutes_of_audio_in_a_moment(autojump_clock: MockClock) -> None:
    """The line cannot be ahead of its time: what is too much is left out, or heard as it was said,
    and the call goes on."""
    async with calling("twilio", engines_of(*["one"] * 99)) as call:
        wire = call.carrier.wire
        quiet = wire.sound.spoken(bytes(320))
        for number in range(6_000):
            frame = wire.sound_in(quiet, 20 * number)
            assert frame is not None
            await call.carrier.transport.send(frame)
        await trio.sleep(5)
        await is_answered(call)
        assert call.count("holds") == 0


async def test_pieces_that_claim_hours_bring_no_hours_of_silence(
    autojump_clock: MockClock,
) -> None:
    async with calling("twilio", engines_of("hello")) as call:
        for number in range(50):
            payload = base64.b64encode(b"\xff" * 160).decode()
            media = {"payload": payload, "timestamp": str(number * 600_000), "chunk": str(number)}
            await send(call, json.dumps({"event": "media", "media": media}))
        heard_s = call.session.parts.hearing.heard_bytes / 32_000
        assert heard_s < 20 + trio.current_time() * 2
        await is_answered(call)


async def test_a_stop_in_the_middle_of_a_phrase(autojump_clock: MockClock) -> None:
    async with calling("twilio", engines_of("hello there")) as call:
        await is_answered(call)
        await trio.sleep(0.5)
        await send(call, *call.carrier.wire.goodbye())
        with trio.fail_after(5):
            await call.carrier.ended.wait()
        (said,) = [m.text for m in call.session.parts.items.request("x") if m.role == "assistant"]
        assert said.startswith("All")
        assert "then" not in said, "only what was heard is remembered"

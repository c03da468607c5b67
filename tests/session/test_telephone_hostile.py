"""What services whose audio is binary may send wrongly: the call goes on, nothing is lost, and each
is counted."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio

from parley.agent import TextHeard
from parley.protocol.dialect import Frame
from parley.testing.carrier import wire_of
from support.calls import CallInMemory, calling, loud
from support.line_words import RATE_HZ, WORD_MS, Script, WordVoice, until_heard, words_heard

SERVICES = ("vonage", "asterisk", "jambonz", "freeswitch", "genesys", "audiosocket")

ANSWER = "Alpha beta gamma delta."


def tlv(kind: int, payload: bytes = b"") -> bytes:
    return bytes([kind]) + len(payload).to_bytes(2, "big") + payload


def text(**fields: Any) -> str:
    return json.dumps(fields)


JUNK: dict[str, list[Frame]] = {
    "vonage": [
        text(event="websocket:connected"),
        text(event="websocket:notify", payload={"mark": "99.0.20"}),
        text(event="websocket:notify", payload={"mark": "nobody's"}),
        text(event="websocket:cleared"),
        text(event="websocket:nothing"),
        "{",
        b"\1" * 641,
        b"",
    ],
    "asterisk": [
        text(event="MEDIA_START", format="ulaw"),
        text(event="MEDIA_MARK_PROCESSED", correlation_id="nobody's"),
        text(event="STATUS", queue_length=5),
        text(event="STATUS", queue_length="many"),
        text(event="NOTHING"),
        "MEDIA_XON",
        "{",
        "",
    ],
    "jambonz": [
        text(callSid="again", sampleRate=8000, mixType="mono"),
        text(type="mark", data={"name": "nobody's", "event": "playout"}),
        text(type="mark", data={"name": "nobody's", "event": "cleared"}),
        text(type="nothing"),
        "{",
        b"\1" * 641,
    ],
    "freeswitch": [text(type="nothing"), text(again="metadata"), "{", "metadata", b"\1" * 641],
    "genesys": [
        text(type="ping", seq=1, id="another"),
        text(type="ping"),
        text(type="nothing", seq=2),
        "{",
    ],
    "audiosocket": [
        tlv(0x01, bytes(16)),
        tlv(0x10),
        tlv(0x10, b"\1"),
        tlv(0x12, bytes(640)),
        tlv(0x77, bytes(60_000)),
        b"\x10\xff\xff",
        b"\x10",
        "text",
    ],
}
"""What is wrong, in the middle of a call, with what is right and nobody asked for."""

COUNTED = {
    "vonage": 6,
    "asterisk": 6,
    "jambonz": 5,
    "freeswitch": 5,
    "genesys": 4,
    "audiosocket": 7,
}


def breaches(call: CallInMemory) -> float:
    return sum(
        sample.value
        for metric in call.telemetry.registry.collect()
        for sample in metric.samples
        if "violations_total" in sample.name
    )


@pytest.mark.parametrize("service", SERVICES)
async def test_a_call_goes_on(service: str, autojump_clock: object) -> None:
    voice = WordVoice()
    script = Script(hears=["hello there", "and again"], answers=[ANSWER, ANSWER])
    async with calling(service, script.engines(voice)) as call:
        rate_hz = call.carrier.wire.sound.rate_hz
        call.carrier.says(loud(800, rate_hz))
        await until_heard(call)
        before = breaches(call)
        call.carrier._send(*JUNK[service])
        await trio.sleep(3)
        assert breaches(call) - before == COUNTED[service]
        call.carrier.says(loud(800, rate_hz))
        await trio.sleep(4)
        heard = b"".join(pcm16 for _, pcm16 in call.carrier.ear.heard)
        assert words_heard(heard, rate_hz) == list(range(8))
        assert call.carrier.complaints == []
        said = [event.text for event in call.events if isinstance(event, TextHeard)]
        assert said == ["hello there", "and again"]


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_that_hangs_up_within_a_phrase(
    service: str, autojump_clock: object
) -> None:
    voice = WordVoice()
    script = Script(hears=["hello there"], answers=[ANSWER])
    async with calling(service, script.engines(voice)) as call:
        call.carrier.says(loud(800, call.carrier.wire.sound.rate_hz))
        await until_heard(call)
        await trio.sleep(0.5)
    said = [m.text for m in call.session.parts.items.request("") if m.role == "assistant"]
    assert said[0].startswith("Alpha")
    assert "delta" not in said[0]


@pytest.mark.few(1)
@pytest.mark.parametrize("service", ["asterisk", "jambonz", "audiosocket"])
async def test_ten_minutes_of_sound_in_a_second(service: str, autojump_clock: object) -> None:
    voice = WordVoice()
    script = Script(hears=["hello there"], answers=[ANSWER])
    async with calling(service, script.engines(voice)) as call:
        wire = call.carrier.wire
        second = wire.sound.spoken(bytes(wire.sound.rate_hz * 2))
        for at in range(600):
            frame = wire.sound_in(second, at * 1000)
            call.carrier._send(frame)
        await trio.sleep(1)
        call.carrier.says(loud(800, wire.sound.rate_hz))
        await until_heard(call)
        await trio.sleep(2)
        heard = b"".join(pcm16 for _, pcm16 in call.carrier.ear.heard)
        assert words_heard(heard, wire.sound.rate_hz) == [0, 1, 2, 3]
        assert len(heard) // 2 * 1000 // wire.sound.rate_hz == 4 * WORD_MS
        assert breaches(call) == 0


async def test_media_before_the_start(autojump_clock: object) -> None:
    """Vonage's sound before its first message is no part of the call, and counted."""
    voice = WordVoice()
    script = Script(hears=["hello there"], answers=[ANSWER])

    class Early:
        def __init__(self, inner: Any) -> None:
            self.__dict__["_inner"] = inner

        def __getattr__(self, name: str) -> Any:
            return getattr(self._inner, name)

        def hello(self) -> list[Frame]:
            return [bytes(640), bytes(640), *self._inner.hello()]

    async with calling("vonage", script.engines(voice), wire=Early(wire_of("vonage"))) as call:
        call.carrier.says(loud(800, 16_000))
        await until_heard(call)
        assert breaches(call) == 2
    assert voice.words[:4] == ANSWER.split()


@pytest.mark.few(3)
@pytest.mark.parametrize("service", SERVICES)
async def test_what_the_service_has_no_room_for_waits(service: str, autojump_clock: object) -> None:
    """A long announcement leaves at once, but no service keeps half a minute of it."""
    voice = WordVoice()
    script = Script(hears=["hello there"], answers=[ANSWER])
    async with calling(service, script.engines(voice)) as call:
        carrier, rate_hz = call.carrier, call.carrier.wire.sound.rate_hz
        await trio.sleep(1)
        speech = await voice.speak(" ".join(["word"] * 40))
        await call.session.play(speech.pcm16 * 3, RATE_HZ)
        while not carrier.ear.heard or carrier.ear.playing:
            await trio.sleep(0.1)
        heard = b"".join(pcm16 for _, pcm16 in carrier.ear.heard)
        assert words_heard(heard, rate_hz) == [*range(40)] * 3
        assert len(carrier.ear.stretches()) == 1, "without a gap"
        assert carrier.ear.lost_ms == 0
        assert carrier.complaints == []

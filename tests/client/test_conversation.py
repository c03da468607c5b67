"""A conversation over a scripted wire, under virtual time."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
import trio
from trio.testing import MockClock

from parley.client.conversation import ClosedEarly, NoGreeting, Pace, conversation
from parley.client.incoming import Partial, Phrase
from parley.client.scripted import ScriptedWire
from parley.client.utterance import Heard
from support.stand_in import StandIn, message, phrase, quiet, recording, tone

REAL_TIME = Pace()


def wire_to(server: StandIn) -> ScriptedWire:
    wire = ScriptedWire(on_frame=lambda wire, frame: wire.say(*server.feed(frame)))
    wire.say(*server.greeting())
    return wire


def audio(wire: ScriptedWire) -> list[tuple[float, bytes]]:
    return [(at, frame) for at, frame in wire.frames if isinstance(frame, bytes)]


async def test_it_starts_when_greeted_and_stops_at_the_end(autojump_clock: MockClock) -> None:
    server = StandIn()
    async with conversation(wire_to(server), REAL_TIME) as talk:
        assert talk.session_id == "s-1"
    assert server.commands == [
        {"type": "start", "sample_rate": 16000, "audio_clock": True},
        {"type": "stop"},
    ]


async def test_audio_goes_out_in_real_time(autojump_clock: MockClock) -> None:
    wire = wire_to(StandIn())
    begin = trio.current_time()
    async with conversation(wire, REAL_TIME) as talk:
        await talk.play("a", recording())
    times = [at - begin for at, _ in audio(wire)]
    assert times == pytest.approx([i / 10 for i in range(len(times))])
    assert {len(frame) for _, frame in audio(wire)} == {3200}


async def test_a_speed_and_a_chunk_length_are_kept(autojump_clock: MockClock) -> None:
    wire = wire_to(StandIn())
    begin = trio.current_time()
    async with conversation(wire, Pace(speed=4.0, chunk_ms=40)) as talk:
        await talk.play("a", recording())
    assert [at - begin for at, _ in audio(wire)][:3] == pytest.approx([0.0, 0.01, 0.02])
    assert {len(frame) for _, frame in audio(wire)} == {1280}


async def test_latencies_are_those_of_the_server(autojump_clock: MockClock) -> None:
    async with conversation(wire_to(StandIn()), REAL_TIME) as talk:
        heard = await talk.play("a", recording(speech_ms=500))
    # Speech from 300 to 800 ms; the stand-in answers at once, and hears the end of speech in
    # the third silent chunk, the one sent 400 ms after the chunk of the last speech sample
    # went out at 700 ms, at 1000 ms.
    assert heard.onset_ms == 300
    assert heard.last_ms == 800
    assert heard.partial_lags_ms() == pytest.approx([0.0] * 5)
    assert heard.first_partial_ms() == pytest.approx(100.0)
    assert heard.final_ms() == pytest.approx(300.0)
    assert heard.first_audio_ms() == pytest.approx(300.0)
    assert heard.transcript == "go forward"
    assert heard.reply == "You said: go forward"
    assert heard.answered


async def test_silence_follows_until_the_reply_has_been_played(autojump_clock: MockClock) -> None:
    wire = wire_to(StandIn(reply_ms=3000))
    async with conversation(wire, REAL_TIME) as talk:
        heard = await talk.play("a", recording(speech_ms=500))
        over = trio.current_time()
    # The reply comes with the chunk at 1.0 s and takes 3 s; the next chunk is due within 100 ms.
    assert heard.completed_at is not None
    assert over - heard.completed_at == pytest.approx(3.0, abs=0.11)
    assert audio(wire)[-1][1] == bytes(3200)


async def test_faster_than_real_time_nobody_waits_for_playback(autojump_clock: MockClock) -> None:
    async with conversation(wire_to(StandIn(reply_ms=3000)), Pace(speed=2.0)) as talk:
        begin = trio.current_time()
        await talk.play("a", recording(speech_ms=500))
        assert trio.current_time() - begin < 1.0


async def test_recordings_follow_each_other_on_one_clock(autojump_clock: MockClock) -> None:
    async with conversation(wire_to(StandIn()), REAL_TIME) as talk:
        first = await talk.play("a", recording())
        before_ms = 1000 * talk.sent.samples / 16_000
        second = await talk.play("b", recording())
    assert second.onset_ms == before_ms + 300
    assert second.first_partial_ms() == pytest.approx(first.first_partial_ms())
    assert [phrase.seq for _, phrase in second.phrases] == [2]


async def test_a_pause_between_recordings_is_no_backlog(autojump_clock: MockClock) -> None:
    wire = wire_to(StandIn())
    async with conversation(wire, REAL_TIME) as talk:
        await talk.play("a", recording())
        await trio.sleep(60)
        count = len(audio(wire))
        await talk.play("b", recording())
    times = [at for at, _ in audio(wire)][count:]
    assert times[1] - times[0] == pytest.approx(0.1)


async def test_late_chunks_follow_at_once(autojump_clock: MockClock) -> None:
    wire = wire_to(StandIn())
    async with conversation(wire, REAL_TIME) as talk:
        await talk.send_audio(quiet(100))
        await trio.sleep(0.35)
        for _ in range(4):
            await talk.send_audio(quiet(100))
        times = [at for at, _ in audio(wire)]
    assert [at - times[0] for at in times] == pytest.approx([0, 0.35, 0.35, 0.35, 0.4])


async def test_a_server_that_never_answers_costs_the_timeout(autojump_clock: MockClock) -> None:
    async with conversation(wire_to(StandIn(mute=True)), Pace(reply_timeout_s=5)) as talk:
        begin = trio.current_time()
        heard = await talk.play("a", recording(speech_ms=500))
    assert trio.current_time() - begin == pytest.approx(1.5 + 5, abs=0.21)
    assert not heard.answered


async def test_silence_alone_has_no_edges(autojump_clock: MockClock) -> None:
    async with conversation(wire_to(StandIn()), Pace(reply_timeout_s=0.5)) as talk:
        heard = await talk.play("a", quiet(500))
    assert (heard.onset_ms, heard.last_ms) == (None, None)


async def test_the_listener_gets_every_message_as_it_comes(autojump_clock: MockClock) -> None:
    seen: list[Heard] = []
    async with conversation(wire_to(StandIn()), REAL_TIME, seen.append) as talk:
        await talk.play("a", recording())
    kinds = [type(heard.message).__name__ for heard in seen]
    assert kinds[:2] == ["Hello", "Info"]
    assert kinds[-1] == "ReplyComplete"
    partials = [heard.at for heard in seen if isinstance(heard.message, Partial)]
    assert partials == sorted(partials)


async def test_frames_of_a_source_are_sent_as_they_come(autojump_clock: MockClock) -> None:
    async def source() -> AsyncIterator[bytes]:
        for frame in (quiet(300), tone(500), quiet(400), quiet(100)):
            await trio.sleep(0.5)
            yield frame

    seen: list[Heard] = []
    async with conversation(wire_to(StandIn()), REAL_TIME, seen.append) as talk:
        heard = await talk.stream(source())
    assert heard.name == "microphone"
    assert heard.transcript == "go forward"
    # An evening's replies are not kept, but the listener could play them.
    assert [phrase.audio_b64 for _, phrase in heard.phrases] == [b""]
    assert [len(h.message.audio_b64) for h in seen if isinstance(h.message, Phrase)] == [6444]


async def test_a_server_that_closes_early_is_reported_with_its_reason(
    autojump_clock: MockClock,
) -> None:
    server = StandIn()

    def on_frame(wire: ScriptedWire, frame: str | bytes) -> None:
        if server.samples > 4000:
            wire.say(message("error", code="INTERNAL", message="oh", recoverable=False))
            wire.hang_up(1011, "bad day")
        server.feed(frame)

    wire = wire_to(server)
    wire.on_frame = on_frame
    with pytest.raises(ClosedEarly, match=r"closed with 1011: bad day after INTERNAL \(oh\)"):
        async with conversation(wire, REAL_TIME) as talk:
            await talk.play("a", recording())


async def test_a_close_that_the_sender_meets_first_is_the_same(autojump_clock: MockClock) -> None:
    wire = wire_to(StandIn())
    with pytest.raises(ClosedEarly, match="closed with 1001"):
        async with conversation(wire, REAL_TIME) as talk:
            wire.hang_up(1001)
            await talk.play("a", recording())


async def test_a_server_that_does_not_read_is_given_up(autojump_clock: MockClock) -> None:
    wire = wire_to(StandIn())
    with pytest.raises(ClosedEarly, match="read nothing for 10 s"):
        async with conversation(wire, REAL_TIME) as talk:
            wire.stalled = True
            await talk.play("a", recording())


async def test_a_server_that_never_greets_is_given_up(autojump_clock: MockClock) -> None:
    with pytest.raises(NoGreeting, match="within 10 s"):
        async with conversation(ScriptedWire(), REAL_TIME):
            pass  # pragma: no cover


async def test_a_server_that_speaks_something_else_is_given_up(autojump_clock: MockClock) -> None:
    wire = ScriptedWire()
    wire.say("welcome!")
    with pytest.raises(NoGreeting, match="does not speak"):
        async with conversation(wire, REAL_TIME):
            pass  # pragma: no cover


async def test_a_close_instead_of_a_greeting_is_reported(autojump_clock: MockClock) -> None:
    wire = ScriptedWire()
    wire.say(message("error", code="BACKPRESSURE", message="full", recoverable=True))
    wire.hang_up(1013, "full")
    with pytest.raises(ClosedEarly, match="closed with 1013: full"):
        async with conversation(wire, REAL_TIME):
            pass  # pragma: no cover


async def test_what_goes_wrong_inside_the_block_comes_out_bare(autojump_clock: MockClock) -> None:
    with pytest.raises(ZeroDivisionError):
        async with conversation(wire_to(StandIn()), REAL_TIME):
            raise ZeroDivisionError


@pytest.mark.parametrize("field", ["rate_hz", "chunk_ms", "speed", "reply_timeout_s"])
def test_a_pace_of_nothing_is_refused(field: str) -> None:
    with pytest.raises(ValueError, match="must be over 0"):
        Pace(**{field: 0})


def test_a_phrase_of_the_stand_in_is_what_the_server_sends() -> None:
    assert json.loads(phrase(1, tone(10)))["mime"] == "audio/wav"

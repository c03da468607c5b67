"""Whole telephone calls against the simulated carrier of each service, in virtual time.

What counts is what the caller's ear got, played at the carrier's own pace, and that the
conversation's memory holds just that.
"""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import trio
from trio.testing import MockClock

from parley.agent import Agent
from parley.agent import Call as AgentsCall
from parley.audio.dtmf import tones_ms
from parley.conversation.events import CallEnding, DigitPressed, LineNews
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.kit import Engines
from parley.engines.vad.scripted import ScriptedDetector
from parley.protocol.telephone import line_frames
from parley.testing.carrier import Call, Network
from parley.testing.carrier.json_wire import JSON_WIRES
from parley.testing.models import ScriptedModel, calls
from support.breadth import breadth
from support.calls import CallInMemory, Spoken, calling, hush, loud

EXAMPLES = breadth("PARLEY_EXAMPLES", 3, 5)
"""Interruptions per service."""

NUMBERS = (
    "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty twenty-one twenty-two twenty-three twenty-four."
)
GREETING = "Hello there caller."
TICKS_PER_S = 50

services = pytest.mark.parametrize("service", JSON_WIRES)


def engines_of(
    *heard: str, says: tuple[str, ...] = (NUMBERS,), rate_hz: int = 8_000
) -> tuple[Engines, Spoken]:
    voice, ear = Spoken(rate_hz), ScriptedTranscriber(heard)
    engines = Engines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: ear,
        responder=ScriptedModel(says, then="All right."),
        synthesizer=voice,
    )
    return engines, voice


async def until_playing(call: CallInMemory, more_s: float = 0.0) -> None:
    ear = call.carrier.ear
    before = len(ear.heard)
    while len(ear.heard) == before:
        await trio.sleep(0.01)
    await trio.sleep(more_s)


async def until_quiet(call: CallInMemory) -> None:
    """Until the ear has had nothing for a second."""
    ear = call.carrier.ear
    while not ear.heard or ear.ticks - ear.heard[-1][0] < TICKS_PER_S:
        await trio.sleep(0.1)


def gaps_of(call: CallInMemory) -> list[tuple[int, int]]:
    """The ticks of each stretch that the ear heard: of its first piece, and behind its last."""
    return [(one.tick, one.tick + len(one.pcm16) // 320) for one in call.carrier.ear.stretches()]


def remembered(call: CallInMemory) -> list[str]:
    """What the model is told that was said to the caller."""
    request = call.session.parts.items.request("and now?")
    return [m.text for m in request if m.role == "assistant"]


def words_of(text: str) -> list[str]:
    return text.replace("… [interrupted]", "").split()


@services
async def test_a_whole_call(service: str, autojump_clock: MockClock) -> None:
    agent: Agent[None] = Agent("You are the desk.", name="desk", greeting=GREETING)
    pressed: list[str] = []
    known: list[Any] = []

    @agent.tool
    async def account(call: AgentsCall[None]) -> str:
        """Ask for the account's number."""
        known.append(call.caller.parameters)
        pressed.append(await call.digits("Please enter your number.", most=4))
        return "known"

    @agent.tool
    async def person(call: AgentsCall[None]) -> str:
        """Put the caller through."""
        await call.transfer("+15550100", "I put you through.")
        return "done"

    engines, voice = engines_of("what is my balance", "no wait please", "a person please")
    model = ScriptedModel(
        [calls("account"), NUMBERS, "Go ahead then.", calls("person")], then="All right."
    )
    engines = replace(engines, responder=model)
    line = Call(parameters={"order": "42"})
    async with calling(service, engines, agent=agent, call=line) as call:
        carrier = call.carrier
        await until_quiet(call)
        assert voice.heard(carrier.ear.stretches()[0].pcm16) == GREETING.split()
        carrier.says(loud(900))
        await until_playing(call, 0.5)
        carrier.presses("12#")
        await trio.sleep(1)
        await until_playing(call, 3.0)
        carrier.says(loud(900))
        onset = carrier.ear.ticks
        await trio.sleep(1)
        await until_playing(call)
        await until_quiet(call)
        old = [tick for tick in carrier.ear.cleared if tick >= onset]
        assert (old[0] - onset) * 20 <= 150, "no old sound later than that"
        assert carrier.ear.heard_between(old[0], old[0] + 10) == b""
        carrier.says(loud(900))
        await carrier.ended.wait()
    assert pressed == ["12"]
    assert known[0]["order"] == "42"
    assert known[0]["service"] == service
    assert [e.digit for e in call.events if isinstance(e, DigitPressed)] == ["1", "2", "#"]
    heard = [voice.heard(one.pcm16) for one in carrier.ear.stretches()]
    assert heard[-1] == ["I", "put", "you", "through."]
    assert carrier.complaints == []
    assert carrier.ear.lost_ms == 0


@pytest.mark.few(1)
@services
async def test_the_memory_is_what_was_heard(service: str, autojump_clock: MockClock) -> None:
    """To the word, with a network that delays each way by 40 to 200 ms."""
    wrong = []
    for seed in range(EXAMPLES):
        engines, voice = engines_of("hello there", "stop it please now")
        network = Network(delay_ms=40, jitter_ms=160, seed=seed)
        async with calling(service, engines, network=network) as call:
            ear = call.carrier.ear
            call.carrier.says(loud(800))
            await until_playing(call, 0.3 + random.Random(seed).random() * 5)
            call.carrier.says(loud(1200))
            await trio.sleep(1.2)
            await until_playing(call)
            await until_quiet(call)
            played = voice.heard(ear.heard_between(0, ear.cleared[0]))
            memory = words_of(remembered(call)[0])
            if memory != played:
                wrong.append((seed, memory, played))
            assert len(ear.stretches()) == 2, ("no gap in either reply", seed, gaps_of(call))
            assert call.carrier.complaints == []
    # What Exotel sends comes in pieces of 100 ms: a word that ended just then may be left out.
    assert len(wrong) <= (EXAMPLES // 10 if service == "exotel" else 0), wrong


@services
async def test_a_cough_only_interrupts_the_sound(service: str, autojump_clock: MockClock) -> None:
    """What was thrown away at the carrier is said again, from the word that was not heard."""
    engines, voice = engines_of("hello there", "", "")
    network = Network(delay_ms=20, jitter_ms=40, seed=3)
    async with calling(service, engines, network=network) as call:
        call.carrier.says(loud(800))
        await until_playing(call, 2.0)
        call.carrier.says(loud(60))
        await until_quiet(call)
        assert len(call.carrier.ear.stretches()) == 2, "it fell silent for a moment"
        pcm16 = b"".join(one.pcm16 for one in call.carrier.ear.stretches())
        assert voice.heard(pcm16) == NUMBERS.split()
        assert words_of(remembered(call)[0]) == NUMBERS.split()
        assert call.count("interruptions") == 0
    assert call.carrier.complaints == []


@services
async def test_a_line_that_sends_nothing_while_nobody_speaks(
    service: str, autojump_clock: MockClock
) -> None:
    engines, voice = engines_of("hello there", "and again")
    async with calling(service, engines, network=Network(silent_lines=True, delay_ms=50)) as call:
        call.carrier.says(loud(800))
        await call.carrier.until_said()
        said_s = trio.current_time()
        await until_playing(call)
        assert trio.current_time() - said_s < 1.5, "the silence ended the turn"
        await until_quiet(call)
    heard = b"".join(one.pcm16 for one in call.carrier.ear.stretches())
    assert voice.heard(heard)[:24] == NUMBERS.split()


@pytest.mark.parametrize("service", ["twilio", "telnyx"])
async def test_pieces_that_are_lost_or_out_of_order(
    service: str, autojump_clock: MockClock
) -> None:
    """What is missing is silence: the utterance is as long as it was said."""
    engines, _ = engines_of("hello there")
    shuffle = 0.2 if service == "telnyx" else 0.0
    network = Network(loss=0.1, shuffle=shuffle, seed=5, delay_ms=30)
    async with calling(service, engines, network=network) as call:
        call.carrier.says(loud(2000))
        await until_playing(call)
        ear: Any = engines.transcriber(None)  # type: ignore[arg-type]
        (heard,) = ear.heard
        assert 2000 <= len(heard) / 32 <= 3300
        voiced = sum(1 for at in range(0, len(heard) - 640, 640) if max(heard[at : at + 640]) > 20)
        assert 2000 * 0.82 <= voiced * 20 <= 2020


async def test_a_digit_before_any_word_is_answered(autojump_clock: MockClock) -> None:
    engines, voice = engines_of(says=("You pressed a key.",))
    async with calling("twilio", engines) as call:
        await trio.sleep(1)
        call.carrier.presses("42")
        await until_playing(call)
        await until_quiet(call)
        (asked,) = [m.text for m in call.session.parts.items.request("x") if m.role == "user"][:1]
        assert asked == "(pressed 4 2 on the telephone's keypad)"
    assert voice.words == ["You", "pressed", "a", "key."]


@pytest.mark.long
@pytest.mark.parametrize(
    ("minutes", "drift_ppm"),
    [
        (4, 3_000),
        pytest.param(
            *(60, 200), marks=pytest.mark.skipif(EXAMPLES < 100, reason="PARLEY_EXAMPLES=100")
        ),
    ],
)
async def test_a_slow_clock_and_a_gap(
    minutes: int, drift_ppm: float, autojump_clock: MockClock
) -> None:
    """The carrier's clock is slow, by 0.72 s in the end, and nothing comes for three seconds: what
    is known of the playback stays right, and nothing grows."""
    engines, _ = engines_of(*["go on"] * 100, says=(NUMBERS,) * 100)
    shifts = []
    async with calling(
        "twilio", engines, network=Network(drift_ppm=drift_ppm, delay_ms=10)
    ) as call:
        ear = call.carrier.ear
        for minute in range(minutes):
            call.carrier.says(loud(800))
            await until_playing(call, 3.05)
            ledger = call.session.parts.turns.live.ledger  # type: ignore[union-attr]
            played = b"".join(one.pcm16 for one in ear.stretches()[-1:])
            shifts.append(ledger.heard_s(trio.current_time()) * 1000 - len(played) / 16)
            if minute == minutes // 2:
                call.carrier.gap(3000)
            await trio.sleep_until(trio.current_time() + 55)
        assert len(ear.stretches()) == minutes
    assert max(map(abs, shifts)) <= 40
    assert abs(shifts[-1] - shifts[0]) <= 20
    assert ear.most_ms <= 440
    assert call.count("turns") == minutes


async def test_the_reply_is_heard_to_its_end_before_the_call_ends(
    autojump_clock: MockClock,
) -> None:
    agent: Agent[None] = Agent("You are the desk.", name="desk", greeting="")

    async def greet(call: AgentsCall[None]) -> None:
        await call.end(NUMBERS)

    agent.on_call(greet)
    engines, voice = engines_of()
    network = Network(delay_ms=150, jitter_ms=50)
    async with calling("twilio", engines, agent=agent, network=network) as call:
        await call.carrier.ended.wait()
        (one,) = call.carrier.ear.stretches()
        assert voice.heard(one.pcm16) == NUMBERS.split()
        assert [e for e in call.events if isinstance(e, CallEnding)]


def tone(hertz: float, ms: int) -> bytes:
    at_s = np.arange(8 * ms) / 8000
    pcm16: bytes = np.rint(8_000 * np.sin(2 * np.pi * hertz * at_s)).astype("<i2").tobytes()
    return pcm16


@pytest.mark.parametrize("says", ["", "Goodbye then."])
async def test_keys_that_are_sent_are_played_before_the_call_ends(
    says: str, autojump_clock: MockClock
) -> None:
    agent: Agent[None] = Agent("You are the desk.", name="desk", greeting="")

    async def press(call: AgentsCall[None]) -> None:
        await call.send_digits("1w2")
        await call.end(says)

    agent.on_call(press)
    engines, voice = engines_of()
    async with calling("twilio", engines, agent=agent, network=Network(delay_ms=50)) as call:
        await call.carrier.ended.wait()
        heard = b"".join(one.pcm16 for one in call.carrier.ear.stretches())
    tones = tones_ms("1w2") * 16
    assert len(heard) >= tones - 80 * 16, "but for the pause behind the last key"
    assert voice.heard(heard[tones:]) == says.split()


OUTBOUND = Call(parameters={"direction": "outbound", "name": "Ada"})


async def test_a_message_is_left_behind_the_beep(autojump_clock: MockClock) -> None:
    agent: Agent[None] = Agent("You are the desk.", name="desk", voicemail="Call us {{name}}.")
    engines, voice = engines_of("this is the mailbox please leave a message after the tone")
    async with calling("twilio", engines, agent=agent, call=OUTBOUND) as call:
        call.carrier.says(loud(7000) + hush(900) + tone(1000, 400) + hush(1500))
        await call.carrier.ended.wait()
        assert [e.news for e in call.events if isinstance(e, LineNews)] == ["machine", "beep"]
        (message,) = call.carrier.ear.stretches()
        assert voice.heard(message.pcm16) == ["Call", "us", "Ada."]
        assert message.tick >= (7000 + 900 + 400) // 20, "nothing was said to the greeting"


async def test_a_beep_is_all_that_some_services_tell(autojump_clock: MockClock) -> None:
    """Twilio tells of a machine when its greeting is over: no other beep is waited for."""
    agent: Agent[None] = Agent("You are the desk.", name="desk", voicemail="Call us {{name}}.")
    engines, voice = engines_of("good day")
    async with calling("twilio", engines, agent=agent, call=OUTBOUND) as call:
        call.carrier.says(loud(3000))
        await trio.sleep(3.1)
        call.carrier._send(line_frames.told("beep"))
        with trio.fail_after(5):
            await call.carrier.ended.wait()
        assert voice.words[-3:] == ["Call", "us", "Ada."]


@pytest.mark.parametrize(("on_ms", "off_ms"), [(500, 500), (480, 500), (350, 350), (250, 250)])
async def test_a_busy_tone_behind_a_greeting_is_no_beep(
    on_ms: int, off_ms: int, autojump_clock: MockClock
) -> None:
    agent: Agent[None] = Agent("You are the desk.", name="desk", voicemail="Call us back.")
    engines, _ = engines_of("you have reached smith and sons")
    async with calling("twilio", engines, agent=agent, call=OUTBOUND) as call:
        busy = (tone(425, on_ms) + hush(off_ms)) * 8
        call.carrier.says(loud(5000) + hush(900) + busy)
        await call.carrier.until_said()
        assert "beep" not in [e.news for e in call.events if isinstance(e, LineNews)]


async def test_a_person_is_talked_to(autojump_clock: MockClock) -> None:
    agent: Agent[None] = Agent("You are the desk.", name="desk", voicemail="Call us back.")
    engines, voice = engines_of("hello", says=("Good morning.",))
    async with calling("twilio", engines, agent=agent, call=OUTBOUND) as call:
        call.carrier.says(loud(600) + hush(1500))
        await until_playing(call)
        await until_quiet(call)
        await trio.sleep(3)
        assert [e.news for e in call.events if isinstance(e, LineNews)] == ["human"]
    heard = b"".join(one.pcm16 for one in call.carrier.ear.stretches())
    assert voice.heard(heard) == ["Good", "morning."]


async def test_on_a_machine_an_empty_voicemail_hangs_up(autojump_clock: MockClock) -> None:
    agent: Agent[None] = Agent("You are the desk.", name="desk", voicemail="")
    engines, _ = engines_of("please leave a message after the tone")
    async with calling("twilio", engines, agent=agent, call=OUTBOUND) as call:
        call.carrier.says(loud(9000))
        await call.carrier.ended.wait()
        assert call.carrier.ear.heard == []


async def test_nobody_looks_for_a_machine_where_the_person_called(
    autojump_clock: MockClock,
) -> None:
    agent: Agent[None] = Agent("You are the desk.", name="desk", voicemail="Call us back.")
    engines, _ = engines_of("please leave a message after the tone", says=("Yes.",))
    async with calling("twilio", engines, agent=agent) as call:
        call.carrier.says(loud(7000) + hush(1500))
        await until_playing(call)
        assert [e for e in call.events if isinstance(e, LineNews)] == []


async def test_a_server_that_stops_lets_the_caller_hear_the_reply(
    autojump_clock: MockClock,
) -> None:
    engines, voice = engines_of("hello there", says=("One two three four five six.",))
    async with calling("twilio", engines, network=Network(delay_ms=60)) as call:
        call.carrier.says(loud(800))
        await until_playing(call, 0.3)
        call.session.drain()
        await call.carrier.ended.wait()
        (one,) = call.carrier.ear.stretches()
        assert voice.heard(one.pcm16) == ["One", "two", "three", "four", "five", "six."]

"""Calls over the services whose audio is binary: what the ear gets, what is remembered of it."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest
import trio

from parley.agent import Agent, CallEnding, DigitPressed, ReplyOver
from parley.agent import Call as AgentCall
from parley.protocol.telephone.sound import Sound
from parley.testing.carrier import Call, Network, Wire
from parley.testing.carrier.asterisk_wires import AsteriskWire, AudioSocketWire
from parley.testing.carrier.binary_wires import FreeswitchWire, JambonzWire, VonageWire
from parley.testing.carrier.genesys_wire import GenesysWire
from support.breadth import breadth
from support.calls import CallInMemory, calling, hush, loud
from support.line_words import (
    NUMBERS,
    Script,
    WordVoice,
    interrupted,
    until_heard,
    words_heard,
)

EXAMPLES = breadth("PARLEY_EXAMPLES", 3, 5)

MARKED = ("asterisk", "vonage", "jambonz")
"""Services that tell how much of a reply was played."""

ESTIMATED = {"freeswitch": 0.9, "audiosocket": 0.9, "genesys": 0.8}
"""Those that do not, with the share of interruptions of which the memory is right to the word."""

SILENT_MS = {"freeswitch": 300, "audiosocket": 220, "genesys": 440}
"""What may be heard of a reply after the first sound over it, beside the 150 ms of others: what was
sent ahead is played to its end."""

GREETING = "Good morning my dear friend."

STORY = "Alpha beta gamma delta. Epsilon zeta eta theta."


@dataclass(slots=True)
class Whole:
    """A call that was held, and whose voice it was."""

    call: CallInMemory
    voice: WordVoice
    asked: list[str]

    def heard(self) -> list[int]:
        """The numbers of the words that the ear got, in order."""
        ear = self.call.carrier.ear
        return words_heard(b"".join(pcm16 for _, pcm16 in ear.heard), ear.rate_hz)

    def stretches(self) -> list[list[int]]:
        """The same, for each stretch of sound without a pause in it."""
        ear = self.call.carrier.ear
        return [words_heard(part.pcm16, ear.rate_hz) for part in ear.stretches()]

    def number(self, word: str) -> int:
        return self.voice.words.index(word)


@asynccontextmanager
async def a_minute() -> AsyncIterator[None]:
    """A call that takes longer hangs."""
    with trio.fail_after(60):
        yield


async def settled(call: CallInMemory) -> None:
    """Until nothing was heard for a second."""
    ear = call.carrier.ear
    while not ear.heard or ear.ticks - ear.heard[-1][0] < 50:
        await trio.sleep(0.05)


async def answered(call: CallInMemory, ms: int = 20) -> None:
    """Until so much was heard that is new."""
    heard = call.carrier.ear.heard
    before = len(heard)
    while len(heard) < before + ms // 20:
        await trio.sleep(0.02)


async def whole_call(
    service: str, wire: Wire | None = None, choices: dict[str, str] | None = None
) -> Whole:
    """A greeting, a turn, keys, a reply that is interrupted, and the caller hangs up."""
    voice = WordVoice()
    script = Script(
        hears=["hello there", "tell me more", "stop it please now"],
        answers=[STORY, *(["Seven it is then."] if service != "freeswitch" else []), NUMBERS],
    )
    engines = script.engines(voice)
    agent: Agent[None] = Agent("Be brief.", name="desk", greeting=GREETING, spoken_style="")
    calls = calling(service, engines, agent=agent, wire=wire, choices=choices)
    async with a_minute(), calls as call:
        carrier = call.carrier
        rate = carrier.wire.sound.rate_hz
        await settled(call)
        carrier.says(loud(800, rate))
        await answered(call)
        await settled(call)
        if service != "freeswitch":  # it tells of no keys
            carrier.presses("7#")
            await answered(call)
            await settled(call)
        carrier.says(loud(800, rate))
        await answered(call, 2000)
        onset = carrier.ear.ticks
        carrier.says(loud(1200, rate))
        await trio.sleep(1)
        _nothing_old(service, call, onset)
        await answered(call)
        await settled(call)
    assert carrier.complaints == []
    asked = [m.text for m in call.session.parts.items.request("") if m.role == "user"]
    return Whole(call, voice, asked)


def _nothing_old(service: str, call: CallInMemory, onset: int) -> None:
    late = [tick for tick, _ in call.carrier.ear.heard if tick >= onset]
    old = itertools.takewhile(lambda pair: pair[1] - pair[0] < 25, itertools.pairwise(late))
    last = max([tick for pair in old for tick in pair], default=onset)
    assert (last + 1 - onset) * 20 <= SILENT_MS.get(service, 150)


WIRES: dict[str, Wire | None] = {
    "vonage": None,
    "vonage 8000": VonageWire(Call(), Sound("l16", 8_000)),
    "vonage 24000": VonageWire(Call(), Sound("l16", 24_000)),
    "asterisk": None,
    "asterisk plain": AsteriskWire(Call(), control="plain"),
    "asterisk slin16": AsteriskWire(Call(), Sound("l16", 16_000), form="slin16"),
    "asterisk slin44": AsteriskWire(Call(), Sound("l16", 44_100), form="slin44"),
    "asterisk alaw": AsteriskWire(Call(), Sound("alaw", 8_000), form="alaw", control="plain"),
    "jambonz": None,
    "jambonz 8000": JambonzWire(Call(), Sound("l16", 8_000)),
    "freeswitch": None,
    "freeswitch json": FreeswitchWire(Call(), out="json"),
    "freeswitch 8000": FreeswitchWire(Call(), Sound("l16", 8_000)),
    "genesys": None,
    "genesys l16": GenesysWire(Call(), Sound("l16", 8_000)),
    "audiosocket": None,
    "audiosocket 16000": AudioSocketWire(Call(), Sound("l16", 16_000), kind=0x12),
}


@pytest.mark.few(6)
@pytest.mark.parametrize("named", WIRES)
async def test_a_whole_call(named: str, autojump_clock: object) -> None:
    service, _, special = named.partition(" ")
    choices = {"out": "json"} if special == "json" else {}
    if named == "freeswitch 8000":
        choices = {"rate": "8000"}
    held = await whole_call(service, WIRES[named], choices)
    words = held.voice.words
    heard = held.heard()
    assert heard == sorted(set(heard))
    cut = held.number("One")
    digits = service != "freeswitch"
    assert heard[: cut + 6] == list(range(cut + 6))
    assert ("Seven" in words) == digits
    assert words[heard[-1]] == "fine."
    assert len(heard) < len(words) - 10  # the rest of the numbers was not heard
    pressed = "(pressed 7 on the telephone's keypad)"
    assert (pressed in held.asked) == digits
    _no_gap_in_a_phrase(held)
    kinds = [type(event) for event in held.call.events]
    assert (DigitPressed in kinds) == digits
    assert held.call.start.call_id
    assert kinds.count(ReplyOver) >= 4


def _no_gap_in_a_phrase(held: Whole) -> None:
    """Every stretch begins with the first word of a phrase, and ends with the last one; the one
    that was interrupted ends where it was."""
    words = held.voice.words
    cut = held.number("One")
    for stretch in held.stretches():
        assert stretch == list(range(stretch[0], stretch[-1] + 1))
        first, last = stretch[0], stretch[-1]
        assert first == 0 or words[first - 1].endswith("."), words[first]
        assert words[last].endswith(".") or last >= cut, words[last]


@pytest.mark.parametrize("service", MARKED)
async def test_what_is_remembered_is_what_was_heard_to_the_word(
    service: str, autojump_clock: object
) -> None:
    for seed in range(EXAMPLES):
        outcome = await interrupted(service, seed)
        assert (seed, outcome.remembered) == (seed, outcome.heard)
        assert outcome.complaints == []


@pytest.mark.few(1)
@pytest.mark.parametrize("service", MARKED)
async def test_it_is_on_a_network_without_delay_too(service: str, autojump_clock: object) -> None:
    for seed in range(EXAMPLES):
        outcome = await interrupted(service, seed, delay_ms=0, jitter_ms=0)
        assert (seed, outcome.remembered) == (seed, outcome.heard)
        assert outcome.silent_ms <= 150


@pytest.mark.parametrize(("service", "share"), ESTIMATED.items())
async def test_without_marks_it_is_an_estimate(
    service: str, share: float, autojump_clock: object
) -> None:
    right = 0
    for seed in range(EXAMPLES):
        outcome = await interrupted(service, seed)
        assert abs(outcome.remembered - outcome.heard) <= 1
        assert outcome.complaints == []
        right += outcome.remembered == outcome.heard
    assert right >= share * EXAMPLES


COUGHS: Sequence[tuple[str, float, float]] = [
    (service, delay_ms, jitter_ms)
    for service in (*MARKED, *ESTIMATED)
    for delay_ms, jitter_ms in ((0, 0), (40, 60))
]


@pytest.mark.few(3)
@pytest.mark.parametrize(("service", "delay_ms", "jitter_ms"), COUGHS)
async def test_after_a_cough_the_reply_goes_on_and_no_word_is_lost_or_said_twice(
    service: str, delay_ms: float, jitter_ms: float, autojump_clock: object
) -> None:
    for seed in (*range(max(3, EXAMPLES // 3)), 13):  # which is just before the end of the reply
        voice = WordVoice()
        script = Script(hears=["hello there", ""], answers=[NUMBERS])
        network = Network(delay_ms=delay_ms, jitter_ms=jitter_ms, seed=seed)
        async with calling(service, script.engines(voice), network=network) as call:
            rate_hz = call.carrier.wire.sound.rate_hz
            call.carrier.says(loud(800, rate_hz))
            await until_heard(call)
            await trio.sleep(1 + seed * 0.37)
            call.carrier.says(loud(100, rate_hz) + hush(100, rate_hz))
            await settled(call)
        heard = Whole(call, voice, []).heard()
        assert (seed, heard) == (seed, list(range(20)))
        assert call.carrier.complaints == []
        lost_ms = 20 * 300 - sum(len(p) // 2 for _, p in call.carrier.ear.heard) * 1000 / rate_hz
        assert abs(lost_ms) <= (40 if service in MARKED else 60), seed


@pytest.mark.parametrize("service", ["asterisk", "jambonz", "audiosocket", "genesys"])
async def test_the_service_is_told_that_the_call_is_over(
    service: str, autojump_clock: object
) -> None:
    agent: Agent[None] = Agent("Be brief.", name="desk", spoken_style="")

    @agent.on_call
    async def on_call(call: AgentCall[None]) -> None:
        await call.transfer("+15550009", "Good bye my friend.")

    voice = WordVoice()
    engines = Script(hears=[], answers=[]).engines(voice)
    async with calling(service, engines, agent=agent) as call:
        await call.carrier.ended.wait()
        assert Whole(call, voice, []).heard() == [0, 1, 2, 3]
        orders = [("transfer", "+15550009")] if service == "genesys" else []
        assert call.carrier.orders == [*orders, ("hang up", "")]
        assert call.carrier.complaints == []
    assert any(isinstance(event, CallEnding) for event in call.events)

"""Words that can be told apart by ear, and calls in which somebody speaks over them."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

import numpy as np
import trio

from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.kit import Engines
from parley.engines.tts.interface import Speech, WordTime
from parley.engines.vad.scripted import ScriptedDetector
from parley.testing.carrier import Network, Wire
from parley.testing.models import ScriptedModel
from support.calls import CallInMemory, calling, loud

WORD_MS = 300

RATE_HZ = 8_000

FIRST_LEVEL, RATIO = 280, 1.125

NUMBERS = (
    "One two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
    "sixteen seventeen eighteen nineteen twenty."
)


class WordVoice:
    """Each word lasts 300 ms, and is a level of its own, an eighth above that of the word before:
    G.711 changes a level by a thirtieth at most. There are 40 of them."""

    def __init__(self) -> None:
        self.words: list[str] = []

    async def speak(self, text: str) -> Speech:
        await trio.lowlevel.checkpoint()
        sound, times = b"", []
        for at, found in enumerate(re.finditer(r"\S+", text)):
            level = round(FIRST_LEVEL * RATIO ** len(self.words))
            self.words.append(found[0])
            sound += np.full(RATE_HZ * WORD_MS // 1000, level, dtype="<i2").tobytes()
            start_s, end_s = at * WORD_MS / 1000, (at + 1) * WORD_MS / 1000
            times.append(
                WordTime(start=found.start(), end=found.end(), start_s=start_s, end_s=end_s)
            )
        return Speech(pcm16=sound, rate_hz=RATE_HZ, words=tuple(times))


@dataclass(kw_only=True)
class Script:
    """What a call's engines do: what is understood, what is answered."""

    hears: list[str]
    answers: list[str]
    detector: ScriptedDetector | None = None

    def engines(self, voice: WordVoice) -> Engines:
        ear = ScriptedTranscriber(list(self.hears))
        model = ScriptedModel(list(self.answers), then=["fine."])
        return Engines(
            detector=lambda session: ScriptedDetector(),
            transcriber=lambda session: ear,
            responder=model,
            synthesizer=voice,
        )


async def until_heard(call: CallInMemory) -> None:
    """Until the ear has got something."""
    with trio.fail_after(60):
        while not call.carrier.ear.heard:
            await trio.sleep(0.01)


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A reply of twenty words over which somebody spoke."""

    remembered: int
    """How many of its words the conversation holds."""
    heard: int
    """How many the ear got to their end."""
    silent_ms: int
    """From the first sound over it until the ear got no more."""
    complaints: list[str]


async def interrupted(
    service: str,
    seed: int,
    *,
    delay_ms: float = 40,
    jitter_ms: float = 160,
    wire: Wire | None = None,
) -> Interrupted:
    """A call in which the caller speaks over the reply at a moment that is the seed's."""
    chance = random.Random(seed)
    script = Script(hears=["hello there", "stop it please now"], answers=[NUMBERS])
    network = Network(delay_ms=delay_ms, jitter_ms=jitter_ms, seed=seed)
    engines = script.engines(WordVoice())
    async with calling(service, engines, network=network, wire=wire) as call:
        ear = call.carrier.ear
        rate_hz = call.carrier.wire.sound.rate_hz
        call.carrier.says(loud(800, rate_hz))
        await until_heard(call)
        await trio.sleep(0.3 + chance.random() * 4)
        onset = ear.ticks
        call.carrier.says(loud(1200, rate_hz))
        await trio.sleep(4)
        first = _first_reply(call, onset)
        said = [m.text for m in call.session.parts.items.request("") if m.role == "assistant"]
        remembered = said[0].replace("… [interrupted]", "").split() if said else []
        samples = sum(len(pcm16) // 2 for _, pcm16 in first)
        return Interrupted(
            remembered=len(remembered),
            heard=int(samples * 1000 / rate_hz / WORD_MS + 1e-9),
            silent_ms=(first[-1][0] + 1 - onset) * 20 if first else 0,
            complaints=list(call.carrier.complaints),
        )


def _first_reply(call: CallInMemory, onset: int) -> list[tuple[int, bytes]]:
    """What the ear got of the first reply: what follows is the answer to the interruption, which
    begins after half a second of silence at least."""
    heard = call.carrier.ear.heard
    for at in range(1, len(heard)):
        if heard[at][0] > onset and heard[at][0] - heard[at - 1][0] > 25:
            return heard[:at]
    return heard


def words_heard(pcm16: bytes, rate_hz: int) -> list[int]:
    """The numbers of the words of a WordVoice in what an ear got, in order, each as often as its
    sound was there for at least half of its length."""
    samples = np.maximum(np.frombuffer(pcm16, dtype="<i2").astype(np.float64), 1.0)
    places = np.log(samples / FIRST_LEVEL) / np.log(RATIO)
    levels = np.rint(places).astype(int)
    sure = np.abs(places - levels) < 0.4
    found: list[int] = []
    run, length = -1, 0
    half = rate_hz * WORD_MS // 2000
    for level, good in zip(levels.tolist(), sure.tolist(), strict=True):
        if not good:
            continue
        if level == run:
            length += 1
        else:
            run, length = level, 1
        if length == half and level >= 0:
            found.append(level)
    return found

"""Engines that cost nothing and answer at once: what is left is the framework's own cost.

The callers of `parley bench sessions` write numbers into their audio: every frame's samples have
one value, the first frame of an utterance tells who speaks, each further one which frame it is.
The transcriber reads them back. So a partial says which frame it has got to, and a final whose
utterance it was and whether all of it arrived, through resamplers and all.
"""

from __future__ import annotations

from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager

import trio

from ..audio.pcm import HEARING_RATE_HZ
from ..engines.asr.interface import Hypothesis, Transcript
from ..engines.kit import OwnEngines, SessionInfo
from ..engines.tts.interface import Speech
from ..protocol.chat import ChatMessage

BASE = 1000
"""Nearer to zero is silence. `sample_of` makes negative samples: the bytes of positive ones would
be letters for many numbers, and be taken for a text that somebody sends as audio."""
STEP = 64
"""Between two numbers: more than a resampler's overshoot at a step of one."""
FRAME_NUMBERS = 200
"""Numbers below this name callers, those from here on count frames."""
MOST = 480
"""The largest number that a sample can hold."""

DETECTOR_FRAME = HEARING_RATE_HZ * 20 // 1000

REPLY = "The quick brown fox jumps over the lazy dog. It was a very fine day."
MS_PER_CHARACTER = 45
REPLY_RATE_HZ = 24_000


def sample_of(number: int) -> int:
    """The sample value that says this number, 0 to MOST - 1."""
    if not 0 <= number < MOST:
        raise ValueError(f"a sample can say 0 to {MOST - 1}, not {number}")
    return -(BASE + STEP * number + STEP // 2)


def number_of(sample: int) -> int | None:
    """What a sample says; None for silence."""
    return (abs(sample) - BASE) // STEP if abs(sample) >= BASE else None


class InstantDetector:
    """A frame is speech when the sample in its middle is."""

    rate_hz = HEARING_RATE_HZ
    frame_samples = DETECTOR_FRAME

    def is_speech(self, pcm16: bytes) -> bool:
        middle = len(pcm16) // 4 * 2
        return abs(int.from_bytes(pcm16[middle : middle + 2], "little", signed=True)) >= BASE

    def reset(self) -> None:
        pass


class InstantTranscriber:
    """Hears numbers. A partial is "frame N", a final is what `heard_words` says."""

    def __init__(self, session: SessionInfo) -> None:
        self._reset()

    def _reset(self) -> None:
        self._numbers: list[int] = []
        self._bytes = 0

    async def begin(self) -> None:
        self._reset()
        await trio.lowlevel.checkpoint()

    async def feed(self, pcm16: bytes) -> str:
        self._bytes += len(pcm16)
        middles = array("h", pcm16)[DETECTOR_FRAME // 2 :: DETECTOR_FRAME]
        self._numbers += [n for sample in middles if (n := number_of(sample)) is not None]
        await trio.lowlevel.checkpoint()
        frames = max(self._numbers, default=0) - FRAME_NUMBERS
        return f"frame {frames}" if frames >= 0 else ""

    async def hypothesis(self) -> Hypothesis | None:
        """Never asked: `feed` tells."""
        await trio.lowlevel.checkpoint()
        return None

    async def conclude(self) -> Transcript:
        return await self.finish()

    async def finish(self) -> Transcript:
        await trio.lowlevel.checkpoint()
        text = heard_words(self._numbers)
        audio_ms = self._bytes / (HEARING_RATE_HZ * 2 / 1000)
        return Transcript(text=text, decode_ms=0.0, audio_ms=audio_ms, runs=1)

    async def abandon(self) -> None:
        self._reset()
        await trio.lowlevel.checkpoint()


def heard_words(numbers: Sequence[int]) -> str:
    """ "caller C frames N": who spoke, and how many frames in a row from the first were heard."""
    if len(numbers) < 3:
        return ""
    # The third: at the edges of a frame a resampler is still on its way from one value to the next.
    caller = numbers[2]
    seen = set(numbers)
    frames = 0
    while FRAME_NUMBERS + frames in seen:
        frames += 1
    return f"caller {caller} frames {frames}"


class InstantResponder:
    """Always the same two sentences, or them several times."""

    def __init__(self, times: int = 1) -> None:
        self._reply = " ".join([REPLY] * times)

    @asynccontextmanager
    async def reply(self, conversation: Sequence[ChatMessage]) -> AsyncIterator[AsyncIterator[str]]:
        async with aclosing(self._tokens()) as tokens:
            yield tokens

    async def _tokens(self) -> AsyncGenerator[str, None]:
        for token in self._reply.split():
            await trio.lowlevel.checkpoint()
            yield token + " "


class InstantSynthesizer:
    """A phrase lasts as long as one that is spoken."""

    async def speak(self, text: str) -> Speech:
        await trio.lowlevel.checkpoint()
        samples = REPLY_RATE_HZ * MS_PER_CHARACTER * len(text) // 1000
        return Speech(pcm16=b"\x00\x10" * samples, rate_hz=REPLY_RATE_HZ)


def instant_engines(reply_times: int = 1) -> OwnEngines:
    return OwnEngines(
        detector=lambda session: InstantDetector(),
        transcriber=InstantTranscriber,
        responder=InstantResponder(reply_times),
        synthesizer=InstantSynthesizer(),
    )

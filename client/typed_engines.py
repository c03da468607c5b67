"""Engines for a conversation without sound: nobody is heard, and a voice takes no time.

For whoever types: a text chat in the terminal. The language model is whatever the settings say.
"""

from __future__ import annotations

import trio

from ..engines.asr.interface import Hypothesis, Transcript
from ..engines.kit import OwnEngines
from ..engines.tts.interface import Speech

RATE_HZ = 16_000
SILENCE = bytes(2 * RATE_HZ // 1000)
"""A millisecond: a phrase without any audio would count as one that failed."""


class DeafDetector:
    """Satisfies Detector."""

    rate_hz = RATE_HZ
    frame_samples = 480

    def is_speech(self, pcm16: bytes) -> bool:
        return False

    def reset(self) -> None:
        pass


class DeafTranscriber:
    """Satisfies Transcriber."""

    async def begin(self) -> None:
        await trio.lowlevel.checkpoint()

    async def feed(self, pcm16: bytes) -> str | None:
        await trio.lowlevel.checkpoint()
        return None

    async def hypothesis(self) -> Hypothesis | None:
        await trio.lowlevel.checkpoint()
        return None

    async def conclude(self) -> Transcript:
        return await self.finish()

    async def finish(self) -> Transcript:
        await trio.lowlevel.checkpoint()
        return Transcript(text="", decode_ms=0, audio_ms=0, runs=0)

    async def abandon(self) -> None:
        await trio.lowlevel.checkpoint()


class SilentVoice:
    """Satisfies Synthesizer."""

    async def speak(self, text: str) -> Speech:
        await trio.lowlevel.checkpoint()
        return Speech(pcm16=SILENCE, rate_hz=RATE_HZ)


def typed_engines() -> OwnEngines:
    """In the place of those that hear and speak."""
    return OwnEngines(
        detector=lambda session: DeafDetector(),
        transcriber=lambda session: DeafTranscriber(),
        synthesizer=SilentVoice(),
    )

"""Clients of every dialect, who say audio and hear a reply, whatever it is wrapped in."""

from __future__ import annotations

import base64
import functools
from pathlib import Path

import trio

from parley.audio.resampler import Resampler
from parley.audio.wav import read_wav
from parley.client.in_memory import InMemoryClient

AUDIO = Path(__file__).parents[2] / "examples/audio"
CHUNK_MS = 20

RATES_HZ = {"prompt-voice": 16_000, "io-speech": 16_000, "newspeech": 24_000}


def at_rate(pcm16: bytes, from_hz: int, to_hz: int) -> bytes:
    if from_hz == to_hz:
        return pcm16
    resampler = Resampler(from_hz, to_hz)
    return resampler.push(pcm16) + resampler.flush()


@functools.cache
def recording(name: str = "2-umbrella") -> bytes:
    """Real speech, with the quiet before and behind it: PCM16 at 16 kHz."""
    return read_wav(AUDIO / f"{name}.wav").pcm16


class Voice:
    """One client. Give it audio at the rate of its dialect (`rate_hz`)."""

    def __init__(self, dialect: str, client: InMemoryClient) -> None:
        self.dialect = dialect
        self.client = client
        self.rate_hz = RATES_HZ[dialect]
        self._sent = 0

    async def open(self) -> None:
        if self.dialect == "prompt-voice":
            await self.client.start()
        elif self.dialect == "io-speech":
            await self.client.say(type="control", action="start_listening")

    async def say(self, pcm16: bytes) -> None:
        """As a microphone does: each chunk when it has been spoken."""
        step = self.rate_hz * CHUNK_MS // 1000 * 2
        for start in range(0, len(pcm16), step):
            await trio.sleep(CHUNK_MS / 1000)
            chunk = pcm16[start : start + step]
            if self.dialect == "io-speech":
                data = base64.b64encode(chunk).decode()
                self._sent += 1
                await self.client.say(type="audio", data=data, timestamp=0, sequence=self._sent)
            else:
                await self.client.transport.send(chunk)

    async def pause(self, seconds: float) -> None:
        """The microphone stays open: silence."""
        await self.say(bytes(round(seconds * 1000) * self.rate_hz // 1000 * 2))

    def pieces(self) -> list[tuple[float, bytes]]:
        """The reply audio that came, with its times."""
        return [
            (at, pcm16)
            for at, message in self.client.received
            if (pcm16 := _pcm16(message)) is not None
        ]

    @property
    def reply(self) -> bytes:
        return b"".join(pcm16 for _, pcm16 in self.pieces())


def _pcm16(message: dict[str, object]) -> bytes | None:
    match message:
        case {"type": "binary", "pcm16": bytes(pcm16)}:
            return pcm16
        case {"type": "audio_output", "data": str(data)}:
            return base64.b64decode(data)
        case {"type": "tts_chunk", "audio_b64": str(data)}:
            return base64.b64decode(data)[44:]
    return None

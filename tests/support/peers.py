"""A peer that speaks any of the three first dialects, in frames of 20 ms and in virtual time."""

from __future__ import annotations

import base64
import json
from typing import Any

import trio

from parley.client.in_memory import InMemoryClient
from parley.protocol.io_speech import DIALECT as IO_SPEECH
from parley.protocol.newspeech import DIALECT as NEWSPEECH
from parley.protocol.prompt_voice import DIALECT as PROMPT_VOICE
from parley.testing import LOUD

DIALECTS = {d.profile.name: d for d in (PROMPT_VOICE, IO_SPEECH, NEWSPEECH)}

RATES_HZ = {"prompt-voice": 16_000, "io-speech": 16_000, "newspeech": 24_000}
FRAME_MS = 20

OPENING: dict[str, dict[str, Any]] = {
    "prompt-voice": {"type": "start"},
    "io-speech": {"type": "control", "action": "start_listening"},
    "newspeech": {"type": "control", "command": "start_session"},
}


class Peer:
    """The client of a session in memory, in `dialect`'s words."""

    def __init__(self, dialect: str, client: InMemoryClient) -> None:
        self.dialect = dialect
        self.client = client
        self.per_ms = RATES_HZ[dialect] // 1000

    async def open(self) -> None:
        await self.client.say(**OPENING[self.dialect])

    async def say(self, *parts_ms: int) -> None:
        """Speech and silence in turn, in real time."""
        for index, ms in enumerate(parts_ms):
            sample = LOUD if index % 2 == 0 else bytes(2)
            for _ in range(ms // FRAME_MS):
                await trio.sleep(FRAME_MS / 1000)
                await self.frame(sample * (self.per_ms * FRAME_MS))

    async def frame(self, pcm16: bytes) -> None:
        if self.dialect == "io-speech":
            data = base64.b64encode(pcm16).decode()
            await self.client.say(type="audio", data=data)
        else:
            await self.client.transport.send(pcm16)

    def audio_s(self, *, after_s: float = 0.0) -> float:
        """Seconds of reply audio that came after a moment."""
        return sum(
            seconds_of(self.dialect, message)
            for at_s, message in self.client.received
            if at_s >= after_s
        )

    @property
    def finals(self) -> list[str]:
        messages = self.client.of("final_transcript", "transcript")
        return [m["text"] for m in messages if m.get("is_final", True)]

    @property
    def barge_ins(self) -> list[dict[str, Any]]:
        return self.client.of("barge_in")


def seconds_of(dialect: str, message: dict[str, Any]) -> float:
    """Seconds of reply audio in one message."""
    match message["type"]:
        case "tts_chunk":
            wav = base64.b64decode(message["audio_b64"])
            rate_hz = int.from_bytes(wav[24:28], "little")
            return (len(wav) - 44) / 2 / rate_hz
        case "audio_output":
            return len(base64.b64decode(message["data"])) / 2 / 16_000
        case "binary":
            return len(message["pcm16"]) / 2 / 24_000
    return 0.0


def as_text(message: dict[str, Any]) -> str:
    return json.dumps({k: v for k, v in message.items() if k != "pcm16"})

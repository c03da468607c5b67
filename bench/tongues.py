"""The client's half of each dialect, as far as a measurement needs it: audio out, a few words in.

Messages are looked at, not checked: that is the tests' business, and a caller must be cheap, since
hundreds of them share one core.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

import msgspec

Kind: TypeAlias = Literal["greeting", "partial", "final", "audio", "over", "failure", "other"]


@dataclass(frozen=True, slots=True)
class Word:
    """One message from the server: `audio_s` seconds of reply audio, or a text.

    `covers_ms` is how much of the caller's audio a transcript covers; None where it is not told.
    """

    kind: Kind
    text: str = ""
    audio_s: float = 0.0
    covers_ms: float | None = None


OTHER = Word("other")

WAV_HEAD_BYTES = 44
WAV_RATE_AT = slice(24, 28)


class _Message(msgspec.Struct):
    type: str
    text: str = ""
    code: str = ""
    message: str = ""
    status: str = ""
    is_final: bool = False
    audio_b64: str = ""
    data: str = ""
    delta: str = ""
    transcript: str = ""
    audio_ms: float | None = None
    error: dict[str, object] | None = None


_decoder = msgspec.json.Decoder(_Message)


class Tongue(Protocol):
    """One per session: it may keep state."""

    path: str
    rate_hz: int
    """Of the caller's audio, which is PCM16 mono."""

    def opening(self) -> list[str]:
        """What is said before the first audio."""
        ...

    def audio(self, pcm16: bytes) -> str | bytes: ...

    def hear(self, frame: str | bytes) -> Word: ...


class PromptVoice:
    path = "/ws"
    rate_hz = 16_000

    def opening(self) -> list[str]:
        return ['{"type":"start","sample_rate":16000,"audio_clock":true}']

    def audio(self, pcm16: bytes) -> bytes:
        return pcm16

    def hear(self, frame: str | bytes) -> Word:
        message = _decoder.decode(frame)
        match message.type:
            case "partial_transcript":
                return Word("partial", message.text, covers_ms=message.audio_ms)
            case "final_transcript":
                return Word("final", message.text)
            case "tts_chunk":
                return Word("audio", audio_s=_wav_s(message.audio_b64))
            case "tts_complete":
                return Word("over")
            case "protocol":
                return Word("greeting")
            case "error":
                return Word("failure", f"{message.code}: {message.message}")
        return OTHER


class IoSpeech:
    path = "/stream"
    rate_hz = 16_000

    def __init__(self) -> None:
        self._sequence = 0
        self._speaking = False

    def opening(self) -> list[str]:
        return ['{"type":"control","action":"start_listening"}']

    def audio(self, pcm16: bytes) -> str:
        self._sequence += 1
        data = base64.b64encode(pcm16).decode()
        return f'{{"type":"audio","data":"{data}","timestamp":0,"sequence":{self._sequence}}}'

    def hear(self, frame: str | bytes) -> Word:
        message = _decoder.decode(frame)
        match message.type:
            case "transcript":
                return Word("final" if message.is_final else "partial", message.text)
            case "audio_output":
                return Word("audio", audio_s=len(message.data) * 3 // 4 / 2 / 16_000)
            case "status":
                return self._status(message.status)
            case "error":
                return Word("failure", f"{message.code}: {message.message}")
        return OTHER

    def _status(self, status: str) -> Word:
        over = self._speaking and status == "listening"
        self._speaking = status == "speaking"
        if over:
            return Word("over")
        return Word("greeting") if status == "connected" else OTHER


class NewSpeech:
    path = "/engine"
    rate_hz = 24_000

    def opening(self) -> list[str]:
        return ['{"type":"control","command":"start_session"}']

    def audio(self, pcm16: bytes) -> bytes:
        return pcm16

    def hear(self, frame: str | bytes) -> Word:
        if isinstance(frame, bytes):
            return Word("audio", audio_s=len(frame) / 2 / 24_000)
        message = _decoder.decode(frame)
        match message.type:
            case "partial_transcript":
                return Word("partial", message.text)
            case "final_transcript":
                return Word("final", message.text)
            case "tts_complete":
                return Word("over")
            case "protocol" | "info":
                return Word("greeting")
            case "error":
                return Word("failure", f"{message.code}: {message.message}")
        return OTHER


class Realtime:
    """Partials are not told in a conversation: `frame_lag_s` stays empty. `high` waits 2 s at the
    most, as the other protocols do by default: the same rules decide when a turn is over."""

    path = "/v1/realtime"
    rate_hz = 24_000

    def opening(self) -> list[str]:
        return [
            '{"type":"session.update","session":{"type":"realtime","audio":{"input":'
            '{"transcription":{"model":"whisper-1"},"turn_detection":{"type":"semantic_vad",'
            '"eagerness":"high"}}}}}'
        ]

    def audio(self, pcm16: bytes) -> str:
        data = base64.b64encode(pcm16).decode()
        return f'{{"type":"input_audio_buffer.append","audio":"{data}"}}'

    def hear(self, frame: str | bytes) -> Word:
        message = _decoder.decode(frame)
        match message.type:
            case "response.output_audio.delta":
                return Word("audio", audio_s=_base64_bytes(message.delta) / 2 / 24_000)
            case "conversation.item.input_audio_transcription.completed":
                return Word("final", message.transcript)
            case "response.done":
                return Word("over")
            case "session.created":
                return Word("greeting")
            case "error":
                error = message.error or {}
                return Word("failure", f"{error.get('code')}: {error.get('message')}")
        return OTHER


TONGUES: dict[str, type[PromptVoice | IoSpeech | NewSpeech | Realtime]] = {
    "prompt-voice": PromptVoice,
    "io-speech": IoSpeech,
    "newspeech": NewSpeech,
    "realtime": Realtime,
}
"""By the dialect's name."""


def _base64_bytes(text: str) -> int:
    return len(text) * 3 // 4 - text[-2:].count("=")


def _wav_s(audio_b64: str) -> float:
    """How long a WAV as Parley writes it lasts; only its head is decoded."""
    head = base64.b64decode(audio_b64[:60])
    rate_hz = int.from_bytes(head[WAV_RATE_AT], "little")
    size = len(audio_b64) * 3 // 4 - WAV_HEAD_BYTES
    return size / 2 / rate_hz

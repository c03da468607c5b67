"""What a server's frame told its client, whatever the dialect.

What came from the client is read with the dialect's own codec; servers' frames have none, so they
are read here by their names. A frame that says nothing for the eye is None.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any, TypeAlias

from ...audio.wav import NotAWav, parse_wav
from ...protocol.codes import Violation
from ...protocol.realtime.session_config import PCM_RATE_HZ
from ...protocol.telephone.sound import Sound


@dataclass(frozen=True, slots=True, kw_only=True)
class PartialTold:
    text: str
    stable_chars: int
    audio_ms: int | None


@dataclass(frozen=True, slots=True)
class FinalTold:
    text: str


@dataclass(frozen=True, slots=True)
class AudioTold:
    pcm16: bytes
    rate_hz: int


@dataclass(frozen=True, slots=True)
class CutTold:
    """The reply was cut: by speech or typed words, or because the client cancelled it."""

    cancelled: bool


@dataclass(frozen=True, slots=True)
class ErrorTold:
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class InfoTold:
    message: str


@dataclass(frozen=True, slots=True)
class ResponseOver:
    """A response has ended, where they are told one by one; `cut`: before its end."""

    cut: bool


Told: TypeAlias = (
    ResponseOver | PartialTold | FinalTold | AudioTold | CutTold | ErrorTold | InfoTold
)


CLEARINGS = ("clear", "clearAudio", "killAudio", "FLUSH_MEDIA", "PAUSE_MEDIA")
"""Words by which telephone services throw away, or stop, what they have to play."""


def told_on_a_line(frame: str | bytes, sound: Sound) -> Told | None:
    """What a telephone service was told. Words are not told there."""
    if isinstance(frame, bytes):
        return AudioTold(sound.heard(frame), sound.rate_hz)
    media = _PAYLOAD.search(frame)
    if media is not None:
        try:
            return AudioTold(sound.heard(base64.b64decode(media[1])), sound.rate_hz)
        except (ValueError, Violation):
            return None
    return CutTold(cancelled=False) if any(word in frame for word in CLEARINGS) else None


_PAYLOAD = re.compile(r'"payload": ?"([^"]*)"')


def told(frame: str | bytes, reply_rate_hz: int | None) -> Told | None:
    """`reply_rate_hz` is the profile's: binary frames do not say theirs."""
    if isinstance(frame, bytes):
        return AudioTold(frame, reply_rate_hz) if reply_rate_hz else None
    try:
        message = json.loads(frame)
        return _message(message) if isinstance(message, dict) else None
    except (ValueError, TypeError, RecursionError):
        return None


def _message(message: dict[str, Any]) -> Told | None:
    text = str(message.get("text") or "")
    match message.get("type"):
        case "partial_transcript":
            return PartialTold(
                text=text,
                stable_chars=int(message.get("stable_chars") or 0),
                audio_ms=message.get("audio_ms"),
            )
        case "final_transcript":
            return FinalTold(text)
        case "transcript" if message.get("is_final"):
            return FinalTold(text)
        case "transcript":
            stable = message.get("stable_chars")
            if stable is None:  # older versions told the stable share as the confidence
                stable = round(float(message.get("confidence") or 0) * len(text))
            return PartialTold(text=text, stable_chars=int(stable), audio_ms=None)
        case "tts_chunk" | "audio_output":
            return _audio(message)
        case "barge_in":
            return CutTold(cancelled=False)
        case "response.done":
            return ResponseOver(cut=message["response"].get("status") == "cancelled")
        case "response.output_audio.delta":
            return _realtime_audio(message)
        case "conversation.item.input_audio_transcription.completed":
            return FinalTold(str(message.get("transcript") or ""))
        case "error" if isinstance(message.get("error"), dict):
            error = message["error"]
            return ErrorTold(str(error.get("code", "")), str(error.get("message", "")))
        case "error" if message.get("code") == "CANCELLED":
            return CutTold(cancelled=True)
        case "error":
            return ErrorTold(str(message.get("code", "")), str(message.get("message", "")))
        case "info" if message.get("message") not in (None, "", "Session created"):
            return InfoTold(str(message.get("message", "")))
    return None


def _realtime_audio(message: dict[str, Any]) -> AudioTold | None:
    """As PCM16 at 24 kHz; the formats of telephones are not told apart from it here."""
    try:
        pcm16 = base64.b64decode(message["delta"], validate=True)
    except (KeyError, TypeError, ValueError, binascii.Error):
        return None
    return AudioTold(pcm16[: len(pcm16) // 2 * 2], PCM_RATE_HZ)


def _audio(message: dict[str, Any]) -> AudioTold | None:
    """None where a recording was made without its sound."""
    try:
        if message["type"] == "audio_output":
            pcm16 = base64.b64decode(message["data"], validate=True)
            rate_hz = int(message["sample_rate"])
            return AudioTold(pcm16[: len(pcm16) // 2 * 2], rate_hz) if rate_hz > 0 else None
        wav = parse_wav(base64.b64decode(message["audio_b64"], validate=True))
    except (KeyError, TypeError, ValueError, binascii.Error, NotAWav):
        return None
    return AudioTold(wav.pcm16, wav.rate_hz)

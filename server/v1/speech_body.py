"""What a request for speech asks for. Pure; whatever is wrong is a BadRequest (400)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import msgspec

from ...engines.media.encoder import FORMATS, SpeechFormat
from ..http.head import BadRequest
from .bodies import json_body

INPUT_LIMIT_CHARS = 10_000
"""OpenAI takes 4,096. It is spoken sentence by sentence, so more of it costs no memory."""
SPEEDS = (0.25, 4.0)


class _Voice(msgspec.Struct, frozen=True):
    id: str


class _Body(msgspec.Struct, frozen=True):
    input: str
    model: str | None = None
    voice: str | _Voice | None = None
    response_format: str | None = None
    speed: float | None = None
    stream_format: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechRequest:
    text: str
    voice: str | None
    format: SpeechFormat
    speed: float
    events: bool
    """Whether it is to be sent as events, and not as plain sound."""


def speech_request(body: bytes) -> SpeechRequest:
    """Any model will do, and `instructions` are left out: no voice here takes any."""
    asked = json_body(body, _Body)
    text = asked.input.strip()
    if not text:
        raise BadRequest(400, "the input is empty", param="input")
    if len(text) > INPUT_LIMIT_CHARS:
        told = f"the input may have {INPUT_LIMIT_CHARS} characters"
        raise BadRequest(400, told, param="input", code="string_above_max_length")
    speed = 1.0 if asked.speed is None else asked.speed
    if not (math.isfinite(speed) and SPEEDS[0] <= speed <= SPEEDS[1]):
        told = f"the speed is a number from {SPEEDS[0]:g} to {SPEEDS[1]:g}"
        raise BadRequest(400, told, param="speed")
    stream_format = asked.stream_format or "audio"
    if stream_format not in ("audio", "sse"):
        told = f"stream_format is audio or sse, not {stream_format[:40]!r}"
        raise BadRequest(400, told, param="stream_format")
    return SpeechRequest(
        text=text,
        voice=asked.voice.id if isinstance(asked.voice, _Voice) else asked.voice,
        format=_format(asked.response_format or "mp3"),
        speed=speed,
        events=stream_format == "sse",
    )


def _format(asked: str) -> SpeechFormat:
    if asked not in FORMATS:
        told = f"response_format is one of {', '.join(FORMATS)}, not {asked[:40]!r}"
        raise BadRequest(400, told, param="response_format")
    return asked

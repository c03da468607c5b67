"""What the bodies of speech requests hold, and what answers are made of. Pure: no event loop.

Whatever is wrong with a body is a BadRequest (400, 413, 415) with words for its sender.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from ...audio.containers import LOOK_BYTES, NotSound, check_file, check_pcm16, container_of
from ...audio.pcm import HEARING_RATE_HZ
from ...audio.wav import wav_bytes
from ...engines.tts.interface import Speech
from .head import BadRequest
from .multipart import form_field, is_form_data

TEXT_LIMIT_CHARS = 2000
"""What is spoken at once: two minutes of speech, some 8 MB of base64. A reply is cut there."""

FIELD = "file"
Shape = TypeVar("Shape")


EVENT_ID_CHARS = 200
"""Of an event's id. A longer one is not echoed."""


class _Traced(msgspec.Struct, frozen=True):
    event_id: str | None = None


class SttBody(msgspec.Struct, frozen=True):
    audio: str


class TtsBody(msgspec.Struct, frozen=True):
    text: str


def _json(body: bytes, shape: type[Shape]) -> Shape:
    try:
        return msgspec.json.decode(body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRequest(400, f"the body is not the JSON it should be: {error}") from None


def event_id_of(header: str | None, body: bytes = b"") -> str | None:
    """The id by which a client traces its request: the `event_id` of a JSON body, or else the
    header `X-Event-ID`. None where there is none, it is no text, or it is too long."""
    found = header
    if b'"event_id"' in body:
        with contextlib.suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            found = msgspec.json.decode(body, type=_Traced).event_id or header
    return found if found and len(found) <= EVENT_ID_CHARS else None


def stt_audio(body: bytes) -> bytes:
    """The bytes in the `audio` of a JSON body, which may be a data URL."""
    text = _json(body, SttBody).audio
    if text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        audio = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadRequest(400, "the audio is not valid base64") from None
    if not audio:
        raise BadRequest(400, "the audio is empty")
    return audio


def holds_a_file(audio: bytes) -> bool:
    """Whether it has a header; without one it is PCM16. Raises BadRequest (415) for what is
    neither."""
    try:
        if container_of(audio[:LOOK_BYTES]) is not None:
            return True
        check_pcm16(audio)
    except NotSound as problem:
        raise BadRequest(415, str(problem)) from None
    return False


def known_file(blob: bytes) -> bytes:
    """The same, where it is a sound file that can be read."""
    try:
        check_file(blob[:LOOK_BYTES])
    except NotSound as problem:
        raise BadRequest(415, str(problem)) from None
    return blob


def raw_pcm16(audio: bytes, limit_ms: int) -> bytes:
    """Audio without a header: PCM16 mono at 16 kHz."""
    if len(audio) % 2:
        raise BadRequest(400, "PCM16 has an even number of bytes")
    if len(audio) > limit_ms * HEARING_RATE_HZ * 2 // 1000:
        raise BadRequest(413, f"the recording is longer than {limit_ms / 1000:g} s")
    return audio


def tts_text(body: bytes) -> str:
    """The text to speak."""
    text = _json(body, TtsBody).text.strip()
    if not text:
        raise BadRequest(400, "the text is empty")
    if len(text) > TEXT_LIMIT_CHARS:
        raise BadRequest(413, f"the text may have {TEXT_LIMIT_CHARS} characters")
    return text


def form_blob(content_type: str, body: bytes) -> bytes:
    """The recording in a form."""
    blob = form_field(content_type, body, FIELD)
    if not blob:
        raise BadRequest(400, "the recording is empty")
    return known_file(blob)


def voice_blob(content_type: str, body: bytes) -> bytes:
    """The recording in a form, or in the body itself."""
    if is_form_data(content_type):
        return form_blob(content_type, body)
    if not body:
        raise BadRequest(400, "the recording is empty")
    return known_file(body)


def joined(speeches: Sequence[Speech]) -> bytes:
    """One WAV. A synthesizer has one rate; only its empty speech may tell another."""
    spoken = [speech for speech in speeches if speech.pcm16] or list(speeches)
    rate_hz = spoken[0].rate_hz if spoken else HEARING_RATE_HZ
    return wav_bytes(b"".join(speech.pcm16 for speech in spoken), rate_hz)

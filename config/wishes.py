"""What a client may wish of its own session, as query parameters of the WebSocket's address.

    silence_ms     how long a silence ends a turn, where the words leave it open; the shortest and
                   the longest silence change with it
    sensitivity    how readily a sound is taken for speech: 0 hardly, 1 at once
    voice          which voice answers
    speak          what is spoken at once: "sentences", or "short" phrases

They make an overlay: the server's settings with a few others, for one session. A detector takes
what it has a knob for, so `sensitivity` sets all four of them. Blank values count
as not given, and parameters with other names are somebody else's.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal, TypeAlias

from pydantic import ValidationError

from .kinds import allowed
from .settings import Settings

VoiceSetting: TypeAlias = Literal["stream_tts_voice", "stream_kokoro_voice", "openai_tts_voice"]
"""The setting that names the voice of the engine that speaks."""

SPEAK = ("sentences", "short")

VOICE_CHARS = 100
"""Of a voice's name; the longest of espeak's has 40."""

_VOICE = re.compile(r"\w(?:[\w ,()'+-]|[./](?![./]))*")
"""No way up and out of the folder of voices: espeak takes a name for a path below it."""

_SHOWN_CHARS = 40


class BadWish(Exception):
    """A wish that cannot be granted; the message says which, and what is allowed."""


def wished(
    settings: Settings, query: Mapping[str, str], voice_setting: VoiceSetting | None
) -> Settings:
    """The settings for a session with these wishes; the very same where there are none.

    `voice_setting` is None where the engine has one voice only. Raises BadWish.
    """
    changes: dict[str, object] = {}
    if silence := _given(query, "silence_ms"):
        silence_ms = _checked("silence_ms", "stream_vad_silence_ms", silence)
        changes |= _waiting(settings, int(silence_ms))
    if sensitivity := _given(query, "sensitivity"):
        changes |= _hearing_at(float(_checked("sensitivity", "vad_sensitivity", sensitivity)))
    if speak := _given(query, "speak"):
        if speak not in SPEAK:
            raise BadWish(f"speak: {_shown(speak)} is refused; allowed: {', '.join(SPEAK)}")
        changes["stream_phrases"] = speak
    if voice := _given(query, "voice"):
        if voice_setting is None:
            raise BadWish("voice: the engine that speaks here has one voice only")
        if len(voice) > VOICE_CHARS or not _VOICE.fullmatch(voice):
            raise BadWish(
                f"voice: {_shown(voice)} is refused; allowed: a voice's name, {VOICE_CHARS} "
                "characters at most, letters, digits, spaces and - _ + . , / ( ) '"
            )
        changes[voice_setting] = voice
    return settings.model_copy(update=changes) if changes else settings


def _waiting(settings: Settings, silence_ms: int) -> dict[str, object]:
    """Who wants twice the silence wants all windows of the end of a turn twice as long."""
    share = silence_ms / settings.stream_vad_silence_ms
    return {
        "stream_vad_silence_ms": silence_ms,
        "vad_silence_duration_ms": silence_ms,
        "stream_turn_floor_ms": max(100, round(settings.stream_turn_floor_ms * share)),
        "stream_turn_ceiling_ms": min(10_000, round(settings.stream_turn_ceiling_ms * share)),
    }


def _hearing_at(sensitivity: float) -> dict[str, object]:
    """One number for every detector's knob; at 0.5 all but newspeech have their defaults."""
    return {
        "vad_sensitivity": sensitivity,
        "stream_vad_threshold": min(0.95, max(0.05, 1 - sensitivity)),
        "stream_vad_aggressiveness": min(3, max(0, round((1 - sensitivity) * 3))),
        "vad_energy_threshold": 0.01 * 10 ** (1 - 2 * sensitivity),
    }


def _given(query: Mapping[str, str], name: str) -> str:
    return query.get(name, "").strip()


def _checked(name: str, setting: str, text: str) -> int | float:
    """The number that the setting's own rule makes of the text. Raises BadWish."""
    try:
        number: int | float = getattr(Settings.defaults(**{setting: text}), setting)
    except ValidationError:
        rule = allowed(Settings.model_fields[setting])
        raise BadWish(f"{name}: {_shown(text)} is refused; allowed: {rule}") from None
    return number


def _shown(text: str) -> str:
    return ascii(text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}...")

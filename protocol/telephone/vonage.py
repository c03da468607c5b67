"""Vonage's WebSocket endpoint: L16 in binary messages of exactly 20 ms, JSON beside them.

`notify` comes back behind the audio before it, which makes it the mark; `clear` is answered, and
what was noted before it is taken for lost. Source: wire facts of the telephone, 4.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..call_start import CallStart, parameters_of
from ..codes import Breach, Violation
from ..commands import Command, EndSession
from ..dialect import NO_CHOICES, Choices, Dialect, Frame, NowMs
from ..jsontext import as_json
from .control_text import inner, object_of, object_or_none
from .line_codec import WholeFrames
from .profile import SOUND_OPTIONS, at_rate, telephone_profile
from .sound import Sound, chosen_sound, sound_of

PROFILE = telephone_profile("vonage")

CONNECTED = "websocket:connected"

_OWN = ("event", "content-type")


def _sound_of(content_type: object) -> Sound:
    """Of `audio/l16;rate=16000`. Raises Violation."""
    coding, *parameters = str(content_type or "audio/l16").split(";")
    given = {
        name.strip().lower(): value for name, _, value in (p.partition("=") for p in parameters)
    }
    return sound_of(coding, given.get("rate", "").strip(' "') or 16_000)


class VonageArrival:
    def read(self, frame: Frame) -> CallStart | None:
        message = object_or_none(frame) if isinstance(frame, str) else None
        if message is None or message.get("event") != CONNECTED:
            return None
        sound = _sound_of(message.get("content-type"))
        parameters = parameters_of({k: v for k, v in message.items() if k not in _OWN})
        return CallStart(
            service="vonage",
            call_id=parameters.get("call_id") or parameters.get("uuid", ""),
            caller=parameters.get("caller") or parameters.get("from", ""),
            called=parameters.get("called") or parameters.get("to", ""),
            parameters=parameters,
            choices=sound.choices,
        )


class VonageCodec(WholeFrames):
    most_ms = 15_000.0  # it keeps 1024 messages, 20 s

    def __init__(self, now_ms: NowMs, choices: Choices = NO_CHOICES) -> None:
        super().__init__(at_rate(PROFILE, choices), chosen_sound(choices), now_ms)

    def read(self, frame: Frame) -> Sequence[Command]:
        if isinstance(frame, bytes):
            return self._heard(frame)
        message = object_of(frame)
        match message.get("event"):
            case "websocket:connected":
                return self._start()
            case "websocket:notify":
                return self._mark_came(str(inner(message, "payload").get("mark", "")))
            case "websocket:cleared":
                return self._clearing_came()
            case "websocket:dtmf":
                return self._key(message.get("digit"))
            case "websocket:disconnected":
                return (EndSession(),)
            case event:
                raise Violation(Breach.UNKNOWN_TYPE, f"unknown event {str(event)[:40]!r}")

    def _mark(self, name: str) -> list[Frame]:
        return [as_json({"action": "notify", "payload": {"mark": name}})]

    def _clear(self) -> list[Frame]:
        return [as_json({"action": "clear"})]


DIALECT = Dialect(
    profile=PROFILE,
    profile_of=at_rate,
    codec=VonageCodec,
    arrival=VonageArrival,
    paths=("/telephone/vonage",),
    options=SOUND_OPTIONS,
)

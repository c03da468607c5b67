"""jambonz's `listen` verb, and the module behind it (mod_audio_fork): the call's attributes as the
first text, L16 in binary messages, JSON beside them.

Marks come back as played or as cleared, which the service tells apart. The rate at which it plays
is taken to be the one at which it sends: `bidirectionalAudio.sampleRate` has to be the same as
`sampleRate`. Source: wire facts of the telephone, 8.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .. import events
from ..call_start import CallStart, parameters_of, words
from ..codes import Breach, Violation
from ..commands import Command
from ..dialect import NO_CHOICES, Choices, Dialect, Frame, NowMs
from ..jsontext import as_json
from .control_text import inner, object_of, object_or_none
from .line_codec import LineCodec
from .profile import SOUND_OPTIONS, at_rate, telephone_profile
from .sound import chosen_sound, sound_of

PROFILE = telephone_profile("jambonz")

SUBPROTOCOL = "audio.jambonz.org"
"""mod_audio_fork alone offers audio.drachtio.org, which is answered as the one that is offered."""

DEFAULT_RATE_HZ = 8_000


def _is_start(message: Mapping[str, Any]) -> bool:
    return "type" not in message and "event" not in message


class JambonzArrival:
    def read(self, frame: Frame) -> CallStart | None:
        message = object_or_none(frame) if isinstance(frame, str) else None
        if message is None or not _is_start(message):
            return None
        if message.get("mixType") == "stereo":
            raise Violation(Breach.INVALID_AUDIO, "mixType stereo: choose mono")
        parameters = parameters_of(message)
        return CallStart(
            service="jambonz",
            call_id=words(message.get("callSid")),
            account_id=words(message.get("accountSid")),
            caller=words(message.get("from")),
            called=words(message.get("to")),
            parameters={**parameters_of(inner(message, "metadata")), **parameters},
            choices=sound_of("l16", message.get("sampleRate") or DEFAULT_RATE_HZ).choices,
        )


class JambonzCodec(LineCodec):
    most_ms = 1_500.0  # its ring holds 2 s

    def __init__(self, now_ms: NowMs, choices: Choices = NO_CHOICES) -> None:
        super().__init__(at_rate(PROFILE, choices), chosen_sound(choices), now_ms)

    def read(self, frame: Frame) -> Sequence[Command]:
        if isinstance(frame, bytes):
            return self._heard(frame)
        message = object_of(frame)
        if _is_start(message):
            return self._start()
        if message.get("event") == "dtmf":
            return self._key(message.get("dtmf"))
        match message.get("type"):
            case "mark":
                mark = inner(message, "data")
                if mark.get("event") == "cleared":
                    return ()  # it was thrown away
                return self._mark_came(str(mark.get("name", "")))
            case "playDone":
                return ()  # of audio as files, which is not sent
            case kind:
                raise Violation(Breach.UNKNOWN_TYPE, f"unknown type {str(kind)[:40]!r}")

    def _mark(self, name: str) -> list[Frame]:
        return [as_json({"type": "mark", "data": {"name": name}})]

    def _clear(self) -> list[Frame]:
        return [as_json({"type": "killAudio"})]

    def _clear_told_by_mark(self) -> bool:
        return True

    def _parting(self, event: events.Closing) -> list[Frame]:
        """The verb ends, and the application goes on with the next one."""
        return [as_json({"type": "disconnect"})]


DIALECT = Dialect(
    profile=PROFILE,
    profile_of=at_rate,
    codec=JambonzCodec,
    arrival=JambonzArrival,
    paths=("/telephone/jambonz",),
    options=SOUND_OPTIONS,
    subprotocol=SUBPROTOCOL,
)

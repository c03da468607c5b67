"""FreeSWITCH's mod_audio_stream: L16 in binary messages, before which a text of metadata may come.

How audio goes back depends on the build: as binary messages where it is full duplex, or as JSON
(`?out=json`). There are no marks, and nothing answers a clearing, so that what was heard is an
estimate by time. Therefore little is sent ahead, and a sound over the reply lets play what is
there. The messages do not say their rate, which is 16 kHz if neither the address (`?rate=8000`) nor
a `sampleRate` among the metadata says something else. Source: wire facts of the telephone, 6.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from ..call_start import CallStart, parameters_of
from ..codes import Breach, Violation
from ..commands import Command
from ..dialect import NO_CHOICES, Choices, Dialect, Frame, NowMs
from ..jsontext import as_json
from .control_text import object_of, object_or_none
from .line_codec import WholeFrames
from .profile import SOUND_OPTIONS, at_rate, telephone_profile
from .sound import chosen_sound, sound_of

RATE_HZ = 16_000

LEAD_MS = 120
"""All of it is heard after the first sound over a reply."""

PROFILE = telephone_profile(
    "freeswitch",
    at_sound="wait",
    tells_cleared=False,
    reply_lead_ms=LEAD_MS,
    reply_frame_ms=20,
    reply_rate_hz=RATE_HZ,
)

OUT = MappingProxyType({"out": ("binary", "json")})


class FreeswitchArrival:
    def read(self, frame: Frame) -> CallStart | None:
        if isinstance(frame, bytes):
            return CallStart(service="freeswitch", choices={"coding": "l16"})
        message = object_or_none(frame)
        if message is None:
            parameters = {"metadata": frame[:4000]} if frame else {}
        else:
            parameters = parameters_of(message)
        choices: Mapping[str, str] = {"coding": "l16"}
        if "sampleRate" in parameters:
            choices = sound_of("l16", parameters["sampleRate"]).choices
        return CallStart(
            service="freeswitch",
            call_id=parameters.get("uuid") or parameters.get("call_id", ""),
            caller=parameters.get("caller", ""),
            called=parameters.get("called", ""),
            parameters=parameters,
            choices=choices,
        )


class FreeswitchCodec(WholeFrames):
    most_ms = 5_000.0  # how much it keeps depends on the build

    def __init__(self, now_ms: NowMs, choices: Choices = NO_CHOICES) -> None:
        sound = chosen_sound({"coding": "l16", **choices}, RATE_HZ)
        super().__init__(at_rate(PROFILE, choices), sound, now_ms)
        self._as_json = choices.get("out") == "json"

    def read(self, frame: Frame) -> Sequence[Command]:
        if not self._started:
            start = self._start()
            return [*start, *self._heard(frame)] if isinstance(frame, bytes) else start
        if isinstance(frame, bytes):
            return self._heard(frame)
        kind = object_of(frame).get("type")
        if kind == "playoutDone":
            return ()
        raise Violation(Breach.UNKNOWN_TYPE, f"unknown type {str(kind)[:40]!r}")

    def _piece(self, data: bytes) -> Frame:
        if not self._as_json:
            return data
        told = {
            "audioDataType": "raw",
            "sampleRate": self._sound.rate_hz,
            "audioData": base64.b64encode(data).decode(),
        }
        return as_json({"type": "streamAudio", "data": told})

    def _held(self) -> list[Frame]:
        return []

    def _clear(self) -> list[Frame]:
        return [as_json({"type": "killAudio"})]


DIALECT = Dialect(
    profile=PROFILE,
    profile_of=at_rate,
    codec=FreeswitchCodec,
    arrival=FreeswitchArrival,
    paths=("/telephone/freeswitch",),
    options={**SOUND_OPTIONS, **OUT},
)

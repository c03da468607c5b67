"""The figures that a plan is made of: what each is called, its unit, and what it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

DIALECTS: Mapping[str, int] = MappingProxyType(
    {"ws": 20, "stream": 20, "engine": 20, "realtime": 20, "telephone": 20}
)
"""How clients speak, and how many milliseconds of audio their frames usually hold: the page sends
20, and so does every telephone service."""

SERVICE = "service"
"""An engine that runs elsewhere and costs nothing here."""
RECOGNIZERS = ("moonshine", "whisper", SERVICE)
VOICES = ("joe", "kokoro", "espeak", SERVICE)
DETECTORS = ("silero", "webrtc", "energy")
MODELS = ("local", SERVICE)


@dataclass(frozen=True, slots=True)
class Meaning:
    unit: str
    what: str


CORE = "core"
"""CPU seconds per second."""
CPU_S = "CPU s"


def _meanings() -> Mapping[str, Meaning]:
    found = {
        "server.base": Meaning(CORE, "a server process to which nobody is connected"),
        "server.wake": Meaning(CPU_S, "waking a server process that has slept for long"),
        "server.cools": Meaning("s", "in which a sleeping process loses its caches"),
        "server.mb": Meaning("MB", "memory of a server process to which nobody is connected"),
        "server.hearing": Meaning(
            CORE, "in the server's process, per person who talks: to the recognizer, from the voice"
        ),
        "server.series": Meaning("series", "of metrics that a server process shows"),
        "log.turn": Meaning("bytes", "of the log per turn, as JSON at level info"),
        "log.call": Meaning("bytes", "of the log per call, as JSON at level info"),
        "proxy.message": Meaning(CPU_S, "HAProxy, one message in either direction"),
        "proxy.mb": Meaning("MB", "HAProxy's memory per session, both sides"),
        "store.set": Meaning(CPU_S, "Valkey or Redis, one SET of 4 KB"),
        "store.operation": Meaning(CPU_S, "Valkey or Redis, one small operation"),
        "recording.bytes": Meaning("bytes/s", "of a recording, per session"),
        "model.service.turn": Meaning(CPU_S, "in the server's process, a request to a model"),
        "model.local.turn": Meaning(CPU_S, "in the server's process, an answer by rules"),
    }
    for name in DIALECTS:
        found |= {
            f"{name}.session": Meaning(CORE, "an open session, without its frames"),
            f"{name}.frame": Meaning(CPU_S, "one frame of audio from the client"),
            f"{name}.talk": Meaning(CORE, "a session whose person talks, beside that"),
            f"{name}.reply": Meaning(CORE, "a session that is spoken to, beside that"),
            f"{name}.turn": Meaning(CPU_S, "one turn, beside that"),
            f"{name}.mb": Meaning("MB", "memory of a session"),
            f"{name}.frame_bytes": Meaning("bytes", "payload of a frame of 20 ms from the client"),
            f"{name}.reply_bytes": Meaning("bytes/s", "payload to the client during a reply"),
            f"{name}.reply_messages": Meaning("1/s", "messages to the client during a reply"),
        }
    for name in DETECTORS:
        found[f"detector.{name}"] = Meaning(CORE, "per session, whether anybody talks or not")
    for name in RECOGNIZERS[:-1]:
        found[f"recognizer.{name}"] = Meaning(CORE, "in its processes, per person who talks")
        found[f"recognizer.{name}.mb"] = Meaning("MB", "memory of one of its processes")
    for name in VOICES[:-1]:
        found[f"voice.{name}"] = Meaning(CORE, "in its processes, per reply being spoken")
        found[f"voice.{name}.mb"] = Meaning("MB", "memory of one of its processes")
    return MappingProxyType(found)


MEANINGS = _meanings()
"""By the figure's name. Nothing else may stand in a file of costs."""

"""What a session makes of the sound of a telephone line: a call in memory with any engines.

The call is one of dialect A at 8 kHz whose profile says that it comes from a telephone line.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

import msgspec
import trio

from ..audio.g711 import RATE_HZ
from ..config import Settings
from ..engines.kit import Engines
from ..engines.llm.scripted import ScriptedResponder
from ..engines.tts.scripted import ScriptedSynthesizer
from ..protocol.prompt_voice import DIALECT, PROFILE
from ..telemetry import Telemetry
from .sessions import open_session

ON_A_LINE = msgspec.structs.replace(
    DIALECT, profile=msgspec.structs.replace(PROFILE, telephone=True)
)

CHUNK_MS = 20
CHUNK = CHUNK_MS * RATE_HZ // 1000 * 2
QUIET_MS = 1500
"""Before and behind the sound. A silence of 700 ms ends an utterance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    finals: tuple[str, ...]
    """Those with words."""
    answered: int
    """How many replies were begun and let out."""
    left_out: int
    """How many utterances were dropped as sounds of the line."""


async def hear_line(
    engines: Engines,
    pcm16: bytes,
    *,
    settings: Settings,
    on_a_line: bool = True,
    speed: float = 4.0,
) -> Heard:
    """Plays PCM16 at 8 kHz to a session with the detector, the recognizer and the end of turn of
    `engines`; who answers and speaks is scripted. `speed` is in times real time. `on_a_line` says
    whether the session knows that it is a telephone."""
    responder = ScriptedResponder(then=["Yes."])
    scripted = replace(engines, responder=responder, synthesizer=ScriptedSynthesizer())
    dialect = ON_A_LINE if on_a_line else DIALECT
    quiet = bytes(QUIET_MS * RATE_HZ // 1000 * 2)
    sound = quiet + pcm16 + quiet
    telemetry = Telemetry()
    async with open_session(scripted, settings=settings, dialect=dialect, telemetry=telemetry) as (
        _,
        client,
    ):
        await client.transport.send(json.dumps({"type": "start", "sample_rate": RATE_HZ}))
        for at in range(0, len(sound), CHUNK):
            await trio.sleep(CHUNK_MS / 1000 / speed)
            await client.transport.send(sound[at : at + CHUNK])
        await client.stop()
        await client.wait_for("info", where=_complete)
        finals = tuple(m["text"] for m in client.of("final_transcript") if m["text"])
        return Heard(
            finals=finals,
            answered=len(client.of("tts_complete")),
            left_out=int(telemetry.registry.get_sample_value("parley_line_sounds_total") or 0),
        )


def _complete(message: Mapping[str, object]) -> bool:
    return message.get("message") == "Session complete"

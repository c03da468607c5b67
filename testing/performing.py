"""Runs one scene: its session, its scripted engines and its client, in memory.

A performance is recorded (a turnstile at the session's seams, and a tape) or not. It can be
cancelled at any of its steps; what it has by then is there to be looked at.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, cast

import trio

from ..agents.registry import Agents
from ..client.in_memory import InMemoryClient
from ..config import Settings
from ..conversation.caller import Caller
from ..conversation.events import Watcher
from ..engines.agent.interface import Conductor
from ..engines.asr.scripted import ScriptedTranscriber
from ..engines.kit import Engines
from ..engines.llm.scripted import ScriptedResponder
from ..engines.tts.scripted import ScriptedStream, ScriptedSynthesizer
from ..engines.turn.interface import TurnEndEngine
from ..engines.turn.scripted import ScriptedTurnEnd
from ..engines.turn.text import TextTurnEnd
from ..engines.vad.scripted import ScriptedDetector
from ..recording.tap import Tap, TappedConductor, TappedTransport, tapped
from ..recording.tape import Header, MemoryTape, Recording
from ..session.life import Session
from ..telemetry import Telemetry
from ..transport import MemoryTransport, PeerGone, memory_pair
from ..turnstile import Turnstile
from .scene import Scene, perform_actions

OPENED_MS = 1_763_640_000_000
"""The time of day at which every scene begins, in Unix milliseconds."""


@dataclass(eq=False)
class Performance:
    """One run of a scene, and after it the session, the client and what passed between them."""

    scene: Scene
    recorded: bool = True
    watchers: Sequence[Watcher] = ()
    engines: Engines | None = None
    """Other engines than the scene's scripted ones."""
    received: list[str | bytes] = field(default_factory=list)
    """The frames that the client got."""

    def __post_init__(self) -> None:
        scene = self.scene
        self.settings = Settings.defaults(**scene.settings)
        self.telemetry = Telemetry()
        self.transcriber = ScriptedTranscriber(scene.words, **scene.asr)
        self.second = None if scene.second is None else ScriptedResponder(then=scene.second)
        self.responder = ScriptedResponder(scene.replies, then=scene.reply, second=self.second)
        voice = ScriptedStream if scene.streams else ScriptedSynthesizer
        self.synthesizer = voice(**scene.tts)
        engines = self.engines or self._scripted()
        self.server_end, self.client_end = memory_pair(scene.capacity)
        self._tape = MemoryTape()
        turnstile = Turnstile() if self.recorded else None
        tap = Tap(turnstile, self._tape) if turnstile else None
        conductor = self._conductor()
        if conductor is not None and tap is not None:
            conductor = TappedConductor(conductor, tap)
        self.session = Session(
            transport=TappedTransport(self.server_end, tap) if tap else self.server_end,
            dialect=scene.dialect,
            engines=tapped(engines, tap) if tap else engines,
            settings=self.settings,
            telemetry=self.telemetry,
            session_id=scene.name,
            opened_ms=OPENED_MS,
            turnstile=turnstile,
            watchers=self.watchers,
            conductor=conductor,
        )
        ear = cast(MemoryTransport, _Ear(self.client_end, scene.slow_s, self.received))
        self.client = InMemoryClient(ear, scene.dialect)

    async def run(self) -> None:
        """To the end of the session. Call it once.

        Raises what the peer's part of the scene raises, in a group of exceptions.
        """
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.session.run)
            nursery.start_soon(self.client.read)
            if callable(self.scene.peer):
                await self.scene.peer(self.client, self.session)
            else:
                with suppress(PeerGone):  # whoever is hung up on has nothing more to say
                    await perform_actions(self.scene.peer, self.client)
            await self.client_end.close()

    def recording(self, **header: Any) -> Recording:
        """What was recorded; `header` replaces values of its header."""
        known: dict[str, Any] = {
            "session_id": self.scene.name,
            "dialect": self.scene.dialect.profile.name,
            "choices": dict(self.scene.dialect.chosen),
            "opened_ms": OPENED_MS,
            "settings": json.loads(json.dumps(self.settings.public())),
            "detector_frame_samples": ScriptedDetector().frame_samples,
            "engines": dict.fromkeys(("vad", "asr", "llm", "tts"), "scripted"),
            "turn_end": "text" if self.scene.turn_end else "",
        }
        return Recording(header=Header(**known | header), entries=self._tape.entries)

    def _conductor(self) -> Conductor | None:
        if self.scene.agent is None:
            return None
        agent = self.scene.agent()
        caller = Caller(session_id=self.scene.name, dialect=self.scene.dialect.profile.name)
        return Agents([agent], self.settings).running(agent, caller, self.responder)

    def _scripted(self) -> Engines:
        likely = self.scene.turn_end
        turn_end: TurnEndEngine | None = None
        if likely == "text":
            turn_end = TextTurnEnd("en")
        elif likely:
            turn_end = ScriptedTurnEnd(likely, delay_s=0.02)
        return Engines(
            detector=lambda session: ScriptedDetector(),
            transcriber=lambda session: self.transcriber,
            responder=self.responder,
            synthesizer=self.synthesizer,
            turn_end=turn_end,
        )


async def perform(scene: Scene, *, recorded: bool = True, **options: Any) -> Performance:
    """Run a scene to its end. `options` are those of a `Performance`."""
    performance = Performance(scene, recorded=recorded, **options)
    await performance.run()
    return performance


class _Ear:
    """The client's end, which keeps what came, and may be slow."""

    def __init__(self, end: MemoryTransport, slow_s: float, received: list[str | bytes]) -> None:
        self.send = end.send
        self.abort = end.abort
        self._end = end
        self._slow_s = slow_s
        self._received = received

    async def receive(self) -> str | bytes:
        frame = await self._end.receive()
        self._received.append(frame)
        await trio.sleep(self._slow_s)
        return frame

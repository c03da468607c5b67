"""A session that is cancelled at any of its steps leaves nothing behind and no half message."""

from __future__ import annotations

import contextlib
import json
import os

import pytest
import trio

from parley.config import Settings
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.kit import Engines
from parley.engines.llm.scripted import ScriptedResponder
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.turn.scripted import ScriptedTurnEnd
from parley.engines.vad.scripted import ScriptedDetector
from parley.protocol.dialects import DIALECTS
from parley.recording.tap import Tap, TappedTransport, tapped
from parley.recording.tape import MemoryTape
from parley.session.life import Session
from parley.telemetry import Telemetry
from parley.testing import every_step, silence, speech
from parley.transport import PeerGone, memory_pair
from parley.turnstile import Turnstile

Clock = trio.testing.MockClock


class Conversation:
    """A turn, an interruption, another turn begun; frames of 100 ms, everything takes time."""

    def __init__(self, dialect: str, *, closing: bool, recorded: bool, early: bool) -> None:
        self.early = early
        self.dialect = next(d for d in DIALECTS if d.profile.name == dialect)
        self.closing = closing
        self.recorded = recorded
        self.frames: list[str | bytes] = []
        self.most = 0

    async def run(self) -> None:
        self.transcriber = ScriptedTranscriber(
            ["go on", "stop that please"], delays_s={"feed": 0.01, "finish": 0.03}
        )
        self.responder = ScriptedResponder(then=["One. ", 0.05, "Two. ", 0.4, "Three."])
        self.synthesizer = ScriptedSynthesizer(delay_s=0.02, ms_per_char=100)
        self.telemetry = Telemetry()
        self.frames = []
        server_end, client_end = memory_pair(8)
        engines = Engines(
            detector=lambda session: ScriptedDetector(),
            transcriber=lambda session: self.transcriber,
            responder=self.responder,
            synthesizer=self.synthesizer,
            turn_end=ScriptedTurnEnd([0.3, 0.9], delay_s=0.01) if self.early else None,
        )
        turnstile = Turnstile() if self.recorded else None
        tap = Tap(turnstile, MemoryTape()) if turnstile else None
        self.session = Session(
            transport=TappedTransport(server_end, tap) if tap else server_end,
            dialect=self.dialect,
            engines=tapped(engines, tap) if tap else engines,
            settings=Settings.defaults(),
            telemetry=self.telemetry,
            turnstile=turnstile,
        )
        self.end = server_end

        async def read() -> None:
            try:
                while True:
                    self.frames.append(await client_end.receive())
            except PeerGone:
                pass

        async with trio.open_nursery() as nursery:
            nursery.start_soon(self.session.run)
            nursery.start_soon(read)
            with contextlib.suppress(PeerGone):
                await self._talk(client_end)
            if self.closing:
                self.session.drain()
            else:
                client_end.abort()

    async def _talk(self, client: object) -> None:
        send = client.send  # type: ignore[attr-defined]
        await send(json.dumps({"type": "start", "sample_rate": 16000}))
        said = [speech(300) + silence(1100), speech(500) + silence(900)]
        if self.early:
            said = [speech(300) + silence(400) + said[0], said[1]]
        for pcm16 in said:
            for at in range(0, len(pcm16), 3200):
                await send(pcm16[at : at + 3200])
                await trio.sleep(0.1)

    def left_over(self) -> list[str]:
        """What should not be there after the end."""
        found = []
        if self.transcriber.open:
            found.append("an open utterance")
        if self.responder.active:
            found.append("a reply that goes on")
        if self.synthesizer.active:
            found.append("a synthesis that goes on")
        for frame in self.frames:
            if isinstance(frame, str):
                json.loads(frame)
            elif len(frame) % 2:
                found.append("half a sample")
        return found


STRIDE = int(os.environ.get("PARLEY_STRIDE", "4"))
"""Of the two variants; PARLEY_STRIDE=1 tries each of their steps too."""


@pytest.mark.parametrize(
    ("closing", "recorded", "early", "stride"),
    [
        (True, False, False, 1),
        (False, False, False, STRIDE),
        (True, True, False, STRIDE),
        (True, False, True, STRIDE),
        (False, True, True, STRIDE),
    ],
)
async def test_at_every_step_of_a_conversation(
    closing: bool, recorded: bool, early: bool, stride: int, autojump_clock: Clock
) -> None:
    conversation = Conversation("prompt-voice", closing=closing, recorded=recorded, early=early)
    steps = 0
    tasks_before = trio.lowlevel.current_statistics().tasks_living
    async for attempt in every_step(conversation.run, stride=stride):
        steps = attempt.step
        assert conversation.left_over() == [], f"cancelled at step {attempt.step}"
        assert trio.lowlevel.current_statistics().tasks_living == tasks_before
        with pytest.raises(PeerGone):
            await conversation.end.send("x")
    assert steps > 300

"""Engines that fail at random for ten minutes, a fifth of their calls, in every way that they can:
they raise, hang, stop half way, give nothing or garbage, keep alive for ever, do not close.

No session gets stuck, and each reply ends in speech, text or a code.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any, cast

import pytest
import trio
import trio.testing

from parley.agents.registry import Agents
from parley.client.in_memory import InMemoryClient
from parley.client.wire import open_wire
from parley.config import Settings
from parley.conversation.caller import Caller
from parley.engines.kit import Engines, OwnEngines
from parley.engines.room import open_engine_room
from parley.engines.vad.scripted import ScriptedDetector
from parley.protocol.dialect import Dialect
from parley.protocol.io_speech import DIALECT as IO_SPEECH
from parley.protocol.newspeech import DIALECT as NEWSPEECH
from parley.protocol.prompt_voice import DIALECT as PROMPT_VOICE
from parley.protocol.realtime.dialect import DIALECT as REALTIME
from parley.server.tree import Server, open_listeners
from parley.testing import open_session, silence, speech
from parley.transport import MemoryTransport, PeerGone
from support.failing_engines import (
    TOOLS,
    FailingResponder,
    FailingStream,
    FailingSynthesizer,
    FailingTranscriber,
    FailingTurnEnd,
    Luck,
    failing_agent,
)
from support.figures import Figures
from support.live_server import WireTransport

DIALECTS: dict[str, Dialect] = {"A": PROMPT_VOICE, "B": IO_SPEECH, "C": NEWSPEECH, "D": REALTIME}
LONG_S = 600.0
SETTLE_S = 150.0
"""Longer than all deadlines of one turn, one utterance and their second attempts together."""
REST_S = 3.0
"""A session that has told nothing for so long after an answer is spoken to again."""

CODES = ("error", "response.done", "conversation.item.input_audio_transcription.failed")
SPEECH = ("tts_chunk", "audio_output", "binary", "response.output_audio.delta")
TEXT = ("token", "llm_token", "text", "response", "transcript", "partial_response")
ENDS = frozenset((*CODES, *SPEECH, *TEXT))


class Conversation:
    """One person in one session, who says something, waits for what comes of it, and goes on."""

    def __init__(self, dialect: str, seed: int) -> None:
        self.luck = Luck(seed)
        self.dialect = dialect
        self.ends: Counter[str] = Counter()
        self.stuck: list[str] = []
        self.lost: str | None = None
        self.longest_s = 0.0
        self.turns = 0

    async def run(self, seconds: float) -> None:
        luck = self.luck
        voice = FailingStream(luck) if luck.seed % 2 else FailingSynthesizer(luck)
        responder = FailingResponder(luck, TOOLS)
        engines = Engines(
            detector=lambda session: ScriptedDetector(),
            transcriber=lambda session: FailingTranscriber(luck),
            responder=responder,
            synthesizer=voice,
            turn_end=FailingTurnEnd(luck) if luck.seed % 3 else None,
        )
        settings = Settings.defaults(ws_idle_timeout=0)
        conductor = None
        if luck.seed % 4 == 0:
            agent = failing_agent(luck)
            caller = Caller(session_id="test", dialect=DIALECTS[self.dialect].profile.name)
            conductor = Agents([agent], settings).running(agent, caller, responder)
        async with open_session(
            engines, settings=settings, dialect=DIALECTS[self.dialect], conductor=conductor
        ) as (_, client):
            await client.start()
            end_s = trio.current_time() + seconds
            with suppress(PeerGone):
                while trio.current_time() < end_s:
                    await self._turn(client)
            await trio.testing.wait_all_tasks_blocked()
            self.lost = str(client.closed) if client.closed else None

    async def run_on_port(self, port: int, seconds: float) -> None:
        path = {"A": "/ws", "B": "/stream", "C": "/engine"}[self.dialect]
        async with (
            open_wire(f"ws://127.0.0.1:{port}{path}") as wire,
            trio.open_nursery() as nursery,
        ):
            ear = cast(MemoryTransport, WireTransport(wire))
            client = InMemoryClient(ear, DIALECTS[self.dialect])
            nursery.start_soon(client.read)
            with suppress(PeerGone):
                if self.dialect != "C":
                    await client.start()
                end_s = trio.current_time() + seconds
                while trio.current_time() < end_s:
                    await self._turn(client)
            self.lost = str(client.closed) if client.closed else None
            nursery.cancel_scope.cancel()

    async def _turn(self, client: InMemoryClient) -> None:
        came, began_s = len(client.received), trio.current_time()
        await client.speak(speech(self.luck.random.randrange(400, 2000, 100)) + silence(1500))
        told: set[str] = set()
        while True:
            told = {message["type"] for _, message in client.received[came:]} & ENDS
            newest_s = client.received[-1][0] if told else began_s
            if client.closed is not None or (told and trio.current_time() - newest_s > REST_S):
                break
            if trio.current_time() - max(began_s, newest_s) > SETTLE_S:
                self.stuck.append(f"nothing after {Counter(client.kinds[came:])}")
                break
            await client.speak(silence(500))
        # What comes of an utterance may come before its end: the next words begin another one.
        self.longest_s = max(self.longest_s, trio.current_time() - began_s)
        self.turns += 1
        self.ends.update(told)


async def test_no_session_gets_stuck_where_a_fifth_of_all_calls_fails(
    autojump_clock: Any, full: bool, figures: Figures
) -> None:
    count, seconds = (100, LONG_S) if full else (4, LONG_S / 6)
    talks = [Conversation("ABCD"[seed % 4], seed) for seed in range(count)]
    for talk in talks:
        await talk.run(seconds)
    check(figures, talks, "virtual time")


@pytest.mark.slow
async def test_no_session_gets_stuck_on_a_port(full: bool, figures: Figures) -> None:
    """The same in real time, with a server and eight clients."""
    if not full:
        pytest.skip("takes minutes: --full")
    talks = [Conversation("ABC"[seed % 3], seed) for seed in range(8)]
    luck = Luck(99)
    own = OwnEngines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: FailingTranscriber(luck),
        responder=FailingResponder(luck),
        synthesizer=FailingStream(luck),
        turn_end=FailingTurnEnd(luck),
    )
    settings = Settings.defaults(ws_idle_timeout=0)
    async with open_engine_room(settings, own) as room, trio.open_nursery() as nursery:
        listeners = await open_listeners("127.0.0.1", 0)
        port = listeners[0].socket.getsockname()[1]
        await nursery.start(Server(settings, room).run, listeners)
        async with trio.open_nursery() as clients:
            for talk in talks:
                clients.start_soon(talk.run_on_port, port, LONG_S)
        nursery.cancel_scope.cancel()
    talks[0].luck.went_wrong = luck.went_wrong
    check(figures, talks, "a port")


def check(figures: Figures, talks: list[Conversation], what: str) -> None:
    wrong = sum((talk.luck.went_wrong for talk in talks), Counter[str]())
    figures.tell(f"engines that fail, {what}: sessions", len(talks))
    figures.tell(f"engines that fail, {what}: turns", sum(talk.turns for talk in talks))
    figures.tell(f"engines that fail, {what}: mishaps", sum(wrong.values()))
    figures.tell(f"engines that fail, {what}: kinds of mishaps", len(wrong))
    stuck, lost = [t for t in talks if t.stuck], [t for t in talks if t.lost]
    figures.tell(f"engines that fail, {what}: sessions stuck", len(stuck), "0")
    figures.tell(f"engines that fail, {what}: sessions lost", len(lost), "0")
    longest_s = max(talk.longest_s for talk in talks)
    figures.tell(f"engines that fail, {what}: longest turn (s)", round(longest_s, 1))
    assert {(talk.dialect, talk.luck.seed): talk.stuck for talk in stuck} == {}
    assert {(talk.dialect, talk.luck.seed): talk.lost for talk in lost} == {}
    assert all(talk.ends for talk in talks)

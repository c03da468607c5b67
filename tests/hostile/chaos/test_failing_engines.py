"""Engines that fail at random for ten minutes, a fifth of their calls, in every way that they can:
they raise, hang, stop half way, give nothing or garbage, keep alive for ever, do not close.

No session gets stuck, and each reply ends in speech, text or a code.
"""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

import trio
import trio.testing

from parley.agents.registry import Agents
from parley.client.in_memory import InMemoryClient
from parley.config import Settings
from parley.conversation.caller import Caller
from parley.engines.kit import Engines
from parley.engines.vad.scripted import ScriptedDetector
from parley.protocol.dialect import Dialect
from parley.protocol.io_speech import DIALECT as IO_SPEECH
from parley.protocol.newspeech import DIALECT as NEWSPEECH
from parley.protocol.prompt_voice import DIALECT as PROMPT_VOICE
from parley.protocol.realtime.dialect import DIALECT as REALTIME
from parley.session.life import Session
from parley.testing import open_session, silence, speech
from parley.transport import PeerGone
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

DIALECTS: dict[str, Dialect] = {"A": PROMPT_VOICE, "B": IO_SPEECH, "C": NEWSPEECH, "D": REALTIME}
LONG_S = 600.0
SETTLE_S = 150.0
"""Longer than all deadlines of one turn, one utterance and their second attempts together."""
QUIET_S = 2.0
"""A session that told nothing for so long after its answer is asked again."""

CODES = ("error", "response.done")
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
        ) as (session, client):
            await client.start()
            end_s = trio.current_time() + seconds
            with suppress(PeerGone):
                while trio.current_time() < end_s:
                    await self._turn(session, client)
            await trio.testing.wait_all_tasks_blocked()
            self.lost = str(client.closed) if client.closed else None

    async def _turn(self, session: Session, client: InMemoryClient) -> None:
        came, began_s = len(client.received), trio.current_time()
        await client.speak(speech(self.luck.random.randrange(400, 2000, 100)) + silence(1500))
        told: set[str] = set()
        with trio.move_on_after(SETTLE_S) as limit:
            while True:
                told = {message["type"] for _, message in client.received[came:]} & ENDS
                resting = session.status()["state"] in ("idle", "capturing", "complete")
                if client.closed is not None or (told and resting):
                    break
                await client.speak(silence(500))
        self.longest_s = max(self.longest_s, trio.current_time() - began_s)
        if limit.cancelled_caught:
            kinds = client.kinds[came:]
            self.stuck.append(f"{session.status()['state']} after {Counter(kinds)}")
        self.ends.update(told)


def show(figures: Figures, talks: list[Conversation], what: str) -> None:
    wrong = sum((talk.luck.went_wrong for talk in talks), Counter[str]())
    figures.tell(f"{what}: sessions", len(talks))
    figures.tell(f"{what}: mishaps", sum(wrong.values()))
    figures.tell(f"{what}: kinds of mishaps", len(wrong))
    figures.tell(f"{what}: sessions stuck", sum(bool(talk.stuck) for talk in talks), "0")
    figures.tell(f"{what}: sessions lost", sum(bool(talk.lost) for talk in talks), "0")
    figures.tell(f"{what}: longest turn (s)", round(max(t.longest_s for t in talks), 1), "150")


async def test_no_session_gets_stuck_where_a_fifth_of_all_calls_fails(
    autojump_clock: Any, full: bool, figures: Figures
) -> None:
    count, seconds = (200, LONG_S) if full else (8, LONG_S)
    talks = [Conversation("ABCD"[seed % 4], seed) for seed in range(count)]
    for talk in talks:
        await talk.run(seconds)
        await trio.testing.wait_all_tasks_blocked()
    show(figures, talks, "engines that fail")
    assert {(t.dialect, t.luck.seed): t.stuck for t in talks if t.stuck} == {}
    assert {(t.dialect, t.luck.seed): t.lost for t in talks if t.lost} == {}
    assert all(talk.ends for talk in talks)

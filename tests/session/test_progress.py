"""A stage that neither works nor fails is found by a deadline on its progress, in every dialect:
the reply ends, and the next one is as usual. The rows are those of docs/DEADLINES.md."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio

from parley.config import Settings
from parley.conversation.events import ReplyOver, SessionEvent, TextHeard
from parley.conversation.pace import SOUNDLESS_MAX, PhraseTime
from parley.conversation.writing import LLMDeadlines, Writing
from parley.engines.asr.interface import Transcript
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.deadline import CLOSE_LIMIT_S
from parley.engines.kit import Engines
from parley.engines.llm.interface import Alive, ReplyPart
from parley.engines.llm.scripted import ENTERED, HANG, ScriptedResponder, Step
from parley.engines.tts.interface import Speech
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.turn.scripted import ScriptedTurnEnd
from parley.engines.vad.scripted import ScriptedDetector
from parley.protocol.chat import ChatMessage
from parley.protocol.dialect import Dialect
from parley.protocol.io_speech import DIALECT as IO_SPEECH
from parley.protocol.newspeech import DIALECT as NEWSPEECH
from parley.protocol.prompt_voice import DIALECT as PROMPT_VOICE
from parley.protocol.realtime.dialect import DIALECT as REALTIME
from parley.testing import open_session, silence, speech

DIALECTS = {"A": PROMPT_VOICE, "B": IO_SPEECH, "C": NEWSPEECH, "D": REALTIME}
KEPT_ALIVE: list[Step] = [step for _ in range(200) for step in (1.0, Alive())]
USUAL: list[Step] = ["It is fine."]


class Voice(ScriptedSynthesizer):
    """Streams; its first phrase is made of these pieces, each after a second, again and again."""

    def __init__(self, piece: bytes, *, closes: bool = True) -> None:
        super().__init__()
        self.piece, self.closes = piece, closes
        self.streams = 0

    @asynccontextmanager
    async def stream(self, text: str) -> AsyncIterator[AsyncIterator[Speech]]:
        self.streams += 1
        first = self.streams == 1

        async def pieces() -> AsyncIterator[Speech]:
            while first and self.closes:
                await trio.sleep(1)
                yield Speech(pcm16=self.piece, rate_hz=16_000)
            yield await self.speak(text)

        yield pieces()
        if first and not self.closes:
            await trio.sleep_forever()


class Unclosed(ScriptedResponder):
    """Its first reply does not let itself be closed."""

    @asynccontextmanager
    async def reply_with(
        self, conversation: Sequence[ChatMessage], tools: Any
    ) -> AsyncIterator[AsyncIterator[ReplyPart]]:
        async with super().reply_with(conversation, tools) as parts:
            yield parts
            if len(self.conversations) == 1:
                await trio.sleep_forever()


class Clinging(ScriptedTranscriber):
    """Its first utterance fails, and is not let go of either."""

    async def finish(self) -> Transcript:
        if not self.calls["finish"]:
            self.calls["finish"] += 1
            await trio.sleep_forever()
        return await super().finish()

    async def abandon(self) -> None:
        if self.calls["finish"] == 1 and self.open:
            self.open = False
            await trio.sleep_forever()
        await super().abandon()


@dataclass(frozen=True, kw_only=True)
class Row:
    """What stalls, and after how many seconds from the final the reply is over at the latest, or
    the final is there."""

    name: str
    within_s: float
    reply: Sequence[Step] = tuple(USUAL)
    voice: Callable[[], Any] = ScriptedSynthesizer
    responder: Callable[..., ScriptedResponder] = ScriptedResponder
    asr: Callable[[], ScriptedTranscriber] = field(
        default=lambda: ScriptedTranscriber(["what is it"] * 9, shortest_ms=0)
    )
    turn_end: Callable[[], ScriptedTurnEnd | None] = lambda: None


def hung(call: tuple[str, int], **more: Any) -> Callable[[], ScriptedTranscriber]:
    other = (call[0], call[1] + 1)
    delays: dict[Any, float] = {call: math.inf, other: math.inf}
    return lambda: ScriptedTranscriber(["what is it"] * 9, shortest_ms=0, delays_s=delays, **more)


SPEECH_S = 12.0
"""More than what is said after a failure takes: a sentence that the model does not answer."""

ROWS = (
    Row(name="model: no sign", reply=[ENTERED, HANG], within_s=5 + SPEECH_S),
    Row(name="model: signs and no word", reply=KEPT_ALIVE, within_s=60 + SPEECH_S),
    Row(name="model: signs behind words", reply=["Well, ", *KEPT_ALIVE], within_s=30 + SPEECH_S),
    Row(name="model: nothing behind words", reply=["Well, ", HANG], within_s=4 + SPEECH_S),
    Row(name="model: does not close", responder=Unclosed, within_s=CLOSE_LIMIT_S + 2),
    Row(name="voice: pieces without sound", voice=lambda: Voice(b""), within_s=10 + 2),
    Row(name="voice: a sample a second", voice=lambda: Voice(bytes(2)), within_s=10 + 2),
    Row(name="voice: does not close", voice=lambda: Voice(b"", closes=False), within_s=4),
    Row(name="voice: never answers", voice=lambda: ScriptedSynthesizer(delays_s={1: math.inf}),
        within_s=12),
    Row(name="recognizer: never begins", asr=hung(("begin", 1)), within_s=20),
    Row(name="recognizer: never feeds", asr=hung(("feed", 1)), within_s=20),
    Row(name="recognizer: never finishes", asr=hung(("finish", 1)), within_s=20),
    Row(name="recognizer: clings", within_s=30,
        asr=lambda: Clinging(["what is it"] * 9, shortest_ms=0)),
    Row(name="turn end: never answers", within_s=4,
        turn_end=lambda: ScriptedTurnEnd([0.9], delay_s=math.inf)),
)  # fmt: skip


@pytest.mark.few(12)
@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_what_stalls_is_found_and_the_next_reply_is_as_usual(
    row: Row, dialect: str, autojump_clock: Any
) -> None:
    over, heard = [], []

    def watch(event: SessionEvent) -> None:
        if isinstance(event, ReplyOver):
            over.append(trio.current_time())
        elif isinstance(event, TextHeard):
            heard.append(event.text)

    asr = row.asr()
    engines = Engines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: asr,
        responder=row.responder([row.reply], then=USUAL),
        synthesizer=row.voice(),
        turn_end=row.turn_end(),
    )
    settings = Settings.defaults(ws_idle_timeout=0, stream_llm_retries=0)
    made: Dialect = DIALECTS[dialect]
    async with open_session(engines, settings=settings, dialect=made, watchers=[watch]) as (
        session,
        client,
    ):
        await client.start()
        await client.speak(speech(600) + silence(1500))
        asked_s, before = trio.current_time(), len(client.received)
        failed = ("error", "conversation.item.input_audio_transcription.failed")
        while not over and not client.of(*failed) and trio.current_time() < asked_s + 200:
            await client.speak(silence(100))
        # Nothing may be left of it but what is still being said.
        while trio.current_time() < asked_s + row.within_s + 0.5:
            await client.speak(silence(100))
        assert over or client.of(*failed), client.kinds[before:]
        assert session.status()["state"] in ("idle", "capturing", "complete"), client.kinds
        replies = len(over)
        await client.speak(speech(600) + silence(1500))
        while len(over) == replies and trio.current_time() < asked_s + 200:
            await client.speak(silence(100))
        assert heard[-1] == "what is it"
        assert len(over) > replies


# The decisions, without a session


def test_only_sound_is_progress() -> None:
    time = PhraseTime(10.0)
    assert time.left_s == 10
    time.came(4.0, 0.0)
    assert time.left_s == 6
    time.came(1.0, 0.5)
    assert time.left_s == pytest.approx(7.0)  # 10 + 4 * 0.5 - 5
    for _ in range(8):
        time.came(1.0, 0.0001)
    assert time.over
    assert time.overrun == "the voice took 13 s for 0.5 s of sound"


def test_a_slow_voice_that_goes_on_is_waited_for() -> None:
    time = PhraseTime(10.0)
    for _ in range(30):
        time.came(3.0, 1.0)  # three seconds of work for one of sound
    assert time.left_s == 10


def test_pieces_without_sound_end_also_where_they_cost_no_time() -> None:
    time = PhraseTime(10.0)
    for _ in range(SOUNDLESS_MAX):
        time.came(0.0, 0.0)
    assert not time.over
    time.came(0.0, 0.0)
    assert (time.over, time.overrun) == (True, "the voice sends pieces without sound")


def test_signs_of_life_do_not_go_on_for_ever() -> None:
    deadlines = LLMDeadlines(first_token_s=5, gap_s=4, total_s=30, first_word_s=60)
    silent, begun = Writing(deadlines), Writing(deadlines)
    begun.take("Well, ")
    for writing, limit_s in ((silent, 60), (begun, 30)):
        for _ in range(limit_s):
            assert not writing.late
            writing.sign()
            writing.waited(1.0)
        assert writing.late

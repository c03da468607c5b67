"""A conversation whose connection is lost goes on over another one: nothing is forgotten, nothing
is said twice, and what was not heard is said."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import trio
import trio.testing

from parley.agents.resumable import Resumable
from parley.config import Settings
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.kit import Engines
from parley.engines.llm.scripted import HANG, ScriptedResponder, Step
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.vad.scripted import ScriptedDetector
from parley.protocol.effects import GoOn
from parley.protocol.kept import KeptConversation, KeptReply
from parley.session.life import Session
from parley.testing import open_session
from support.peers import DIALECTS, Peer

pytestmark = pytest.mark.no_cover  # many runs of code that other tests cover

Clock = trio.testing.MockClock
REPLY = (
    "One two three four five six. ",
    "Seven eight nine ten eleven. ",
    "Twelve thirteen fourteen fifteen. ",
    "Sixteen seventeen eighteen.",
)
SPOKEN = "".join(REPLY)
MS_PER_CHAR = 60
SPOKEN_S = len(SPOKEN) * MS_PER_CHAR / 1000

dialects = pytest.mark.parametrize("dialect", DIALECTS)


class Cast:
    """Scripted engines: the person asks "the question"."""

    def __init__(
        self, dialect: str, *, reply: Sequence[Step] = REPLY, take_back_ms: int = 0
    ) -> None:
        self.dialect = dialect
        self.settings = Settings.defaults(stream_turn_take_back_ms=take_back_ms)
        self.transcriber = ScriptedTranscriber(["the question"])
        self.responder = ScriptedResponder([], then=reply)

    @asynccontextmanager
    async def talk(self, **options: Any) -> AsyncIterator[tuple[Session, Peer]]:
        engines = Engines(
            detector=lambda hearing: ScriptedDetector(),
            transcriber=lambda session_id: self.transcriber,
            responder=self.responder,
            synthesizer=ScriptedSynthesizer(ms_per_char=MS_PER_CHAR),
        )
        dialect = DIALECTS[self.dialect]
        async with open_session(engines, settings=self.settings, dialect=dialect, **options) as (
            session,
            client,
        ):
            peer = Peer(self.dialect, client)
            await peer.open()
            yield session, peer


async def cut_at(cast: Cast, seconds: float, *, asked: bool = True) -> KeptConversation:
    """A conversation of which so much had passed since the question when it was last looked at."""
    async with cast.talk() as (session, peer):
        if asked:
            await peer.say(600, 1000)
        await trio.sleep(seconds)
        return msgspec.json.decode(msgspec.json.encode(session.kept()), type=KeptConversation)


async def gone_on(
    cast: Cast, kept: KeptConversation, *, played_ms: int | None = None, seconds: float = 30
) -> tuple[list[tuple[str, str]], list[Any]]:
    """What is remembered a while after it goes on, and the model's requests meanwhile."""
    go_on = GoOn(ticket="x", kept=kept, played_ms=played_ms)
    asked_before = len(cast.responder.conversations)
    async with cast.talk(conductor=Resumable(go_on, None)) as (session, _):
        await trio.sleep(seconds)
        assert session.parts.machines.at_rest
        return session.parts.items.exchanges(), cast.responder.conversations[asked_before:]


def words_heard(exchanges: list[tuple[str, str]]) -> str:
    return " ".join(filter(None, (heard for _, heard in exchanges)))


@dialects
@pytest.mark.parametrize("share", [0.02, 0.2, 0.5, 0.77, 0.9])
async def test_a_reply_that_was_written_goes_on_where_it_was_not_heard(
    dialect: str, share: float, autojump_clock: Clock
) -> None:
    cast = Cast(dialect)
    kept = await cut_at(cast, share * SPOKEN_S)
    assert kept.reply is not None
    exchanges, asked = await gone_on(cast, kept)
    assert words_heard(exchanges).split() == SPOKEN.split(), kept.reply.heard
    assert [said for said, _ in exchanges if said] == ["the question"]
    assert asked == [], "the model had written it all"


@dialects
async def test_a_conversation_at_rest_is_as_it_was(dialect: str, autojump_clock: Clock) -> None:
    cast = Cast(dialect)
    kept = await cut_at(cast, SPOKEN_S + 5)
    assert kept.reply is None
    exchanges, asked = await gone_on(cast, kept)
    assert exchanges == [("the question", SPOKEN)]
    assert asked == []


@dialects
async def test_a_question_that_had_no_answer_yet_has_it_then(
    dialect: str, autojump_clock: Clock
) -> None:
    cast = Cast(dialect, reply=[HANG])
    kept = await cut_at(cast, 2)
    again = Cast(dialect)
    exchanges, asked = await gone_on(again, kept)
    assert exchanges == [("the question", SPOKEN)]
    assert len(asked) == 1


@dialects
async def test_a_reply_that_was_not_written_to_its_end_goes_on(
    dialect: str, autojump_clock: Clock
) -> None:
    cast = Cast(dialect, reply=[*REPLY[:2], HANG])
    kept = await cut_at(cast, 2.5)
    assert kept.reply is not None
    assert kept.reply.heard
    again = Cast(dialect, reply=["And the rest."])
    exchanges, asked = await gone_on(again, kept)
    assert len(asked) == 1
    assert "where your last message breaks off" in str(asked[0])
    assert words_heard(exchanges) == f"{kept.reply.heard} And the rest."


async def test_the_client_knows_best_what_it_has_played(autojump_clock: Clock) -> None:
    cast = Cast("prompt-voice")
    kept = await cut_at(cast, 6)
    assert kept.reply is not None
    for played_ms, words in ((0, 0), (1, 0), (60 * 17, 3), (2_000_000, len(SPOKEN.split()))):
        assert len(kept.reply.heard_by(played_ms).split()) >= min(words, 1)
        exchanges, _ = await gone_on(cast, kept, played_ms=played_ms)
        assert words_heard(exchanges).split() == SPOKEN.split()


@pytest.mark.parametrize("written", [True, False])
def test_what_was_heard_is_cut_at_a_word(written: bool) -> None:
    reply = KeptReply(
        turn=1,
        text="one two three",
        written=written,
        heard="one",
        steps=((300, 3), (600, 7), (900, 13)),
    )
    heard = {ms: reply.heard_by(ms) for ms in (None, 0, 299, 300, 899, 900, 99_999)}
    words = ["one", "", "", "one", "one two", "one two three", "one two three"]
    assert list(heard.values()) == words


async def test_half_a_sentence_is_not_forgotten(autojump_clock: Clock) -> None:
    kept = KeptConversation(dialect="prompt-voice", hearing="what is the")
    for goes_on, said in ((False, "what is the"), (True, "what is the the question")):
        cast = Cast("prompt-voice", take_back_ms=1000)
        go_on = GoOn(ticket="x", kept=kept)
        async with cast.talk(conductor=Resumable(go_on, None)) as (session, peer):
            if goes_on:
                await peer.say(600, 1000)
            await trio.sleep(SPOKEN_S + 5)
            assert session.parts.items.exchanges() == [(said, SPOKEN)]


async def test_the_client_is_told_its_ticket_and_whether_it_goes_on(autojump_clock: Clock) -> None:
    cast = Cast("prompt-voice")
    for go_on, resumed in (
        (GoOn(ticket="t1", why="too late"), False),
        (GoOn(ticket="t2", kept=KeptConversation()), True),
    ):
        async with cast.talk(conductor=Resumable(go_on, None)) as (_, peer):
            await trio.sleep(1)
            (told,) = peer.client.of("resume")
            assert (told["ticket"], told["resumed"]) == (go_on.ticket, resumed)
            assert told.get("why", "") == go_on.why

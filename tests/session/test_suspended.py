"""Suspend, then decide: an interruption silences a reply at once, and ends it only for words."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio
import trio.testing

from parley.client.in_memory import InMemoryClient
from parley.config import Settings
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.failures import EngineFailure
from parley.engines.kit import Engines
from parley.engines.llm.scripted import HANG, ScriptedResponder, Step
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.vad.scripted import ScriptedDetector
from parley.session.life import Session
from parley.telemetry import Telemetry
from parley.testing import open_session
from parley.transport import PeerGone
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
SPOKEN_S = sum(len(phrase.strip()) for phrase in REPLY) * MS_PER_CHAR / 1000


class Cast:
    """Scripted engines: the person asks `question`, later utterances say `then`."""

    def __init__(
        self,
        dialect: str,
        *then: str,
        reply: Sequence[Step] = REPLY,
        replies: Sequence[Sequence[Step]] = (),
        delays_s: dict[Any, float] | None = None,
        fail_on: dict[tuple[str, int], Exception] | None = None,
        shortest_ms: int = 300,
        **settings: Any,
    ) -> None:
        self.dialect = dialect
        self.transcriber = ScriptedTranscriber(
            ["the question", *then], delays_s=delays_s, fail_on=fail_on, shortest_ms=shortest_ms
        )
        self.responder = ScriptedResponder(replies, then=reply)
        self.telemetry = Telemetry()
        plain = {"stream_backchannels": False, "stream_turn_take_back_ms": 0}
        self.settings = Settings.defaults(**(plain | settings))

    @asynccontextmanager
    async def talk(self, **options: Any) -> AsyncIterator[tuple[Session, Peer]]:
        engines = Engines(
            detector=lambda hearing: ScriptedDetector(),
            transcriber=lambda session_id: self.transcriber,
            responder=self.responder,
            synthesizer=ScriptedSynthesizer(ms_per_char=MS_PER_CHAR),
        )
        async with open_session(
            engines,
            settings=self.settings,
            dialect=DIALECTS[self.dialect],
            telemetry=self.telemetry,
            **options,
        ) as (session, client):
            peer = Peer(self.dialect, client)
            await peer.open()
            yield session, peer

    def count(self, name: str) -> int:
        return int(self.telemetry.registry.get_sample_value(f"parley_{name}_total") or 0)


dialects = pytest.mark.parametrize("dialect", DIALECTS)
listening = pytest.mark.parametrize("backchannels", [True, False])


def rests(session: Session) -> bool:
    """Whether nothing goes on any more, and a reply could be heard."""
    return (
        session.parts.machines.at_rest
        and session.parts.gate.is_open
        and not session.parts.gate.reply_live
    )


# (a) A hum without words


@pytest.mark.few(6)
@dialects
@listening
@pytest.mark.parametrize("hum_ms", [400, 800, 2400])
async def test_a_hum_while_the_model_thinks_costs_no_answer(
    dialect: str, backchannels: bool, hum_ms: int, autojump_clock: Clock
) -> None:
    cast = Cast(dialect, "", reply=[2.0, *REPLY], stream_backchannels=backchannels)
    async with cast.talk() as (session, peer):
        await peer.say(1000, 700 + 400, hum_ms, 2000)
        await trio.sleep(20)
        assert rests(session)
        assert session.parts.items.exchanges() == [("the question", SPOKEN)]
    assert len(cast.responder.conversations) == 1
    assert peer.audio_s() == pytest.approx(SPOKEN_S, abs=0.1)
    tokens = [m["text"] for m in peer.client.of("llm_token")]
    assert "".join(tokens) == ("" if dialect == "io-speech" else SPOKEN)


@pytest.mark.few(6)
@dialects
@listening
@pytest.mark.parametrize("hum_ms", [400, 800, 2400])
async def test_a_hum_during_a_reply_lets_it_go_on_where_it_stopped(
    dialect: str, backchannels: bool, hum_ms: int, autojump_clock: Clock
) -> None:
    cast = Cast(dialect, "", stream_backchannels=backchannels)
    async with cast.talk() as (session, peer):
        await peer.say(1000, 700 + 900)
        before_s = peer.audio_s()
        await peer.say(hum_ms, 2000)
        await trio.sleep(20)
        assert rests(session)
        assert session.parts.items.exchanges() == [("the question", SPOKEN)]
        assert session.parts.turns.latest is not None
        assert session.parts.turns.latest.ledger.heard(trio.current_time()) == SPOKEN
    assert 0 < before_s < SPOKEN_S
    assert len(cast.responder.conversations) == 1
    # What was thrown away at the client is played again, and no more than that.
    assert SPOKEN_S - 0.01 <= peer.audio_s() <= 2 * SPOKEN_S
    assert cast.count("resumptions") == len(peer.barge_ins)


@dialects
async def test_a_long_hum_while_the_model_writes_begins_the_reply_again(
    dialect: str, autojump_clock: Clock
) -> None:
    """Its stream is not held for ever, and the question is answered all the same."""
    writes: list[Step] = ["One two three four five six. ", HANG]
    cast = Cast(dialect, "", replies=[writes], reply=["Seven eight."], stream_llm_gap_s=30)
    async with cast.talk() as (session, peer):
        await peer.say(1000, 700 + 900, 8000, 2000)
        await trio.sleep(20)
        assert rests(session)
        first, second = session.parts.items.exchanges()
        assert first[0] == "the question"
        assert first[1] and SPOKEN.startswith(first[1])
        assert second == ("", "Seven eight.")
    assert cast.responder.active == 0
    again = cast.responder.conversations[1]
    assert [m.role for m in again] == ["system", "user", "assistant", "user"]
    assert cast.count("models_cut_off") == 1


@dialects
async def test_a_long_hum_before_a_word_was_heard_asks_the_question_again(
    dialect: str, autojump_clock: Clock
) -> None:
    cast = Cast(dialect, "", replies=[[HANG]], stream_llm_first_token_s=30)
    async with cast.talk() as (session, peer):
        await peer.say(1000, 700 + 400, 8000, 2000)
        await trio.sleep(20)
        assert rests(session)
        assert session.parts.items.exchanges() == [("the question", SPOKEN)]
    assert [c[-1].text for c in cast.responder.conversations] == ["the question"] * 2


@dialects
@pytest.mark.parametrize("times", [2, 5])
async def test_a_reply_survives_one_hum_after_the_other(
    dialect: str, times: int, autojump_clock: Clock
) -> None:
    cast = Cast(dialect, *[""] * times)
    async with cast.talk() as (session, peer):
        await peer.say(1000, 700 + 600)
        for _ in range(times):
            await peer.say(500, 1100)
        await trio.sleep(20)
        assert rests(session)
        assert session.parts.items.exchanges() == [("the question", SPOKEN)]
    assert cast.count("resumptions") == times


@dialects
async def test_words_end_the_suspended_reply_and_are_answered(
    dialect: str, autojump_clock: Clock
) -> None:
    cast = Cast(dialect, "something else")
    async with cast.talk() as (session, peer):
        await peer.say(1000, 700 + 900, 800, 1500)
        await trio.sleep(20)
        assert rests(session)
        cut, answered = session.parts.items.exchanges()
    assert cut[0] == "the question"
    assert cut[1] and SPOKEN.startswith(cut[1]) and cut[1] != SPOKEN
    assert answered == ("something else", SPOKEN)
    assert len(peer.barge_ins) == 1
    assert cast.count("resumptions") == 0


@dialects
async def test_nothing_of_a_reply_that_words_ended_is_sent_after_the_interruption(
    dialect: str, autojump_clock: Clock
) -> None:
    cast = Cast(dialect, "something else", replies=[REPLY, [HANG]], stream_llm_first_token_s=30)
    async with cast.talk() as (_, peer):
        await peer.say(1000, 700 + 900, 800, 1500)
        await trio.sleep(5)
        cut_s = peer.client.when("barge_in")
        assert peer.audio_s(after_s=cut_s) == 0.0


# Short words


@dialects
@pytest.mark.parametrize("word", ["no", "stop", "wait", "Tuesday"])
async def test_a_short_word_over_a_reply_is_not_lost(
    dialect: str, word: str, autojump_clock: Clock
) -> None:
    cast = Cast(dialect, word, shortest_ms=0)
    async with cast.talk() as (session, peer):
        await peer.say(1000, 700 + 900, 220, 1500)
        await trio.sleep(20)
        assert rests(session)
        assert [said for said, _ in session.parts.items.exchanges()] == ["the question", word]
    assert len(peer.barge_ins) == 1


@dialects
async def test_a_short_word_right_after_ones_own_sentence_is_not_lost(
    dialect: str, autojump_clock: Clock
) -> None:
    cast = Cast(dialect, "no", reply=[2.0, *REPLY], shortest_ms=0)
    async with cast.talk() as (session, peer):
        await peer.say(1000, 700 + 200, 220, 1500)
        await trio.sleep(20)
        assert rests(session)
        assert [said for said, _ in session.parts.items.exchanges()] == ["the question", "no"]
    assert cast.responder.conversations[-1][-1].text == "the question\nno"


@pytest.mark.few(6)
@dialects
@pytest.mark.parametrize("heard", ["", "ah", "the", "[noise]", "yeah", "mm-hmm"])
async def test_a_short_sound_that_says_nothing_costs_the_reply_nothing(
    dialect: str, heard: str, autojump_clock: Clock
) -> None:
    cast = Cast(dialect, heard, shortest_ms=0)
    async with cast.talk() as (session, peer):
        await peer.say(1000, 700 + 900, 220, 1500)
        await trio.sleep(20)
        assert rests(session)
        assert session.parts.items.exchanges() == [("the question", SPOKEN)]
    assert peer.barge_ins == []
    assert peer.finals == ["the question"]
    assert peer.audio_s() == pytest.approx(SPOKEN_S, abs=0.01)


@dialects
async def test_a_short_yes_behind_the_last_word_of_a_question_is_an_answer(
    dialect: str, autojump_clock: Clock
) -> None:
    reply = ["Shall I turn it off?"]
    length_s = 20 * MS_PER_CHAR / 1000
    cast = Cast(dialect, "yes", reply=reply, shortest_ms=0, delays_s={"finish": 0.3})
    async with cast.talk() as (session, peer):
        await peer.say(1000, 700 + 300)
        await trio.sleep(length_s - 0.3)
        await peer.say(220, 1500)
        await trio.sleep(20)
        assert rests(session)
        assert [said for said, _ in session.parts.items.exchanges()] == ["the question", "yes"]


# (b) A link that takes nothing


@dialects
@pytest.mark.parametrize("stalled_s", [0.0, 2.0, 4.0])
async def test_only_what_the_transport_took_was_said(
    dialect: str, stalled_s: float, autojump_clock: Clock
) -> None:
    cast = Cast(dialect, "something else")
    async with cast.talk(capacity=1, reading=False) as (session, peer):
        client = peer.client

        async def read_for(seconds: float) -> None:
            with trio.move_on_after(seconds):
                await client.read()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.say, 1000, 700 + 600)
            await read_for(2.3)
        taken_s = peer.audio_s()
        await peer.say(0, int(stalled_s * 1000))
        latest = session.parts.turns.latest
        assert latest is not None
        # The reader is stuck: one frame waits in the link, and one is half written.
        on_the_way_s = 2 * (SPOKEN_S if dialect == "prompt-voice" else 0.1)
        said_s = sum(e.position_s - e.queued_s for e in latest.ledger.phrases)
        assert said_s <= taken_s + on_the_way_s
        async with trio.open_nursery() as nursery:
            nursery.start_soon(peer.say, 800, 1500)
            await read_for(3)
            await read_for(20)
        cut_s = client.when("barge_in")
        before = [m for at, m in client.received if at <= cut_s]
        told = peer.barge_ins[0]
        heard = session.parts.items.exchanges()[0][1]
        arrived_s = sum(e for e in (peer.audio_s() - peer.audio_s(after_s=cut_s),))
        letters = sum(len(word) for word in heard.split())
        assert letters / len(SPOKEN.replace(" ", "")) * SPOKEN_S <= arrived_s + 0.15
        if dialect != "io-speech":
            seqs = [m["seq"] for m in before if m["type"] == "tts_chunk"]
            if dialect == "prompt-voice":
                assert told["seq"] == max(seqs, default=0)


# (c) A click, and then a muted microphone


@pytest.mark.few(6)
@dialects
@listening
@pytest.mark.parametrize("click_ms", [40, 100, 200])
async def test_a_click_before_a_muted_microphone_holds_the_reply_for_a_moment_only(
    dialect: str, backchannels: bool, click_ms: int, autojump_clock: Clock
) -> None:
    async def length_s(click: bool) -> float:
        cast = Cast(dialect, "", stream_backchannels=backchannels)
        async with cast.talk() as (session, peer):
            await peer.say(1000, 700 + 900)
            if click:
                await peer.say(click_ms)
            await trio.sleep(60)
            assert rests(session)
            assert session.parts.items.exchanges() == [("the question", SPOKEN)]
            times = [at for at, m in peer.client.received if m["type"] != "metrics"]
            assert peer.audio_s() == pytest.approx(SPOKEN_S, abs=0.01)
            return max(times) - min(times)

    assert await length_s(True) - await length_s(False) <= 1.5


@dialects
async def test_a_microphone_that_vanishes_while_somebody_speaks_brings_the_session_to_rest(
    dialect: str, autojump_clock: Clock
) -> None:
    cast = Cast(dialect, "")
    async with cast.talk() as (session, peer):
        await peer.say(1000, 700 + 900, 900)
        await trio.sleep(60)
        assert rests(session)
        assert not session.parts.hearing.open
        assert session.parts.items.exchanges() == [("the question", SPOKEN)]


@dialects
async def test_a_microphone_that_vanishes_in_mid_sentence_is_answered_as_far_as_it_was_heard(
    dialect: str, autojump_clock: Clock
) -> None:
    cast = Cast(dialect)
    async with cast.talk() as (session, peer):
        await peer.say(1000)
        await trio.sleep(60)
        assert rests(session)
        assert session.parts.items.exchanges() == [("the question", SPOKEN)]


# (d) A recognizer that gives up


@pytest.mark.few(6)
@dialects
@listening
@pytest.mark.parametrize("when", ["begin", "feed", "finish"])
async def test_an_utterance_that_the_recognizer_gave_up_gives_the_reply_back(
    dialect: str, backchannels: bool, when: str, autojump_clock: Clock
) -> None:
    broken = EngineFailure("broken", retryable=False)
    cast = Cast(dialect, "", stream_backchannels=backchannels)
    cast.transcriber._fail_on = {(when, n): broken for n in range(2, 400) if when != "feed"} or {
        ("feed", n): broken for n in range(110, 400)
    }
    async with cast.talk() as (session, peer):
        await peer.say(1000, 700 + 900)
        await peer.say(900, 2000)
        await trio.sleep(20)
        assert rests(session)
        assert session.parts.items.exchanges() == [("the question", SPOKEN)]


# (f) Roles alternate whatever failed


async def test_after_failures_the_roles_of_every_request_alternate(autojump_clock: Clock) -> None:
    replies: list[Sequence[Step]] = [[HANG], ["Never heard."], *[["Fine."]] * 10]
    cast = Cast("newspeech", replies=replies, stream_llm_first_token_s=1)
    async with cast.talk() as (_, peer):
        client: InMemoryClient = peer.client
        await client.say(type="text", content="first")
        await trio.sleep(3)
        await client.say(type="text", content="second")
        await client.say(type="barge_in")
        for number in range(10):
            await client.say(type="text", content=f"number {number}")
            await client.wait_for("tts_complete", count=number + 1)
            await trio.sleep(2)
    for conversation in cast.responder.conversations:
        roles = [m.role for m in conversation if m.role != "system"]
        assert roles == ["user", "assistant"] * (len(roles) // 2) + ["user"]
    assert len(peer.client.of("tts_complete")) >= 10


# (j) Two backchannels in a row


@dialects
async def test_two_backchannels_and_a_slow_recognizer_interrupt_nothing(
    dialect: str, autojump_clock: Clock
) -> None:
    cast = Cast(
        dialect,
        "yeah",
        "yeah",
        delays_s={"finish": 1.2},
        stream_backchannels=True,
    )
    async with cast.talk() as (session, peer):
        await peer.say(1000, 700 + 1900)
        await peer.say(400, 400, 400, 3000)
        await trio.sleep(20)
        assert rests(session)
        assert session.parts.items.exchanges() == [("the question", SPOKEN)]
    assert peer.barge_ins == []
    assert len(cast.responder.conversations) == 1


# (k) Goodbye in mid-utterance


@pytest.mark.parametrize("stalled", [True, False])
async def test_who_says_goodbye_in_mid_utterance_is_not_answered(
    stalled: bool, autojump_clock: Clock
) -> None:
    cast = Cast("newspeech")
    async with (
        cast.talk(capacity=2 if stalled else 1000, reading=not stalled) as (_, peer),
        trio.open_nursery() as nursery,
    ):
        if stalled:
            nursery.start_soon(peer.client.read_one)
        await peer.say(1000)
        await peer.client.say(type="control", command="end_session")
        with contextlib.suppress(PeerGone):
            await peer.say(0, 1500)
        if stalled:
            nursery.start_soon(peer.client.read)
        gone = await peer.client.wait_closed()
    assert gone.code == 1000
    assert cast.responder.conversations == []


# (l) A late word on playback


async def test_a_late_word_on_playback_leaves_the_order_of_the_memory(
    autojump_clock: Clock,
) -> None:
    cast = Cast("newspeech", stream_memory_turns=2)
    async with cast.talk() as (session, peer):
        client = peer.client
        await client.say(type="text", content="a")
        await trio.sleep(1)
        await client.say(type="barge_in")
        for text in "bcd":
            await client.say(type="text", content=text)
            await client.say(type="barge_in")
            await trio.sleep(0.2)
        await client.say(type="played", ms=0, flushed=True)
        await trio.sleep(20)
        assert [said for said, _ in session.parts.items.exchanges()] == ["c", "d"]

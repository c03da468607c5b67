"""An answer that came too soon never was: what was said is answered once, with the rest of it."""

from __future__ import annotations

import pytest
import trio.testing

from parley.conversation.events import SessionEvent, TakenBack
from parley.conversation.later import SayLater
from parley.protocol.dialect import Dialect
from parley.protocol.io_speech import DIALECT as IO_SPEECH
from parley.protocol.newspeech import DIALECT as NEWSPEECH
from parley.protocol.prompt_voice import DIALECT as PROMPT_VOICE
from support.breadth import breadth
from support.going_on import ENOUGH_MS, Cast, Echo, answer_to, converse_at_random, exchanges, say

Clock = trio.testing.MockClock
SEEDS = breadth("PARLEY_SEEDS", 24, 60)


@pytest.mark.parametrize("dialect", [PROMPT_VOICE, IO_SPEECH, NEWSPEECH])
async def test_who_goes_on_is_answered_once_to_all_they_said(
    dialect: Dialect, autojump_clock: Clock
) -> None:
    cast = Cast(["what is the weather", "in paris"], dialect=dialect)
    async with cast.session() as (session, client):
        await client.start()
        await say(client, 800, 700, 800, ENOUGH_MS)
        whole = "what is the weather in paris"
        assert exchanges(session) == [(whole, answer_to(whole))]
    assert cast.count("taken_back") == 1


async def test_the_client_that_asks_for_it_is_told(autojump_clock: Clock) -> None:
    cast = Cast(["what is the weather", "in paris"])
    async with cast.session() as (_, client):
        await client.say(type="start", sample_rate=16000, audio_clock=True)
        await say(client, 800, 700, 800, ENOUGH_MS)
        told = [m["type"] for _, m in client.received]
        assert [k for k in told if k in ("barge_in", "reply_taken_back")] == [
            "barge_in",
            "reply_taken_back",
        ]


async def test_watchers_are_told(autojump_clock: Clock) -> None:
    cast = Cast(["what is the weather", "in paris"])
    seen: list[SessionEvent] = []
    async with cast.session() as (session, client):
        session.parts.dialogue.interruptions.tell = seen.append
        await client.start()
        await say(client, 800, 700, 800, ENOUGH_MS)
    assert [e.turn for e in seen if isinstance(e, TakenBack)] == [1]


async def test_what_was_heard_for_longer_was_an_answer(autojump_clock: Clock) -> None:
    cast = Cast(["what is the weather", "and tomorrow"])
    async with cast.session() as (session, client):
        await client.start()
        await say(client, 800, 200 + 1500, 800, ENOUGH_MS)
        first, second = exchanges(session)
        assert first[0] == "what is the weather"
        assert "this goes on for two seconds." not in first[1]
        assert len(first[1]) > 10
        assert second == ("and tomorrow", answer_to("and tomorrow"))
    assert cast.count("taken_back") == 0


async def test_stop_takes_nothing_back(autojump_clock: Clock) -> None:
    cast = Cast(["what is the weather", "stop"])
    async with cast.session() as (session, client):
        await client.start()
        await say(client, 800, 700, 400, ENOUGH_MS)
        assert [said for said, _ in exchanges(session)] == ["what is the weather", "stop"]


async def test_it_can_be_turned_off(autojump_clock: Clock) -> None:
    cast = Cast(["what is the weather", "in paris"], stream_turn_take_back_ms=0)
    async with cast.session() as (session, client):
        await client.start()
        await say(client, 800, 700, 800, ENOUGH_MS)
        assert [said for said, _ in exchanges(session)] == ["what is the weather", "in paris"]


async def test_a_slow_model_is_asked_anew_with_all_that_was_said(autojump_clock: Clock) -> None:
    cast = Cast(["what is the weather", "in paris"], model=Echo(thinks_s=3.0))
    async with cast.session() as (session, client):
        await client.start()
        await say(client, 800, 900, 800, 3000 + ENOUGH_MS)
        whole = "what is the weather in paris"
        assert exchanges(session) == [(whole, answer_to(whole))]


async def test_a_reply_that_was_written_and_remembered_leaves_the_memory(
    autojump_clock: Clock,
) -> None:
    """The model is quick: the turn stands in the memory before a word of it was heard."""
    cast = Cast(["what is the weather", "in paris"])
    async with cast.session() as (session, client):
        await client.start()
        await say(client, 800, 500)
        assert exchanges(session) == [("what is the weather", answer_to("what is the weather"))]
        await say(client, 800, ENOUGH_MS)
        assert [said for said, _ in exchanges(session)] == ["what is the weather in paris"]


async def test_what_it_wanted_to_say_later_is_taken_back_too(autojump_clock: Clock) -> None:
    wish = SayLater(text="Ring.", after_s=6.0, name="t")
    cast = Cast(["set a timer", "no wait one hour"], model=Echo(wish=wish))
    async with cast.session() as (session, client):
        await client.start()
        await say(client, 800, 700)
        cast.model.wish = None
        await say(client, 1000, 9000)
        assert exchanges(session)[-1][0] == "set a timer no wait one hour"
        assert len(exchanges(session)) == 1


async def test_a_noise_gives_the_answer_back_and_does_not_take_it_back(
    autojump_clock: Clock,
) -> None:
    cast = Cast(["what is the weather", ""])
    async with cast.session() as (session, client):
        await client.start()
        await say(client, 800, 700, 400, ENOUGH_MS)
        assert exchanges(session) == [("what is the weather", answer_to("what is the weather"))]
    assert cast.count("taken_back") == 0


async def test_after_it_the_next_answer_waits_longer(autojump_clock: Clock) -> None:
    """The same pause that was answered too soon is waited for the next time."""
    cast = Cast(["we went to the beach", "it was cold so we left"], likelihoods=[0.75])
    async with cast.session() as (session, client):
        await client.start()
        await say(client, 800, 600, 800, 600, 800, 2 * ENOUGH_MS)
        assert cast.count("taken_back") == 1, "and not twice"
        assert len(exchanges(session)) == 1
        assert 0 < session.parts.patience.backed_off < 0.6, "and a part of it was forgiven"


@pytest.mark.few(6)
@pytest.mark.no_cover
@pytest.mark.parametrize("seed", range(SEEDS))
async def test_no_word_is_lost_or_answered_twice(autojump_clock: Clock, seed: int) -> None:
    await converse_at_random(seed)


@pytest.mark.parametrize("goes_on", ["what about paris", "no i mean paris", "wait in paris"])
async def test_words_that_begin_like_an_interruption_may_go_on(
    goes_on: str, autojump_clock: Clock
) -> None:
    """The first hypothesis is "what" or "no", which alone would be another thing."""
    cast = Cast(["what is the weather", goes_on])
    async with cast.session() as (session, client):
        await client.start()
        await say(client, 800, 700, 900, ENOUGH_MS)
        assert [said for said, _ in exchanges(session)] == [f"what is the weather {goes_on}"]


async def test_a_hypothesis_that_asks_for_silence_takes_nothing_back(
    autojump_clock: Clock,
) -> None:
    cast = Cast(["what is the weather", "stop it please"])
    async with cast.session() as (session, client):
        await client.start()
        await say(client, 800, 700, 900, ENOUGH_MS)
        said = [said for said, _ in exchanges(session)]
        assert said == ["what is the weather", "stop it please"]


async def test_what_is_joined_has_a_bound(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who goes on after every answer, for ever, does not make the request grow for ever."""
    monkeypatch.setattr("parley.conversation.patience.JOINED_CHARS", 30)
    words = [f"number {number} and more" for number in range(5)]
    cast = Cast(words)
    async with cast.session() as (session, client):
        await client.start()
        await say(client, *[800, 700] * 5, 0, ENOUGH_MS)
        said = [said for said, _ in exchanges(session)]
    assert " ".join(said) == " ".join(words), "and no word is lost"
    assert len(said) > 1
    assert all(len(text) < 30 + len(words[0]) + 2 for text in said)

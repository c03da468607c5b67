"""What a server wants of a session that runs: that its reply stops, that it ends."""

from __future__ import annotations

import trio
import trio.testing

from parley.embedding import Agent, ReplyOver
from parley.protocol import close_codes
from parley.testing import (
    Engines,
    ScriptedDetector,
    ScriptedResponder,
    ScriptedSynthesizer,
    ScriptedTranscriber,
    open_session,
    silence,
    speech,
)
from support.conducted import conversation

Clock = trio.testing.MockClock
HELLO = "Hello and welcome to all of you."
LONG = ["This is a reply that takes a while to be said, ", "and there is more of it. ", "And more."]


def engines(responder: ScriptedResponder) -> Engines:
    return Engines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: ScriptedTranscriber(["tell me", "what was that"]),
        responder=responder,
        synthesizer=ScriptedSynthesizer(),
    )


async def test_a_reply_that_is_cancelled_is_silent_and_remembered_as_far_as_it_was_heard(
    autojump_clock: Clock,
) -> None:
    responder = ScriptedResponder([LONG], then=["Fine."])
    async with open_session(engines(responder)) as (session, client):
        await client.start()
        await client.speak(speech(600) + silence(2500))
        assert session.status()["reply"]["left_s"] > 0
        session.cancel_reply()
        await trio.testing.wait_all_tasks_blocked()
        heard = session.status()["reply"]["heard_chars"]
        came = len(client.of("tts_chunk"))
        await trio.sleep(5)
        assert len(client.of("tts_chunk")) == came
        await client.speak(speech(600) + silence(900))
        await client.wait_for("tts_complete")
        assert client.of("error") == []
    remembered = [m.text for m in responder.conversations[-1] if m.role == "assistant"]
    assert 0 < heard < len("".join(LONG))
    assert len(remembered) == 1
    assert "".join(LONG).startswith(remembered[0].removesuffix("… [interrupted]"))


async def test_where_nothing_is_said_there_is_nothing_to_cancel(autojump_clock: Clock) -> None:
    responder = ScriptedResponder(then=["Fine."])
    async with open_session(engines(responder)) as (session, client):
        session.cancel_reply()
        session.cancel_reply()
        await client.start()
        await client.speak(speech(600) + silence(900))
        await client.wait_for("tts_complete")
        session.cancel_reply()
        await trio.sleep(1)
        assert client.of("error") == []


async def test_a_reply_before_its_first_word_can_be_cancelled(autojump_clock: Clock) -> None:
    responder = ScriptedResponder([[3.0, "Too late."]], then=["Fine."])
    async with open_session(engines(responder)) as (session, client):
        await client.start()
        await client.speak(speech(600) + silence(1500))
        session.cancel_reply()
        await trio.sleep(5)
        assert client.of("tts_chunk") == []
        await client.speak(speech(600) + silence(900))
        await client.wait_for("tts_complete")


async def test_a_session_that_ends_can_still_be_silenced(autojump_clock: Clock) -> None:
    responder = ScriptedResponder([LONG])
    async with open_session(engines(responder)) as (session, client):
        await client.start()
        await client.speak(speech(600) + silence(2000))
        session.drain()
        await trio.sleep(0.1)
        session.cancel_reply()
        began_s = trio.current_time()
        gone = await client.wait_closed()
        assert gone.code == close_codes.GOING_AWAY
        assert trio.current_time() - began_s < 1


async def test_a_greeting_that_nobody_may_interrupt_ends_where_the_server_says(
    autojump_clock: Clock,
) -> None:
    agent: Agent[None] = Agent("Be brief.", greeting=HELLO, greeting_interruptible=False)
    async with conversation(agent, tts={"ms_per_char": 300}) as talk:
        await trio.sleep(1.3)
        talk.session.cancel_reply()
        await trio.sleep(5)
        assert talk.at(ReplyOver) == 1.3
        assert HELLO.startswith(talk.heard[0])
        assert len(talk.heard[0]) < len(HELLO)


async def test_a_session_that_the_server_closes_ends_for_good_behind_its_reply(
    autojump_clock: Clock,
) -> None:
    responder = ScriptedResponder([["It is fine."]])
    async with open_session(engines(responder)) as (session, client):
        await client.start()
        await client.speak(speech(600) + silence(1200))
        session.close()
        session.drain()  # the server stops meanwhile: it is ending already
        gone = await client.wait_closed()
        assert (gone.code, gone.reason) == (close_codes.NORMAL, close_codes.ENDED_BY_SERVER)
        assert client.of("tts_complete") != []
        assert session.ended_in_peace, "so that what was kept of it is forgotten"


async def test_a_server_that_stops_ends_no_conversation_for_good(autojump_clock: Clock) -> None:
    async with open_session(engines(ScriptedResponder(then=["Fine."]))) as (session, client):
        await client.start()
        session.drain()
        assert (await client.wait_closed()).code == close_codes.GOING_AWAY
        assert not session.ended_in_peace

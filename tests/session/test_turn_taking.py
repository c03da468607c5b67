"""When a turn is over, and what is begun before that is certain. Whole sessions, virtual time."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
import trio
import trio.testing

from parley.client.in_memory import InMemoryClient
from parley.config import Settings
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.failures import EngineFailure, LaneLost
from parley.engines.kit import Engines
from parley.engines.llm.scripted import HANG, ScriptedResponder
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.turn.fixed import FixedTurnEnd
from parley.engines.turn.interface import TurnEndEngine
from parley.engines.turn.scripted import ScriptedTurnEnd
from parley.engines.turn.text import TextTurnEnd
from parley.engines.vad.scripted import ScriptedDetector
from parley.telemetry import Telemetry
from parley.testing import open_session, silence, speech

Clock = trio.testing.MockClock

REPLY = (0.05, "Fine, ", 0.02, "thank ", "you. ", 0.1, "And ", "you?")


class Cast:
    """Scripted engines with an end-of-turn engine among them."""

    def __init__(
        self,
        turn_end: TurnEndEngine | None,
        words: Sequence[str] = ("hello there", "and more", "and that", "is all"),
        *,
        reply: Sequence[Any] = REPLY,
        **settings: Any,
    ) -> None:
        self.transcriber = ScriptedTranscriber(
            words, delays_s={"conclude": 0.05, "finish": 0.0 if turn_end else 0.05}
        )
        self.responder = ScriptedResponder(then=reply)
        self.synthesizer = ScriptedSynthesizer(delay_s=0.01)
        self.telemetry = Telemetry()
        self.turn_end = turn_end
        self.engines = Engines(
            detector=lambda session: ScriptedDetector(),
            transcriber=lambda session: self.transcriber,
            responder=self.responder,
            synthesizer=self.synthesizer,
            turn_end=turn_end,
        )
        self.settings = Settings.defaults(**settings)

    def session(self) -> Any:
        return open_session(self.engines, settings=self.settings, telemetry=self.telemetry)

    def count(self, name: str) -> float:
        value = self.telemetry.registry.get_sample_value(f"parley_{name}_total")
        assert value is not None
        return value


async def say(
    client: InMemoryClient, *parts_ms: int, chunk_ms: int = 20, speed: float = 1.0
) -> None:
    """Speech and silence in turn, in real time."""
    for index, ms in enumerate(parts_ms):
        audio = speech(ms) if index % 2 == 0 else silence(ms)
        await client.speak(audio, chunk_ms=chunk_ms, speed=speed)


def since_speech(client: InMemoryClient, kind: str, spoken_s: float) -> float:
    """When the first message of a kind came, after the last sample of speech."""
    at_s = next(at_s for at_s, message in client.received if message["type"] == kind)
    return round(at_s - spoken_s, 3)


# The window


@pytest.mark.parametrize(
    ("likelihood", "decided_s"), [(1.0, 0.2), (0.75, 0.345), (0.5, 0.7), (0.25, 1.055), (0.0, 2.0)]
)
async def test_the_likelier_the_end_the_shorter_the_silence(
    autojump_clock: Clock, likelihood: float, decided_s: float
) -> None:
    cast = Cast(ScriptedTurnEnd([likelihood]))
    async with cast.session() as (_, client):
        await client.start()
        await say(client, 1000, 2500)
        await client.wait_for("tts_complete")
    told_s = since_speech(client, "final_transcript", client.received[0][0] + 1.0)
    assert decided_s <= told_s <= decided_s + 0.06


async def test_without_an_engine_the_silence_decides_alone(autojump_clock: Clock) -> None:
    cast = Cast(None)
    async with cast.session() as (_, client):
        await client.start()
        await say(client, 1000, 650, 500, 1000)
        await client.wait_for("tts_complete")
    assert len(client.of("final_transcript")) == 1
    assert cast.transcriber.calls["conclude"] == 0


async def test_a_pause_in_the_middle_of_a_sentence_does_not_end_it(autojump_clock: Clock) -> None:
    cast = Cast(ScriptedTurnEnd(by_text={"i would like": 0.0}, script=[1.0]), ["i would like tea"])
    async with cast.session() as (_, client):
        await client.start()
        await say(client, 1000, 1200, 500, 2000)
        await client.wait_for("tts_complete")
    assert [m["text"] for m in client.of("final_transcript")] == ["i would like tea"]


@pytest.mark.parametrize(
    ("said", "speech_ms", "pause_ms"),
    [
        ("my number is four two seven one", 1500, 850),
        ("turn on the lights in the kitchen", 900, 1300),
        ("i would like um a coffee", 1200, 1300),
    ],
)
async def test_the_words_say_that_more_will_come(
    autojump_clock: Clock, said: str, speech_ms: int, pause_ms: int
) -> None:
    """A word each 300 ms: the pause comes in the middle of it."""
    cast = Cast(TextTurnEnd("en"), [said])
    async with cast.session() as (_, client):
        await client.start()
        await say(client, speech_ms, pause_ms, 1500, 2000)
        await client.wait_for("tts_complete")
    assert [m["text"] for m in client.of("final_transcript")] == [said]


@pytest.mark.parametrize("said", ["yes", "what time is it", "turn the light off", "thank you"])
async def test_the_words_say_that_it_is_over(autojump_clock: Clock, said: str) -> None:
    cast = Cast(TextTurnEnd("en"), [said])
    async with cast.session() as (_, client):
        await client.start()
        await say(client, 1500, 2000)
        await client.wait_for("tts_complete")
    assert since_speech(client, "final_transcript", client.received[0][0] + 1.5) < 0.32


@pytest.mark.parametrize("speed", [1.0, 6.0, 50.0])
async def test_how_fast_a_client_sends_does_not_move_the_ends(
    autojump_clock: Clock, speed: float
) -> None:
    turn_end = ScriptedTurnEnd([0.0, 1.0], delay_s=0.1)
    cast = Cast(turn_end, ["one two three", "four"])
    async with cast.session() as (_, client):
        await client.start()
        await say(client, 600, 900, 500, 500, 600, 3000, speed=speed)
        await client.wait_for("final_transcript", count=2)
        await trio.sleep(10)
    assert [m["text"] for m in client.of("final_transcript")] == ["one two three", "four"]


async def test_an_answer_that_comes_too_late_leaves_it_to_the_silence(
    autojump_clock: Clock,
) -> None:
    cast = Cast(ScriptedTurnEnd([1.0], delay_s=5.0))
    async with cast.session() as (_, client):
        await client.start()
        await say(client, 1000, 2000)
        await client.wait_for("tts_complete")
    told_s = since_speech(client, "final_transcript", client.received[0][0] + 1.0)
    assert 0.7 <= told_s <= 0.85 + 5.0


@pytest.mark.parametrize("needs_text", [True, False])
async def test_an_engine_that_fails_leaves_it_to_the_silence(
    autojump_clock: Clock, needs_text: bool
) -> None:
    cast = Cast(ScriptedTurnEnd([EngineFailure("broken")], needs_text=needs_text))
    async with cast.session() as (_, client):
        await client.start()
        await say(client, 1000, 2000)
        await client.wait_for("tts_complete")
    told_s = since_speech(client, "final_transcript", client.received[0][0] + 1.0)
    assert 0.7 <= told_s <= 0.76
    assert client.of("error") == []


# Begun before it is certain


async def test_the_reply_is_ready_when_the_silence_is_over(autojump_clock: Clock) -> None:
    cast = Cast(FixedTurnEnd())
    async with cast.session() as (_, client):
        await client.start()
        await say(client, 1000, 600)
        assert len(cast.responder.conversations) == 1
        assert client.of("final_transcript", "llm_token", "tts_chunk", "error") == []
        await say(client, 0, 1000)
        await client.wait_for("tts_complete")
        await trio.sleep(3)
    assert client.when("tts_chunk") - client.when("final_transcript") < 0.01
    first_seen = list(dict.fromkeys(client.kinds))
    assert first_seen == [
        "protocol",
        "info",
        "partial_transcript",
        "finalize_pending",
        "final_transcript",
        "metrics",
        "llm_token",
        "tts_chunk",
        "tts_phrase_done",
        "tts_complete",
    ]
    assert len(cast.responder.conversations) == 1
    assert cast.transcriber.calls["finish"] == 1
    assert (cast.count("speculations"), cast.count("speculations_dropped")) == (1, 0)


def told(client: InMemoryClient) -> dict[str, list[Any]]:
    """What the client was told, kind by kind: tokens that are there already do not wait for the
    first sound."""
    words = {"final_transcript": "text", "llm_token": "text", "tts_chunk": "audio_b64"}
    kept = {*words, "tts_phrase_done", "tts_complete", "barge_in", "error", "finalize_pending"}
    return {kind: [m.get(words.get(kind, "seq")) for m in client.of(kind)] for kind in kept}


@pytest.mark.few(12)
@pytest.mark.no_cover
@pytest.mark.parametrize("seed", range(100))
async def test_what_was_begun_in_vain_leaves_no_trace(autojump_clock: Clock, seed: int) -> None:
    """Five resumptions each, at random moments of what is going on meanwhile. The same conversation
    without any speculation is told word for word the same."""
    chance = random.Random(seed)
    pauses_ms = [chance.randrange(160, 690, 10) for _ in range(5)]
    parts_ms = [ms for pause_ms in pauses_ms for ms in (chance.randrange(300, 900, 10), pause_ms)]
    parts_ms += [600, 2500, 800, 2500]
    chunk_ms = chance.choice([20, 60, 100])
    found = []
    for turn_end in (FixedTurnEnd(), None):
        cast = Cast(turn_end, stream_speculations=20, stream_turn_learns=False)
        async with cast.session() as (session, client):
            await client.start()
            await say(client, *parts_ms, chunk_ms=chunk_ms)
            await trio.sleep(10)
            children = [child.id for child in session._supervisor.children()]
            memory = session.parts.items.exchanges()
            assert not [child for child in children if child.startswith("turn")]
            assert not session.parts.machines.early.begun
        assert cast.responder.active == 0
        found.append((told(client), memory))
        if turn_end is not None:
            # A pause of 150 ms, 50 ms to foresee, and what chunks add.
            in_vain = cast.count("speculations_dropped")
            assert in_vain >= sum(ms > 220 + chunk_ms for ms in pauses_ms)
            assert cast.count("speculations") == in_vain + 2
    assert found[0] == found[1]


@pytest.mark.parametrize("most", [0, 1, 2])
async def test_how_often_a_reply_is_begun_in_vain_is_limited(
    autojump_clock: Clock, most: int
) -> None:
    cast = Cast(FixedTurnEnd(), stream_speculations=most)
    async with cast.session() as (_, client):
        await client.start()
        await say(client, 500, 400, 500, 400, 500, 400, 500, 1500)
        await client.wait_for("tts_complete")
        await trio.sleep(5)
        await say(client, 500, 1500)
        await client.wait_for("tts_complete", count=2)
    assert cast.count("speculations") == (most + 1 if most else 0)
    # In vain, then the two that were asked for; the second turn's was begun early.
    assert len(cast.responder.conversations) == most + 2


async def test_a_reply_that_says_much_waits_with_the_rest_of_it(autojump_clock: Clock) -> None:
    words = [f"word{number} " for number in range(300)]
    cast = Cast(ScriptedTurnEnd([0.0]), reply=words, stream_turn_ceiling_ms=3000)
    async with cast.session() as (session, client):
        await client.start()
        await say(client, 1000, 2500)
        way = session.parts.machines.early._begun.exit
        assert len(way) <= 128
        await say(client, 0, 1000)
        await client.wait_for("final_transcript")
        await trio.sleep(250)
    assert [m["text"] for m in client.of("llm_token")] == [*words, ""]


async def test_a_language_model_that_fails_too_early_is_told_at_its_time(
    autojump_clock: Clock,
) -> None:
    cast = Cast(FixedTurnEnd(), reply=[EngineFailure("no", retryable=False)])
    async with cast.session() as (_, client):
        await client.start()
        await say(client, 1000, 600)
        assert client.of("error") == []
        await say(client, 0, 1000)
        await client.wait_for("error")
    assert [error["code"] for error in client.of("error")] == ["LLM_FAIL"]
    kinds = client.kinds
    assert kinds.index("final_transcript") < kinds.index("error")


async def test_who_talks_on_and_on_is_cut_whatever_the_engine_thinks(
    autojump_clock: Clock,
) -> None:
    cast = Cast(ScriptedTurnEnd([0.0]), stream_max_utterance_ms=5000, stream_turn_ceiling_ms=9000)
    async with cast.session() as (_, client):
        await client.start()
        await say(client, *[500, 700] * 6, 100, 10_000)
        await client.wait_for("final_transcript", count=2)
        await trio.sleep(10)
    assert {error["code"] for error in client.of("error")} == {"MAX_DURATION_EXCEEDED"}
    assert cast.responder.active == 0


async def test_cancel_stop_and_the_end_of_the_session_drop_what_was_begun(
    autojump_clock: Clock,
) -> None:
    for last in ("cancel", "stop", None):
        cast = Cast(FixedTurnEnd(), reply=[HANG])
        async with cast.session() as (session, client):
            await client.start()
            await say(client, 1000, 500)
            assert session.parts.machines.early.begun
            if last is not None:
                await client.say(type=last)
                await trio.sleep(1)
                assert not session.parts.machines.early.begun
        if last == "stop":
            assert [m["text"] for m in client.of("final_transcript")] == ["hello there"]
        else:
            assert client.of("final_transcript") == []
            assert session.parts.items.exchanges() == []


async def test_a_recognizer_that_fails_while_it_foresees_is_fed_again(
    autojump_clock: Clock,
) -> None:
    cast = Cast(FixedTurnEnd())
    cast.transcriber._fail_on = {("conclude", 1): LaneLost("gone")}
    async with cast.session() as (_, client):
        await client.start()
        await say(client, 1000, 2000)
        await client.wait_for("tts_complete")
    assert [m["text"] for m in client.of("final_transcript")] == ["hello there"]
    assert client.of("error") == []


# Words that want more


def wanting(**settings: Any) -> Cast:
    return Cast(ScriptedTurnEnd([0.04, 1.0]), ["i need a", "taxi"], **settings)


async def test_words_that_want_more_are_answered_in_the_end(autojump_clock: Clock) -> None:
    cast = wanting()
    async with cast.session() as (session, client):
        await client.start()
        await say(client, 900, 5000, 600, 4000)
        assert [said for said, _ in session.parts.items.exchanges()] == ["i need a", "taxi"]


async def test_they_may_wait_for_the_rest(autojump_clock: Clock) -> None:
    cast = wanting(stream_turn_unfinished="wait")
    async with cast.session() as (session, client):
        await client.start()
        await say(client, 900, 6000)
        assert [m["text"] for m in client.of("final_transcript")] == ["i need a"]
        assert client.of("tts_chunk") == []
        assert session.parts.machines.at_rest, "what is due may be said meanwhile"
        await say(client, 600, 4000)
        assert [said for said, _ in session.parts.items.exchanges()] == ["i need a taxi"]


async def test_or_the_agent_asks_for_it(autojump_clock: Clock) -> None:
    cast = wanting(stream_turn_unfinished="ask", stream_turn_asks="Hm?")
    async with cast.session() as (session, client):
        await client.start()
        await say(client, 900, 6000)
        assert [m["text"] for m in client.of("llm_token") if m["text"]] == ["Hm?"]
        await say(client, 600, 4000)
        said = [said for said, _ in session.parts.items.exchanges()]
    assert said[-1] == "i need a taxi"
    assert len(cast.responder.conversations) == cast.count("speculations")


async def test_a_stop_answers_what_waits(autojump_clock: Clock) -> None:
    cast = wanting(stream_turn_unfinished="wait")
    async with cast.session() as (_, client):
        await client.start()
        await say(client, 900, 4000)
        await client.say(type="stop")
        await client.wait_for("tts_complete")

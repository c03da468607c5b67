"""Dialect D in whole sessions: turns, interruptions, text, push-to-talk, transcription."""

from __future__ import annotations

import base64
import itertools

import pytest
import trio

from parley.conversation.items import AssistantMessage
from parley.engines.failures import EngineFailure
from support.realtime import AUDIO, MS_PER_CHAR, realtime

FAST = {"type": "server_vad", "silence_duration_ms": 300}

TURN = [
    "session.created",
    "session.updated",
    "input_audio_buffer.speech_started",
    "input_audio_buffer.speech_stopped",
    "input_audio_buffer.committed",
    "conversation.item.added",
    "conversation.item.done",
    "conversation.item.input_audio_transcription.delta",
    "conversation.item.input_audio_transcription.completed",
    "response.created",
    "response.output_item.added",
    "conversation.item.added",
    "response.content_part.added",
    "response.output_audio_transcript.delta",
    "response.output_audio.delta",
    "response.output_audio.done",
    "response.output_audio_transcript.done",
    "response.content_part.done",
    "conversation.item.done",
    "response.output_item.done",
    "response.done",
]


async def test_a_voice_turn_has_the_documented_order(autojump_clock: object) -> None:
    async with realtime([("Hello there.",)], words=["good morning"]) as talk:
        await talk.hears_by(FAST)
        await talk.speak(600, 1500)
        done = await talk.wait("response.done")
        assert talk.kinds == TURN
        assert done["response"]["status"] == "completed"
        (item,) = done["response"]["output"]
        assert item["content"] == [{"type": "output_audio", "transcript": "Hello there."}]
        assert talk.asked() == [("user", "good morning")]
        heard = len("Hello there.") * MS_PER_CHAR
        assert len(talk.audio(done["response"]["id"])) == heard * 48


async def test_what_is_said_is_told_with_its_sound(autojump_clock: object) -> None:
    """So that a client which never looks again has read no more than it could hear."""
    first, second = "This is the first sentence.", "And this is the second one."
    async with realtime([(f"{first} ", second)]) as talk:
        await talk.types("hi")
        response = await talk.responds()
        told = talk.of("response.output_audio_transcript.delta")
        assert [event["delta"].strip() for event in told] == [first, second]
        at = [t for t, event in talk.client.received if event["type"].endswith("transcript.delta")]
        lead_s = 0.24
        assert at[1] - at[0] == pytest.approx(len(first) * MS_PER_CHAR / 1000 - lead_s, abs=0.1)
        assert response["output"][0]["content"][0]["transcript"] == f"{first} {second}"


async def test_what_parley_says_besides_is_told_and_no_item(autojump_clock: object) -> None:
    async with realtime([(EngineFailure("no model", retryable=False),)]) as talk:
        await talk.types("hi")
        response = await talk.responds()
        assert response["status"] == "failed"
        (told,) = talk.of("response.output_audio_transcript.done")
        assert told["transcript"]
        assert response["output"][0]["content"][0]["transcript"] == ""


async def test_usage_is_counted(autojump_clock: object) -> None:
    async with realtime([("Hello there.",)], words=["good morning"]) as talk:
        await talk.hears_by(FAST)
        await talk.speak(600, 1500)
        usage = (await talk.wait("response.done"))["response"]["usage"]
        assert usage["output_token_details"] == {"text_tokens": 3, "audio_tokens": 12}
        assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
        (heard,) = talk.of("conversation.item.input_audio_transcription.completed")
        assert heard["usage"] == {"type": "duration", "seconds": 0.9}


async def test_words_over_a_reply_end_it_and_the_memory_holds_what_was_heard(
    autojump_clock: object,
) -> None:
    reply = "One two three four five six seven eight nine ten."
    async with realtime([(reply,)], words=["count please", "stop that please now"]) as talk:
        await talk.hears_by(FAST)
        await talk.speak(600, 1200)
        await talk.wait(AUDIO)
        await talk.speak(900, 1200)
        await talk.wait("response.done", count=2)
        first = talk.of("response.done")[0]["response"]
        assert first["status"] == "cancelled"
        assert first["status_details"] == {"type": "cancelled", "reason": "turn_detected"}
        (item,) = first["output"]
        assert item["status"] == "incomplete"
        heard = item["content"][0]["transcript"]
        assert heard and reply.startswith(heard) and heard != reply
        assert talk.asked()[:2] == [
            ("user", "count please"),
            ("assistant", f"{heard}… [interrupted]"),
        ]
        started = [e["type"] for e in talk.events].index("input_audio_buffer.speech_started", 4)
        assert talk.events[started + 1]["type"] == "response.output_audio.done"


async def test_a_cough_over_a_reply_is_told_nobody(autojump_clock: object) -> None:
    reply = "One two three four five six seven eight nine ten."
    async with realtime([(reply,)], words=["count please", ""]) as talk:
        await talk.hears_by(FAST)
        await talk.speak(600, 1200)
        await talk.wait(AUDIO)
        await talk.speak(500, 600)
        await talk.quiet(5000)
        done = await talk.wait("response.done")
        assert done["response"]["status"] == "completed"
        assert len(talk.of("input_audio_buffer.speech_started")) == 1
        sound = talk.audio(done["response"]["id"])
        assert len(sound) == len(reply) * MS_PER_CHAR * 48  # not a sample twice, none lost
        at = [time for time, event in talk.client.received if event["type"] == AUDIO]
        gaps = [after - before for before, after in itertools.pairwise(at)]
        assert max(gaps) > 0.3  # and it was quiet meanwhile


async def test_what_a_client_truncates_is_what_the_model_sees(autojump_clock: object) -> None:
    reply = "One two three four five six seven eight nine ten."
    async with realtime([(reply,)], words=["count please", "stop that please now"]) as talk:
        await talk.hears_by({**FAST, "create_response": False})
        await talk.speak(600, 600)
        await talk.send("response.create")
        await talk.wait(AUDIO, count=12)
        await talk.speak(900, 600)
        item = (await talk.wait("response.done"))["response"]["output"][0]
        end_ms = len("One two three ") * MS_PER_CHAR
        await talk.send(
            "conversation.item.truncate",
            item_id=item["id"],
            content_index=0,
            audio_end_ms=end_ms,
        )
        told = await talk.wait("conversation.item.truncated")
        assert (told["item_id"], told["audio_end_ms"]) == (item["id"], end_ms)
        await talk.send("conversation.item.retrieve", item_id=item["id"])
        (part,) = (await talk.wait("conversation.item.retrieved"))["item"]["content"]
        assert part["transcript"] == "One two three"
        assert len(base64.b64decode(part["audio"])) == end_ms * 48
        await talk.responds()
        assert talk.asked()[1] == ("assistant", "One two three… [interrupted]")


async def test_a_response_that_is_truncated_while_it_is_made_ends(autojump_clock: object) -> None:
    reply = "One two three four five six seven eight nine ten."
    async with realtime([(reply,)]) as talk:
        await talk.types("count please")
        await talk.send("response.create")
        await talk.wait(AUDIO, count=10)
        item_id = talk.of(AUDIO)[0]["item_id"]
        await talk.send(
            "conversation.item.truncate", item_id=item_id, content_index=0, audio_end_ms=200
        )
        await talk.wait("conversation.item.truncated")
        (done,) = talk.of("response.done")
        assert done["response"]["status_details"]["reason"] == "client_cancelled"
        (said,) = [i for i in talk.session.parts.items if isinstance(i, AssistantMessage)]
        assert said.heard == "One"


async def test_cancel_ends_a_response(autojump_clock: object) -> None:
    reply = "One two three four five six seven eight nine ten."
    async with realtime([(reply,)]) as talk:
        await talk.types("count please")
        await talk.send("response.create")
        created = await talk.wait("response.created")
        await talk.wait(AUDIO, count=10)
        wrong = await talk.send("response.cancel", response_id="resp_none")
        assert (await talk.error(wrong))["code"] == "response_cancel_not_active"
        await talk.send("response.cancel", response_id=created["response"]["id"])
        done = await talk.wait("response.done")
        assert done["response"]["status_details"]["reason"] == "client_cancelled"
        after = await talk.send("response.cancel")
        assert (await talk.error(after))["code"] == "response_cancel_not_active"


async def test_text_alone(autojump_clock: object) -> None:
    async with realtime([("Hello ", "there.")]) as talk:
        await talk.update(output_modalities=["text"])
        await talk.types("hi")
        response = await talk.responds()
        assert response["output"][0]["content"] == [{"type": "output_text", "text": "Hello there."}]
        assert talk.of(AUDIO) == []
        deltas = talk.of("response.output_text.delta")
        assert "".join(e["delta"] for e in deltas) == "Hello there."
        assert talk.client.when("response.done") == talk.client.when("response.created")
        await talk.types("and?")
        await talk.responds()
        assert talk.asked() == [("user", "hi"), ("assistant", "Hello there."), ("user", "and?")]


async def test_push_to_talk(autojump_clock: object) -> None:
    async with realtime([("Yes.",), ("Sure.",)], words=["are you there", "can you"]) as talk:
        await talk.hears_by(None)
        await talk.speak(800, 300)
        await talk.quiet(3000)
        assert talk.of("input_audio_buffer.speech_started") == []
        await talk.send("input_audio_buffer.commit")
        await talk.send("response.create")
        done = await talk.wait("response.done")
        assert done["response"]["status"] == "completed"
        assert talk.asked() == [("user", "are you there")]
        await talk.speak(800)
        await talk.send("input_audio_buffer.commit")
        await talk.wait("conversation.item.input_audio_transcription.completed", count=2)
        await trio.sleep(3)
        assert len(talk.of("response.created")) == 1
        await talk.responds()
        assert talk.asked()[-1] == ("user", "can you")


async def test_speech_by_hand_does_not_hold_a_reply(autojump_clock: object) -> None:
    reply = "One two three four five six seven eight nine ten."
    async with realtime([(reply,)], words=["again please"]) as talk:
        await talk.hears_by(None)
        await talk.types("count please")
        await talk.send("response.create")
        await talk.wait(AUDIO)
        await talk.speak(1500)
        await talk.send("input_audio_buffer.commit")
        done = await talk.wait("response.done")
        assert done["response"]["status"] == "completed"
        assert len(talk.audio(done["response"]["id"])) == len(reply) * MS_PER_CHAR * 48


async def test_what_was_appended_can_be_cleared(autojump_clock: object) -> None:
    async with realtime(words=["that was said"]) as talk:
        await talk.hears_by(None)
        await talk.speak(800)
        await talk.send("input_audio_buffer.clear")
        await talk.wait("input_audio_buffer.cleared")
        empty = await talk.send("input_audio_buffer.commit")
        assert (await talk.error(empty))["code"] == "input_audio_buffer_commit_empty"
        await talk.speak(700)
        await talk.send("input_audio_buffer.commit")
        await talk.wait("conversation.item.input_audio_transcription.completed")
        assert len(talk.of("input_audio_buffer.committed")) == 1


@pytest.mark.parametrize("by", ["update", "intent"])
async def test_a_transcription_session(by: str, autojump_clock: object) -> None:
    choices = {"intent": "transcription"} if by == "intent" else {}
    text = "one two three four five six seven eight nine ten eleven"
    words = [text]
    async with realtime(words=words, choices=choices, must_hold=by == "update") as talk:
        talk.model.transcription_only = True
        if by == "update":
            session = {"type": "transcription", "audio": {"input": {"turn_detection": FAST}}}
            await talk.send("session.update", session=session)
            told = (await talk.wait("session.updated"))["session"]
        else:
            await talk.send("transcription_session.update", session={"turn_detection": FAST})
            told = (await talk.wait("transcription_session.updated"))["session"]
        assert told["object"] == "realtime.transcription_session"
        await talk.speak(1200, 1500)
        done = await talk.wait("conversation.item.input_audio_transcription.completed")
        assert done["transcript"] == text
        deltas = talk.of("conversation.item.input_audio_transcription.delta")
        assert "".join(e["delta"] for e in deltas) == done["transcript"]
        assert len(deltas) > 1  # while it is said
        await trio.sleep(5)
        assert talk.of("response.created") == []
        refused = await talk.send("response.create")
        assert (await talk.error(refused))["code"] == "unsupported_event"


async def test_the_model_speaks_by_itself_after_a_silence(autojump_clock: object) -> None:
    detection = {**FAST, "idle_timeout_ms": 5000}
    async with realtime([("Hello.",), ("Still there?",)], words=["hi"]) as talk:
        await talk.hears_by(detection)
        await talk.speak(600, 1000)
        await talk.wait("response.done")
        at = talk.client.when("response.done")
        await talk.quiet(7000)
        triggered = await talk.wait("input_audio_buffer.timeout_triggered")
        assert talk.client.when(triggered["type"]) - at == pytest.approx(5, abs=0.05)
        assert triggered["audio_end_ms"] - triggered["audio_start_ms"] == 5000
        done = await talk.wait("response.done", count=2)
        assert done["response"]["output"][0]["content"][0]["transcript"] == "Still there?"


@pytest.mark.parametrize("interrupts", [True, False])
async def test_events_alone(interrupts: bool, autojump_clock: object) -> None:
    detection = {**FAST, "create_response": False, "interrupt_response": interrupts}
    reply = "One two three four five six seven eight nine ten."
    words = ["count please", "stop that please now"]
    async with realtime([(reply,)], words=words, interrupts=interrupts) as talk:
        await talk.hears_by(detection)
        await talk.speak(600, 1000)
        await trio.sleep(2)
        assert talk.of("response.created") == []
        await talk.send("response.create")
        await talk.wait(AUDIO)
        await talk.speak(900, 1000)
        done = await talk.wait("response.done")
        status = "cancelled" if interrupts else "completed"
        assert done["response"]["status"] == status
        await trio.sleep(3)
        assert len(talk.of("response.created")) == 1
        assert len(talk.of("conversation.item.input_audio_transcription.completed")) == 2
        await talk.responds()
        assert [text for role, text in talk.asked() if role == "user"] == words

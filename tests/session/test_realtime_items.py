"""Dialect D: items, tools, responses with wishes of their own, and every error."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
import trio

from parley.agents.agent import Agent
from parley.agents.call import Call
from parley.audio import g711
from parley.engines.failures import EngineFailure
from parley.protocol.chat import ToolCall
from support.realtime import AUDIO, MS_PER_CHAR, Realtime, realtime

FAST = {"type": "server_vad", "silence_duration_ms": 300}
WEATHER = {
    "type": "function",
    "name": "weather",
    "description": "Tells the weather.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
CLOCK = {"type": "function", "name": "clock", "parameters": {"type": "object", "properties": {}}}
ANSWER = "One two three four five six seven eight nine ten."


def call(name: str, arguments: str = "{}", call_id: str = "") -> Any:
    return ToolCall(id=call_id, name=name, arguments=arguments)


async def returns(talk: Realtime, call_id: str, output: str) -> None:
    item = {"type": "function_call_output", "call_id": call_id, "output": output}
    await talk.send("conversation.item.create", item=item)


# Tools


async def test_the_client_runs_its_tools(autojump_clock: object) -> None:
    replies = [("Let me see. ", call("weather", '{"city": "Rome"}', "c1")), ("It is sunny.",)]
    async with realtime(replies) as talk:
        await talk.update(tools=[WEATHER])
        await talk.types("weather?")
        response = await talk.responds()
        assert response["status"] == "completed"
        said, called = response["output"]
        assert said["content"][0]["transcript"] == "Let me see."
        assert (called["type"], called["call_id"]) == ("function_call", "c1")
        assert (called["name"], called["arguments"]) == ("weather", '{"city": "Rome"}')
        assert [offer.name for offer in talk.responder.offered[0]] == ["weather"]
        await returns(talk, "c1", '{"sky": "sunny"}')
        response = await talk.responds()
        assert response["output"][0]["content"][0]["transcript"] == "It is sunny."
        assert talk.asked() == [
            ("user", "weather?"),
            ("assistant", "Let me see."),
            ("tool", '{"sky": "sunny"}'),
        ]


async def test_a_call_is_told_before_the_sound_is_over(autojump_clock: object) -> None:
    """The client can run it meanwhile, and ask for the next response: that begins then."""
    replies = [(f"{ANSWER} ", call("clock", call_id="c1")), ("Noon.",)]
    async with realtime(replies) as talk:
        await talk.update(tools=[CLOCK])
        await talk.types("time?")
        await talk.send("response.create")
        await talk.wait("response.function_call_arguments.done")
        assert talk.of("response.output_audio.done") == []
        await returns(talk, "c1", "12")
        await talk.send("response.create")
        await talk.wait("response.done", count=2)
        assert talk.of("error") == []
        assert len(talk.audio(talk.of("response.done")[0]["response"]["id"])) == (
            len(ANSWER) * MS_PER_CHAR * 48
        )


async def test_tools_are_called_in_parallel(autojump_clock: object) -> None:
    replies = [(call("weather", call_id="c1"), call("clock", call_id="c2")), ("Sunny at noon.",)]
    async with realtime(replies) as talk:
        await talk.update(tools=[WEATHER, CLOCK])
        await talk.types("weather and time?")
        response = await talk.responds()
        assert [item["call_id"] for item in response["output"]] == ["c1", "c2"]
        await returns(talk, "c2", "noon")
        await returns(talk, "c1", "sunny")
        await talk.responds()
        assert talk.asked() == [
            ("user", "weather and time?"),
            ("assistant", ""),
            ("tool", "sunny"),
            ("tool", "noon"),
        ]


async def test_a_response_behind_the_first_result_waits_for_the_others(
    autojump_clock: object,
) -> None:
    """Both Agents SDKs ask for one behind each result."""
    calls = (call("weather", call_id="c1"), call("clock", call_id="c2"))
    async with realtime([calls, ("Sunny at noon.",), calls, ("Sunny.",)]) as talk:
        await talk.update(tools=[WEATHER, CLOCK])
        for late_s in (0.4, 3.0):
            await talk.types("weather and time?")
            await talk.responds()
            one, other = (
                e["call_id"] for e in talk.of("response.function_call_arguments.done")[-2:]
            )
            await returns(talk, one, "sunny")
            await talk.send("response.create")
            await trio.sleep(late_s)
            await returns(talk, other, "noon")
            await trio.sleep(3)
            if late_s < 1:  # an SDK waits for the response before it asks for the next one
                assert (await talk.responds())["output"] == []
            results = [text for role, text in talk.asked() if role == "tool"][-2:]
            assert results == ["sunny", "noon" if late_s < 1 else "(there is no result yet)"]
        assert len(talk.of("response.done")) == 5
        assert len(talk.responder.conversations) == 4
        assert talk.of("error") == []


@pytest.mark.parametrize(
    ("choice", "offered"),
    [
        ("auto", ["weather", "clock"]),
        ("none", []),
        ("required", ["weather!", "clock!"]),
        ({"type": "function", "name": "clock"}, ["clock!"]),
    ],
)
async def test_the_client_chooses_among_its_tools(
    choice: Any, offered: list[str], autojump_clock: object
) -> None:
    async with realtime() as talk:
        await talk.update(tools=[WEATHER, CLOCK], tool_choice=choice)
        await talk.types("hi")
        await talk.responds()
        told = [offer.name + "!" * offer.forced for offer in talk.responder.offered[0]]
        assert told == offered


async def test_an_agents_tools_and_the_clients_stand_side_by_side(autojump_clock: object) -> None:
    agent: Agent[None] = Agent("You are the agent.", name="a")

    @agent.tool
    async def stock(call: Call[None]) -> str:
        """Tells what there is."""
        return "plenty"

    replies = [
        (call("stock", call_id="c1"),),
        (call("clock", call_id="c2"),),
        ("Plenty, at noon.",),
    ]
    async with realtime(replies, agent=agent) as talk:
        await talk.update(tools=[CLOCK], instructions="Be brief.")
        await talk.types("what is there, and when?")
        response = await talk.responds()
        assert [item["name"] for item in response["output"]] == ["clock"]
        assert {offer.name for offer in talk.responder.offered[0]} == {"clock", "stock"}
        instructions = talk.instructions()
        assert instructions.startswith("You are the agent.\n")
        assert instructions.endswith("\n\nBe brief.")
        await returns(talk, "c2", "noon")
        await talk.responds()
        assert [text for role, text in talk.asked() if role == "tool"] == ["plenty", "noon"]


# Items


async def test_items_are_put_anywhere_and_taken_out(autojump_clock: object) -> None:
    async with realtime() as talk:
        await talk.types("second", id="b")
        await talk.types("third", id="c")
        await talk.send(
            "conversation.item.create",
            previous_item_id="root",
            item={
                "type": "message",
                "role": "system",
                "id": "s",
                "content": [{"type": "input_text", "text": "Be kind."}],
            },
        )
        await talk.send(
            "conversation.item.create",
            previous_item_id="s",
            item={
                "type": "message",
                "role": "user",
                "id": "a",
                "content": [{"type": "input_text", "text": "first"}],
            },
        )
        await talk.send(
            "conversation.item.create",
            previous_item_id="b",
            item={
                "type": "message",
                "role": "assistant",
                "id": "r",
                "content": [{"type": "output_text", "text": "an answer"}],
            },
        )
        await talk.send("conversation.item.delete", item_id="c")
        await talk.wait("conversation.item.deleted")
        places = [
            (e["item"]["id"], e["previous_item_id"]) for e in talk.of("conversation.item.added")
        ]
        assert places == [("b", None), ("c", "b"), ("s", None), ("a", "s"), ("r", "b")]
        await talk.responds(instructions="Be brief.")
        assert talk.asked() == [
            ("user", "first\nsecond"),
            ("assistant", "an answer"),
            ("user", "…"),
        ]
        assert talk.instructions() == "Be brief.\nBe kind."


async def test_items_are_retrieved_with_their_sound(autojump_clock: object) -> None:
    async with realtime([("Hello.",)], words=["good morning"]) as talk:
        await talk.hears_by(FAST)
        await talk.speak(600, 1500)
        item = (await talk.wait("response.done"))["response"]["output"][0]
        heard = talk.of("input_audio_buffer.committed")[0]["item_id"]
        for item_id in (heard, item["id"]):
            await talk.send("conversation.item.retrieve", item_id=item_id)
        await talk.wait("conversation.item.retrieved", count=2)
        mine, its = (e["item"] for e in talk.of("conversation.item.retrieved"))
        (part,) = mine["content"]
        assert (part["type"], part["transcript"]) == ("input_audio", "good morning")
        assert len(base64.b64decode(part["audio"])) == 900 * 48
        (part,) = its["content"]
        assert (part["type"], part["transcript"]) == ("output_audio", "Hello.")
        assert len(base64.b64decode(part["audio"])) == len("Hello.") * MS_PER_CHAR * 48


async def test_an_item_may_be_sound(autojump_clock: object) -> None:
    sound = base64.b64encode((8000).to_bytes(2, "little") * 24 * 800).decode()
    async with realtime(words=["good morning"]) as talk:
        await talk.hears_by(FAST)
        content = [{"type": "input_audio", "audio": sound}]
        item = {"type": "message", "role": "user", "id": "mine", "content": content}
        await talk.send("conversation.item.create", item=item)
        response = await talk.responds()
        assert response["status"] == "completed"
        assert talk.asked() == [("user", "good morning")]
        told = talk.of("conversation.item.input_audio_transcription.completed")
        assert [(e["item_id"], e["transcript"]) for e in told] == [("mine", "good morning")]
        short = {**item, "id": "short", "content": [{**content[0], "audio": "AAAA"}]}
        ref = await talk.send("conversation.item.create", item=short)
        assert (await talk.error(ref))["param"] == "item.content[0].audio"
        ref = await talk.send("conversation.item.create", item=item)
        assert (await talk.error(ref))["code"] == "item_create_duplicate_item_id"
        await talk.responds()
        assert talk.asked()[:2] == [("user", "good morning"), ("assistant", "Fine.")]


# Responses


async def test_a_response_out_of_band_leaves_nothing(autojump_clock: object) -> None:
    async with realtime([("sports",), ("Hello.",)]) as talk:
        await talk.types("the match was great", id="m")
        response = await talk.responds(
            conversation="none",
            output_modalities=["text"],
            instructions="Classify.",
            metadata={"topic": "class"},
            input=[
                {"type": "item_reference", "id": "m"},
                {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "which kind?"}],
                },
            ],
        )
        assert response["conversation_id"] is None
        assert response["metadata"] == {"topic": "class"}
        assert response["output"][0]["content"] == [{"type": "output_text", "text": "sports"}]
        assert talk.asked() == [("user", "the match was great\nwhich kind?")]
        await talk.responds()
        assert talk.asked() == [("user", "the match was great")]


async def test_responses_wait_for_one_another(autojump_clock: object) -> None:
    async with realtime([(ANSWER,), ("sports",), ("tennis",)]) as talk:
        await talk.types("hi")
        await talk.send("response.create")
        await talk.wait(AUDIO)
        aside = {"conversation": "none", "output_modalities": ["text"]}
        for _ in range(2):
            await talk.send("response.create", response=aside)
        second = await talk.send("response.create")
        assert (await talk.error(second))["code"] == "conversation_already_has_active_response"
        await talk.wait("response.done", count=3)
        said = [e["response"]["output"][0]["content"][0] for e in talk.of("response.done")]
        assert [part.get("text") for part in said] == [None, "sports", "tennis"]


async def test_a_response_has_an_end(autojump_clock: object) -> None:
    async with realtime([("One ", "two ", "three ", "four.")]) as talk:
        await talk.types("count")
        response = await talk.responds(max_output_tokens=2)
        assert (response["status"], response["max_output_tokens"]) == ("incomplete", 2)
        assert response["status_details"]["reason"] == "max_output_tokens"
        assert response["output"][0]["content"][0]["transcript"] == "One two"


async def test_a_response_that_fails_says_so(autojump_clock: object) -> None:
    async with realtime([(EngineFailure("no model", retryable=False),)]) as talk:
        await talk.types("hi")
        response = await talk.responds()
        assert response["status"] == "failed"
        error = response["status_details"]["error"]
        assert (error["type"], error["code"]) == ("server_error", "llm_fail")
        assert (error["message"], talk.of("error")) == ("no model", [])
        await talk.types("again")
        assert (await talk.responds())["status"] == "completed"


@pytest.mark.parametrize(("kind", "law"), [("audio/pcmu", "ulaw"), ("audio/pcma", "alaw")])
async def test_the_sound_of_telephones(kind: str, law: g711.Law, autojump_clock: object) -> None:
    async with realtime([("Hello there.",)], words=["good morning"]) as talk:
        both = {"format": {"type": kind}}
        await talk.update(audio={"input": {**both, "turn_detection": FAST}, "output": both})
        loud = g711.encode((8000).to_bytes(2, "little") * 8 * 20, law)
        quiet = g711.encode(bytes(2 * 8 * 20), law)
        for piece in [loud] * 30 + [quiet] * 75:
            await trio.sleep(0.02)
            await talk.send("input_audio_buffer.append", audio=base64.b64encode(piece).decode())
        response = (await talk.wait("response.done"))["response"]
        assert response["audio"]["output"]["format"] == {"type": kind}
        heard_ms = len("Hello there.") * MS_PER_CHAR
        assert len(talk.audio(response["id"])) == pytest.approx(heard_ms * 8, abs=8)


# Errors

BIG = "A" * (16 * 1024 * 1024)
ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]}

ERRORS: list[tuple[str, dict[str, Any], str, str | None]] = [
    ("no.such.event", {}, "unknown_event", "type"),
    ("session.update", {}, "missing_required_parameter", "session"),
    ("session.update", {"session": []}, "invalid_type", "session"),
    ("session.update", {"session": {"colour": 1}}, "unknown_parameter", "session.colour"),
    ("session.update", {"session": {"type": "video"}}, "invalid_value", "session.type"),
    ("session.update", {"session": {"instructions": 3}}, "invalid_type", "session.instructions"),
    (
        "session.update",
        {"session": {"audio": {"input": {"format": {"type": "audio/mp3"}}}}},
        "invalid_value",
        "session.audio.input.format.type",
    ),
    (
        "session.update",
        {"session": {"audio": {"input": {"turn_detection": {"threshold": 2}}}}},
        "invalid_value",
        "session.audio.input.turn_detection.threshold",
    ),
    (
        "session.update",
        {"session": {"output_modalities": ["text", "smell"]}},
        "invalid_value",
        "session.output_modalities[1]",
    ),
    ("session.update", {"session": {"tools": [{"type": "mcp"}]}}, "unsupported_value", None),
    ("session.update", {"session": {"tools": [CLOCK] * 257}}, "array_above_max_length", None),
    ("session.update", {"session": {"tools": [CLOCK, CLOCK]}}, "invalid_value", None),
    ("session.update", {"session": {"max_output_tokens": 5000}}, "invalid_value", None),
    ("input_audio_buffer.append", {}, "missing_required_parameter", "audio"),
    ("input_audio_buffer.append", {"audio": "&&&"}, "invalid_base64", "audio"),
    ("input_audio_buffer.append", {"audio": BIG + "A" * len(BIG)}, "audio_too_large", "audio"),
    ("input_audio_buffer.commit", {}, "input_audio_buffer_commit_empty", None),
    ("output_audio_buffer.clear", {}, "unsupported_event", "type"),
    ("conversation.item.create", {}, "missing_required_parameter", "item"),
    ("conversation.item.create", {"item": {"type": "dance"}}, "invalid_value", "item.type"),
    (
        "conversation.item.create",
        {"item": {**ITEM, "id": "there"}},
        "item_create_duplicate_item_id",
        "item.id",
    ),
    (
        "conversation.item.create",
        {"item": ITEM, "previous_item_id": "nowhere"},
        "item_create_invalid_previous_item_id",
        "previous_item_id",
    ),
    (
        "conversation.item.create",
        {"item": {"type": "function_call_output", "call_id": "none", "output": ""}},
        "invalid_value",
        "item.call_id",
    ),
    (
        "conversation.item.create",
        {"item": {**ITEM, "content": [{"type": "input_image", "image_url": "x"}]}},
        "unsupported_content_type",
        "item.content[0].type",
    ),
    ("conversation.item.retrieve", {"item_id": "none"}, "item_retrieve_invalid_item_id", "item_id"),
    ("conversation.item.delete", {"item_id": "none"}, "item_delete_invalid_item_id", "item_id"),
    (
        "conversation.item.truncate",
        {"item_id": "none", "content_index": 0, "audio_end_ms": 5},
        "item_truncate_invalid_item_id",
        "item_id",
    ),
    (
        "conversation.item.truncate",
        {"item_id": "there", "content_index": 0, "audio_end_ms": 5},
        "invalid_value",
        "item_id",
    ),
    ("response.cancel", {}, "response_cancel_not_active", None),
    ("response.create", {"response": {"voice": "x"}}, "unknown_parameter", "response.voice"),
    ("response.create", {"response": {"conversation": "x"}}, "invalid_value", None),
]


@pytest.mark.parametrize(
    ("kind", "fields", "code", "param"), ERRORS, ids=lambda value: str(value)[:40]
)
async def test_what_is_wrong_is_told_and_the_session_goes_on(
    kind: str, fields: dict[str, Any], code: str, param: str | None, autojump_clock: object
) -> None:
    async with realtime() as talk:
        await talk.types("hello", id="there")
        ref = await talk.send(kind, **fields)
        error = await talk.error(ref)
        assert error["type"] == "invalid_request_error"
        assert error["code"] == code
        assert error["message"]
        assert param is None or error.get("param") == param
        assert (await talk.responds())["status"] == "completed"
        assert len(talk.of("error")) == 1


@pytest.mark.parametrize("frame", ["no json", "[]", '"text"', "{}", b"\xff\x00", '{"type": 3}'])
async def test_what_is_no_event_is_told(frame: str | bytes, autojump_clock: object) -> None:
    async with realtime() as talk:
        await talk.client.transport.send(frame)
        await talk.wait("error")
        await talk.types("hello")
        assert (await talk.responds())["status"] == "completed"


async def test_events_may_come_in_binary_frames(autojump_clock: object) -> None:
    async with realtime() as talk:
        event = {"type": "conversation.item.create", "item": ITEM}
        await talk.client.transport.send(json.dumps(event).encode())
        await talk.wait("conversation.item.done")
        await talk.responds()
        assert talk.asked() == [("user", "hi")]


async def test_truncation_beyond_the_sound_is_refused(autojump_clock: object) -> None:
    async with realtime([("Hello.",)]) as talk:
        await talk.types("hi")
        item = (await talk.responds())["output"][0]
        place = {"item_id": item["id"], "content_index": 0}
        ref = await talk.send("conversation.item.truncate", **place, audio_end_ms=5000)
        assert (await talk.error(ref))["code"] == "invalid_value"
        ref = await talk.send(
            "conversation.item.truncate", **{**place, "content_index": 1}, audio_end_ms=5
        )
        assert (await talk.error(ref))["param"] == "content_index"
        await talk.responds()
        assert ("assistant", "Hello.") in talk.asked()


async def test_a_session_is_merged_and_echoed_whole(autojump_clock: object) -> None:
    async with realtime() as talk:
        await talk.update(instructions="Be brief.", tools=[CLOCK])
        await talk.update(audio={"input": {"turn_detection": {"silence_duration_ms": 250}}})
        wrong = await talk.send(
            "session.update",
            session={"type": "realtime", "instructions": "no", "tracing": 1, "x": 2},
        )
        await talk.error(wrong)
        await talk.update(audio={"output": {"voice": "marin"}}, tools=[])
        await talk.wait("session.updated", count=3)
        told = [e["session"] for e in talk.of("session.updated")]
        assert [session["instructions"] for session in told] == ["Be brief."] * 3
        assert [len(session["tools"]) for session in told] == [1, 1, 0]
        detection = told[2]["audio"]["input"]["turn_detection"]
        assert (detection["type"], detection["silence_duration_ms"]) == ("server_vad", 250)
        assert detection["create_response"] is True
        assert told[2]["audio"]["output"]["voice"] == "marin"
        created = talk.of("session.created")[0]["session"]
        assert created["id"] == told[2]["id"]
        await talk.update(audio={"input": {"turn_detection": {"type": "semantic_vad"}}})
        await talk.update(audio={"input": {"turn_detection": None}})
        await talk.wait("session.updated", count=5)
        semantic, none = (
            e["session"]["audio"]["input"]["turn_detection"] for e in talk.of("session.updated")[3:]
        )
        assert semantic["eagerness"] == "auto" and "silence_duration_ms" not in semantic
        assert none is None


async def test_a_large_session_is_taken(autojump_clock: object) -> None:
    async with realtime() as talk:
        many = [{**CLOCK, "name": f"t{n}", "description": "x" * 2500} for n in range(200)]
        await talk.update(instructions="i" * 500_000, tools=many)
        session = (await talk.wait("session.updated"))["session"]
        assert (len(session["instructions"]), len(session["tools"])) == (500_000, 200)
        await talk.types("hi")
        await talk.responds()
        assert len(talk.responder.offered[0]) == 200


async def test_the_older_names(autojump_clock: object) -> None:
    async with realtime(
        [("Hello.",)], words=["hi"], choices={"openai-beta": "realtime=v1"}, must_hold=False
    ) as talk:
        await talk.send(
            "session.update",
            session={
                "modalities": ["text", "audio"],
                "input_audio_format": "pcm16",
                "input_audio_transcription": {"model": "whisper-1"},
                "turn_detection": FAST,
                "temperature": 0.8,
                "voice": "alloy",
            },
        )
        told = (await talk.wait("session.updated"))["session"]
        assert (told["voice"], told["output_audio_format"]) == ("alloy", "pcm16")
        assert told["turn_detection"]["silence_duration_ms"] == 300
        await talk.speak(600, 1000)
        done = await talk.wait("response.done")
        assert done["response"]["output"][0]["content"][0]["type"] == "audio"
        kinds = talk.kinds
        assert "conversation.item.created" in kinds and "response.audio.delta" in kinds
        assert not [k for k in kinds if "output_audio" in k or k.endswith("item.added")][1:]

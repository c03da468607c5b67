"""What a server is sent where tools are offered, and what is tried where it refuses that."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise
from types import MappingProxyType
from typing import Any

import openai.resources.chat  # noqa: F401 (the seconds this may take are not a test's)
import pytest
import structlog.testing
import trio
from hypothesis import given
from hypothesis import strategies as st

from parley.engines.failures import EngineFailure
from parley.engines.llm import openai_quirks
from parley.engines.llm.interface import (
    CallsTools,
    Responder,
    ToolCall,
    ToolOffer,
    offering,
    second_of,
)
from parley.engines.llm.openai import OpenAIResponder, open_openai
from parley.engines.llm.openai_messages import in_words
from parley.engines.llm.openai_quirks import Quirks
from parley.engines.llm.scripted import ScriptedResponder
from parley.engines.llm.second import WithSecond
from parley.protocol.chat import ChatMessage
from support import llm_server as wire
from support.llm_calls import CALLED, PARIS
from support.llm_server import LLMServer, open_llm_server

LIMIT_S = 5.0
HOURS = ToolOffer(
    name="opening_hours",
    description="When the shop is open.",
    parameters={"type": "object", "properties": {"day": {"type": "string"}}},
)
MONDAY = '{"day": "Monday"}'
SYSTEM = ChatMessage(role="system", text="Be brief.")
ASKED = ChatMessage(role="user", text="When are you open?")
CALL = ToolCall(id="c1", name="opening_hours", arguments=MONDAY)
CALLING = ChatMessage(role="assistant", text="", calls=(CALL,))
RESULT = ChatMessage(role="tool", text="9 to 18", call_id="c1")
TALK = (SYSTEM, ASKED, CALLING, RESULT)
TOLD = f"The tool opening_hours({MONDAY}) returned: 9 to 18"
IN_WORDS = [
    {"role": "system", "content": f"Be brief.\n{TOLD}"},
    {"role": "user", "content": "When are you open?"},
]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
async def server() -> AsyncIterator[LLMServer]:
    with trio.fail_after(LIMIT_S):
        async with open_llm_server() as server:
            yield server


@pytest.fixture
async def bare(server: LLMServer) -> AsyncIterator[OpenAIResponder]:
    """Without tools."""
    async with open_openai(model="m-1", max_tokens=7, base_url=server.base_url) as responder:
        yield responder


@pytest.fixture
async def responder(bare: OpenAIResponder) -> OpenAIResponder:
    return bare.with_tools([HOURS])


async def hear(responder: Responder, asked: Sequence[ChatMessage] = TALK) -> str:
    async with responder.reply(asked) as parts:
        return "".join([part async for part in parts if isinstance(part, str)])


def messages(server: LLMServer) -> list[dict[str, Any]]:
    """Of the newest request."""
    told: list[dict[str, Any]] = server.requests[-1].body["messages"]
    return told


# What is sent


async def test_tools_stand_in_the_request(server: LLMServer, responder: OpenAIResponder) -> None:
    await hear(responder, [ASKED])
    assert server.requests[0].body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "opening_hours",
                "description": "When the shop is open.",
                "parameters": {"type": "object", "properties": {"day": {"type": "string"}}},
            },
        }
    ]


async def test_no_tools_are_no_parameter(server: LLMServer, responder: OpenAIResponder) -> None:
    await hear(responder.with_tools([]), [ASKED])
    assert set(server.requests[0].body) == {"model", "messages", "stream", "max_tokens"}


async def test_calls_and_results_stand_in_the_messages(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    await hear(responder)
    function = {"name": "opening_hours", "arguments": MONDAY}
    assert messages(server)[2:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": function}],
        },
        {"role": "tool", "content": "9 to 18", "tool_call_id": "c1", "name": "opening_hours"},
    ]


async def test_the_text_beside_a_call_is_kept(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    calling = ChatMessage(role="assistant", text="Let me look.", calls=(CALL,))
    await hear(responder, [ASKED, calling, RESULT])
    assert messages(server)[1]["content"] == "Let me look."


@pytest.mark.parametrize("arguments", ['{"day": "Mon', "[]", "soon", "", "[" * 100_000])
async def test_arguments_that_no_server_could_parse_are_sent_as_none(
    server: LLMServer, responder: OpenAIResponder, arguments: str
) -> None:
    call = ToolCall(id="c1", name="opening_hours", arguments=arguments)
    await hear(responder, [ASKED, ChatMessage(role="assistant", text="", calls=(call,)), RESULT])
    assert messages(server)[1]["tool_calls"][0]["function"]["arguments"] == "{}"


async def test_half_a_character_does_no_harm_anywhere(
    server: LLMServer, bare: OpenAIResponder
) -> None:
    half = "a\ud800b"
    call = ToolCall(id=half, name=half, arguments=f'{{"{half}": 1}}')
    tool = ToolOffer(
        name=half,
        description=half,
        parameters=MappingProxyType({"type": "object", half: (half, 1.5, None, {"x": half})}),
    )
    await hear(
        bare.with_tools([tool]),
        [
            ChatMessage(role="assistant", text="", calls=(call,)),
            ChatMessage(role="tool", text=half, call_id=half),
        ],
    )
    sent = server.requests[0].body
    assert sent["tools"][0]["function"] == {
        "name": "a?b",
        "description": "a?b",
        "parameters": {"type": "object", "a?b": ["a?b", 1.5, None, {"x": "a?b"}]},
    }
    assert messages(server)[1] == {
        "role": "tool",
        "content": "a?b",
        "tool_call_id": "a?b",
        "name": "a?b",
    }


async def test_what_one_learns_the_other_knows(
    server: LLMServer, bare: OpenAIResponder, responder: OpenAIResponder
) -> None:
    server.script(wire.refuse(400, "Unsupported parameter: 'max_tokens' is not supported"))
    await hear(responder, [ASKED])
    await hear(bare, [ASKED])
    assert "max_completion_tokens" in server.requests[-1].body
    assert (len(server.requests), server.accepted) == (3, 1)


# A server without tools

REFUSALS = {
    "Ollama": (400, "registry.example.org/library/gemma:2b does not support tools", "take a model"),
    "vLLM": (
        400,
        '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set',
        "start vLLM with --enable-auto-tool-choice",
    ),
    "llama.cpp": (500, "tools param requires --jinja flag", "llama.cpp with --jinja"),
    "a gateway": (404, "No endpoints found that support tool use.", "take a model"),
    "a reasoner": (400, "m-1 does not support Function Calling", "take a model"),
    "Mistral": (400, "Function calling is not enabled for this model", "take a model"),
    "Groq": (400, "tool calling is not supported with this model", "take a model"),
    "OpenAI": (400, "Unsupported parameter: 'tools' is not supported with this model.", "take a"),
    "a strict one": (422, "Extra inputs are not permitted: ('body', 'tools')", "take a model"),
}


@pytest.mark.parametrize("who", REFUSALS)
@pytest.mark.parametrize("asked", [(SYSTEM, ASKED), TALK])
async def test_a_server_that_takes_no_tools_is_asked_without_at_once_and_from_then_on(
    server: LLMServer, responder: OpenAIResponder, who: str, asked: Sequence[ChatMessage]
) -> None:
    status, message, advice = REFUSALS[who]
    server.script(wire.refuse(status, message))
    with structlog.testing.capture_logs() as logs:
        assert await hear(responder, asked) == "Hello there."
        assert await hear(responder) == "Hello there."
    assert ["tools" in request.body for request in server.requests] == [True, False, False]
    assert messages(server) == IN_WORDS
    [told] = [line for line in logs if line["event"] == "model_offers_no_tools"]
    assert (told["log_level"], told["model"]) == ("warning", "m-1")
    assert message in told["error"]
    assert advice in told["advice"]


async def test_a_call_of_a_model_that_was_offered_nothing_is_none(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    server.script(
        wire.refuse(400, REFUSALS["Ollama"][1]), wire.tell("<tool_call>{}", "</tool_call>")
    )
    async with responder.reply([ASKED]) as parts:
        heard = [part async for part in parts]
    assert not [part for part in heard if isinstance(part, ToolCall)]
    server.script(CALLED["OpenAI"][0])
    with pytest.raises(EngineFailure, match="Parley offers no tools"):
        await hear(responder, [ASKED])


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Invalid schema for function 'opening_hours': object schema missing properties"),
        (400, "Invalid 'tools[0].function.name': string does not match pattern"),
        (400, "Unknown name \"additionalProperties\" at 'tools[0].parameters': Cannot find field."),
        (422, "[{'type': 'extra_forbidden', 'loc': ['body', 'tools', 0, 'x']}]"),
        (400, "Failed to call a function. Please adjust your prompt."),
        (429, "tools are not supported at this rate"),
        (500, "The system is overloaded"),
    ],
)
async def test_one_tool_that_is_wrong_takes_the_others_from_nobody(
    server: LLMServer, responder: OpenAIResponder, status: int, message: str
) -> None:
    server.script(wire.refuse(status, message))
    with pytest.raises(EngineFailure):
        await hear(responder, [ASKED])
    assert responder.quirks.tools
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Conversation roles must alternate user/assistant/user/assistant/..."),
        (500, "Only user and assistant roles are supported!"),
        (400, "the role 'tool' is not supported"),
        (400, "the model needs `tools=` where messages have tool calls"),
        (500, "Jinja Exception: unexpected message at row 3"),
    ],
)
async def test_messages_that_a_template_cannot_take_are_told_in_words_and_tools_still_offered(
    server: LLMServer, responder: OpenAIResponder, status: int, message: str
) -> None:
    server.script(wire.refuse(status, message))
    for _ in range(2):
        assert await hear(responder) == "Hello there."
        assert messages(server) == IN_WORDS
    assert len(server.requests) == 3
    assert "tools" in server.requests[-1].body


async def test_earlier_calls_are_told_in_words_where_a_server_without_tools_is_offered_none(
    server: LLMServer, bare: OpenAIResponder
) -> None:
    server.script(wire.refuse(400, REFUSALS["Ollama"][1]))
    assert await hear(bare) == "Hello there."
    assert messages(server) == IN_WORDS


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (400, "Invalid value for 'content': expected a string, got null."),
        (422, "[{'loc': ['body', 'messages', 2, 'content'], 'msg': 'none is not allowed'}]"),
        (500, "Expected 'content' to be a string or an array"),
    ],
)
async def test_a_server_that_takes_no_null_gets_an_empty_text(
    server: LLMServer, responder: OpenAIResponder, status: int, message: str
) -> None:
    server.script(wire.refuse(status, message))
    for _ in range(2):
        await hear(responder)
        assert (messages(server)[2]["content"], len(messages(server))) == ("", 4)
    assert len(server.requests) == 3


async def test_a_server_that_takes_no_name_of_a_result_gets_none(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    server.script(wire.refuse(422, "messages.3.tool.name: Extra inputs are not permitted"))
    await hear(responder)
    assert messages(server)[3] == {"role": "tool", "content": "9 to 18", "tool_call_id": "c1"}


async def test_a_model_is_made_to_call_a_tool_where_its_server_can(
    server: LLMServer, bare: OpenAIResponder
) -> None:
    forced = bare.with_tools([ToolOffer(name="hours", description="", forced=True)])
    await hear(forced, [ASKED])
    assert server.requests[-1].body["tool_choice"] == "required"
    server.script(wire.refuse(400, "tool_choice: 'required' is not supported"))
    for _ in range(2):
        await hear(forced, [ASKED])
        assert "tool_choice" not in server.requests[-1].body
        assert "tools" in server.requests[-1].body
    assert len(server.requests) == 4


async def test_a_server_that_refuses_everything_is_asked_a_few_times_only(
    server: LLMServer, responder: OpenAIResponder
) -> None:
    told = (
        "tools, name, content null, roles, system, max_tokens, max_completion_tokens: unsupported"
    )
    server.default = wire.refuse(400, told)
    with pytest.raises(EngineFailure):
        await hear(responder)
    assert len(server.requests) <= 16
    assert responder.quirks == Quirks()


async def test_a_reply_that_was_asked_earlier_unlearns_nothing(
    server: LLMServer, bare: OpenAIResponder, responder: OpenAIResponder
) -> None:
    """It got its answer later, and knew less."""
    slow = wire.tell("Slow.")
    server.script((0.2, *slow))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(hear, bare, [ASKED])
        while not server.requests:
            await trio.sleep(0.005)
        server.script(wire.refuse(400, REFUSALS["Ollama"][1]))
        await hear(responder, [ASKED])
    assert not responder.quirks.tools


@given(
    known=st.builds(Quirks, tools=st.booleans(), calls=st.booleans(), temperature=st.booleans()),
    before=st.builds(Quirks, tools=st.booleans(), calls=st.booleans(), temperature=st.booleans()),
)
def test_where_nothing_changed_nothing_is_learned(known: Quirks, before: Quirks) -> None:
    assert known.learned(before, before) == known
    assert before.learned(before, known) == known


# In words


def said(*told: str) -> list[ChatMessage]:
    """By the first letter of the role."""
    roles = {"s": "system", "u": "user", "a": "assistant"}
    return [ChatMessage(role=roles[one[0]], text=one[2:]) for one in told]  # type: ignore[arg-type]


def test_what_was_said_before_a_call_is_told_too() -> None:
    calling = ChatMessage(role="assistant", text="Let me look.", calls=(CALL,))
    assert in_words([SYSTEM, ASKED, calling, RESULT]) == said(
        f's:Be brief.\n{TOLD}\nYou have already said: "Let me look."', "u:When are you open?"
    )


def test_earlier_results_stay_known_and_turns_are_taken() -> None:
    calling = ChatMessage(role="assistant", text="Let me look.", calls=(CALL,))
    answer, more = said("a:From 9 to 18.", "u:Thanks.")
    assert in_words([ASKED, calling, RESULT, answer, more]) == said(
        f"s:{TOLD}", "u:When are you open?", "a:Let me look.\nFrom 9 to 18.", "u:Thanks."
    )
    assert in_words([ASKED, CALLING, RESULT, more]) == said(
        f"s:{TOLD}", "u:When are you open?\nThanks."
    )


def test_a_result_of_nothing_and_of_nobodys_call_are_told() -> None:
    nobodys = ChatMessage(role="tool", text=" ", call_id="?")
    assert in_words([ASKED, nobodys]) == said("s:A tool returned: nothing", "u:When are you open?")


turns = st.lists(
    st.sampled_from([SYSTEM, ASKED, CALLING, RESULT, *said("a:Yes.", "u:And?", "a:Hm.")]),
    max_size=12,
)


@given(conversation=turns)
def test_in_words_there_are_no_calls_and_nobody_speaks_twice(
    conversation: list[ChatMessage],
) -> None:
    told = in_words(conversation)
    assert not any(one.calls or one.role == "tool" for one in told)
    assert not any(a.role == b.role for a, b in pairwise(told))
    text = " ".join(one.text for one in told)
    assert text.count("9 to 18") == sum(one.role == "tool" for one in conversation)


@given(conversation=turns, system=st.booleans())
def test_whatever_the_conversation_it_can_be_sent_without_tools(
    conversation: list[ChatMessage], system: bool
) -> None:
    sent = Quirks(tools=False, system_role=system).messages(conversation)
    assert {one["role"] for one in sent} <= {"system", "user", "assistant"}
    assert all(set(one) == {"role", "content"} for one in sent)
    json.dumps(sent)


# Whoever stands before the server


async def test_both_models_offer_tools(server: LLMServer, responder: OpenAIResponder) -> None:
    first = ScriptedResponder([[CALL]])
    bare = responder.with_tools(())
    both = WithSecond(first, bare)
    offers = offering(both, [HOURS])
    assert isinstance(both, CallsTools)
    async with offers.reply([ASKED]) as parts:
        assert [part async for part in parts] == [CALL]
    assert first.offered == [(HOURS,)]
    answered = [both.second_answers]
    second = second_of(offers)
    assert second is not None
    await hear(second, [ASKED])
    assert server.requests[0].body["tools"][0]["function"]["name"] == "opening_hours"
    answered.append(both.second_answers)
    plain = second_of(both)
    assert plain is not None
    await hear(plain, [ASKED])
    assert "tools" not in server.requests[1].body
    assert answered == [False, True]


def test_advice_is_for_the_program_that_refused() -> None:
    assert "--jinja" in openai_quirks.advice_on_tools({"message": REFUSALS["llama.cpp"][1]})
    assert openai_quirks.advice_on_tools(PARIS) == openai_quirks.OTHER_ADVICE

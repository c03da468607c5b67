"""Every shape in which servers of OpenAI's chat API call tools, as behaviours of an LLMServer.

`CALLED` has the text and the calls (name, arguments) that are right; ids where they matter.
"""

from __future__ import annotations

import json
from itertools import zip_longest
from typing import Any

from . import llm_server as wire
from .llm_shapes import STOP, whole

CALLS = wire.delta(finish="tool_calls")
PARIS, ROME = '{"city": "Paris"}', '{"city": "Rome"}'
Called = tuple[tuple[str, str], ...]
WEATHER: Called = (("get_weather", PARIS),)
BOTH: Called = (("get_weather", PARIS), ("get_weather", ROME))


def call(
    index: int | None = 0,
    call_id: str | None = None,
    name: str | None = None,
    arguments: Any = None,
    **more: Any,
) -> dict[str, Any]:
    """One entry of `tool_calls`. What is None is left out."""
    function = {"name": name, "arguments": arguments}
    told: dict[str, Any] = {} if index is None else {"index": index}
    told |= {"id": call_id} if call_id else {}
    told["function"] = {key: value for key, value in function.items() if value is not None}
    return told | more


def calls(*entries: dict[str, Any], finish: str | None = None, text: str | None = None) -> bytes:
    return wire.delta(text, finish=finish, tool_calls=list(entries))


def pieces(arguments: str, size: int = 3) -> list[str]:
    return [arguments[at : at + size] for at in range(0, len(arguments), size)]


def json_event(function: str) -> bytes:
    """A piece of a call, with this inside of its `function`, escapes as they stand."""
    call = f'{{"index": 0, "function": {{{function}}}}}'
    return f'data: {{"choices": [{{"delta": {{"tool_calls": [{call}]}}}}]}}\n\n'.encode()


OPENAI = (
    wire.delta(role="assistant", content=None),
    calls(call(0, "call_a1", "get_weather", "", type="function")),
    *(calls(call(0, arguments=piece)) for piece in pieces(PARIS)),
    calls(call(1, "call_b2", "get_weather", "", type="function")),
    *(calls(call(1, arguments=piece)) for piece in pieces(ROME)),
    CALLS,
    wire.event({"choices": [], "usage": {"total_tokens": 3}}),
    wire.DONE,
)

CALLED: dict[str, tuple[wire.Behaviour, str, Called]] = {
    "OpenAI": (wire.stream(*OPENAI), "", BOTH),
    "OpenAI, woven": (
        wire.stream(
            calls(call(0, "a", "get_weather", ""), call(1, "b", "get_weather", "")),
            *(
                calls(call(0, arguments=one), call(1, arguments=other))
                for one, other in zip_longest(pieces(PARIS), pieces(ROME))
            ),
            CALLS,
        ),
        "",
        BOTH,
    ),
    "text before the call": (
        wire.stream(wire.delta("Let me look."), calls(call(0, "a", "get_weather", PARIS)), CALLS),
        "Let me look.",
        WEATHER,
    ),
    "vLLM": (
        wire.stream(
            calls(call(0, "chatcmpl-tool-1", "get_weather", type="function")),
            *(calls(call(0, arguments=piece, type=None) | {"id": None}) for piece in pieces(PARIS)),
            wire.delta("", finish="stop"),
        ),
        "",
        WEATHER,
    ),
    "vLLM, the id and name in each piece": (
        wire.stream(
            *(calls(call(0, "t1", "get_weather", piece)) for piece in pieces(PARIS)),
            calls(call(0, "t1", "get_weather", "")),
            CALLS,
        ),
        "",
        WEATHER,
    ),
    "vLLM, a new id with each piece": (
        wire.stream(
            calls(call(0, "t0", "get_weather")),
            *(calls(call(0, f"t{n}", arguments=p)) for n, p in enumerate(pieces(PARIS), 1)),
            CALLS,
        ),
        "",
        WEATHER,
    ),
    "the name in each piece, without ids": (
        wire.stream(
            *(calls(call(0, None, "get_weather", piece)) for piece in pieces(PARIS)), CALLS
        ),
        "",
        WEATHER,
    ),
    "Ollama": (
        wire.stream(
            calls(call(0, "call_x", "get_weather", PARIS)),
            calls(call(0, "call_y", "get_weather", ROME)),
            STOP,
        ),
        "",
        BOTH,
    ),
    "Ollama, empty ids": (
        wire.stream(
            calls(call(0, None, "get_weather", PARIS) | {"id": ""}),
            calls(call(0, None, "get_weather", ROME) | {"id": ""}),
            CALLS,
        ),
        "",
        BOTH,
    ),
    "Ollama, an object": (
        wire.stream(calls(call(None, "c", "get_weather", {"city": "Paris"}), finish="stop")),
        "",
        WEATHER,
    ),
    "Ollama, both in one": (
        wire.stream(
            calls(call(0, "x", "get_weather", PARIS), call(0, "y", "get_weather", ROME)), STOP
        ),
        "",
        BOTH,
    ),
    "llama.cpp": (
        wire.stream(
            calls(call(0, None, "get_weather", "{", type="function") | {"id": ""}),
            *(calls(call(0, arguments=piece)) for piece in pieces(PARIS[1:])),
            CALLS,
        ),
        "",
        WEATHER,
    ),
    "Gemini": (
        wire.stream(
            calls(
                call(None, "function-call-1", "get_weather", PARIS, type="function"),
                call(None, "function-call-2", "get_weather", ROME, type="function"),
            ),
            STOP,
        ),
        "",
        BOTH,
    ),
    "Gemini, without ids": (
        wire.stream(
            calls(call(None, None, "get_weather", PARIS)),
            calls(call(None, None, "get_weather", ROME)),
            STOP,
        ),
        "",
        BOTH,
    ),
    "pieces without an index": (
        wire.stream(
            calls(call(None, "a", "get_weather", "")),
            *(calls(call(None, arguments=piece)) for piece in pieces(PARIS)),
            calls(call(None, "b", "get_weather", "")),
            *(calls(call(None, arguments=piece)) for piece in pieces(ROME)),
            CALLS,
        ),
        "",
        BOTH,
    ),
    "pieces with an id and without an index": (
        wire.stream(
            *(calls(call(None, "a", "get_weather", piece)) for piece in pieces(PARIS)), CALLS
        ),
        "",
        WEATHER,
    ),
    "one id for two calls": (
        wire.stream(
            calls(call(None, "a", "get_weather", PARIS), call(None, "a", "get_weather", ROME)), STOP
        ),
        "",
        BOTH,
    ),
    "LM Studio": (
        wire.stream(
            wire.delta("", role="assistant"),
            calls(call(0, "365174485", "get_weather", "", type="function")),
            calls(call(0, arguments=PARIS, type="function")),
            calls(call(1, "735081692", "get_weather", "", type="function")),
            calls(call(1, arguments=ROME, type="function")),
            CALLS,
        ),
        "",
        BOTH,
    ),
    "Groq": (
        wire.stream(
            calls(
                call(0, "call_1", "get_weather", PARIS, type="function"),
                call(1, "call_2", "get_weather", ROME, type="function"),
                finish="tool_calls",
            ),
            wire.DONE,
        ),
        "",
        BOTH,
    ),
    "a whole answer": (
        whole(
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    call(None, "a", "get_weather", PARIS, type="function"),
                    call(None, "b", "get_weather", ROME, type="function"),
                ],
            },
            finish_reason="tool_calls",
        ),
        "",
        BOTH,
    ),
    "a whole answer without an end": (
        whole({"tool_calls": [call(None, None, "get_weather", PARIS)]}, finish_reason=None),
        "",
        WEATHER,
    ),
    "the old form": (
        wire.stream(
            wire.delta(function_call={"name": "get_weather", "arguments": ""}),
            *(wire.delta(function_call={"arguments": piece}) for piece in pieces(PARIS)),
            wire.delta(finish="function_call"),
        ),
        "",
        WEATHER,
    ),
    "both forms": (
        wire.stream(
            wire.delta(
                tool_calls=[call(0, "a", "get_weather", PARIS)],
                function_call={"name": "get_weather", "arguments": PARIS},
            ),
            CALLS,
        ),
        "",
        WEATHER,
    ),
    "no function around it": (
        wire.stream(wire.delta(tool_calls={"name": "get_weather", "arguments": PARIS}), STOP),
        "",
        WEATHER,
    ),
    **{
        f"arguments {told!r}": (
            wire.stream(calls(call(0, "a", "now", None, function=function)), CALLS),
            "",
            (("now", "{}"),),
        )
        for told, function in {
            "null": {"name": "now", "arguments": None},
            "": {"name": "now", "arguments": ""},
            "'null'": {"name": "now", "arguments": "null"},
            "{}": {"name": "now", "arguments": {}},
            "missing": {"name": "now"},
        }.items()
    },
    "half of the arguments": (
        wire.stream(calls(call(0, "a", "get_weather", '{"city": "Pa')), CALLS),
        "",
        (("get_weather", '{"city": "Pa'),),
    ),
    "a call without a name": (
        wire.stream(
            calls(call(0, "a", None, PARIS), call(1, "b", "get_weather", ROME)),
            wire.delta("Hi"),
            CALLS,
        ),
        "Hi",
        (("get_weather", ROME),),
    ),
    "a letter cut in two": (
        wire.stream(
            json_event(r'"name": "get_weather", "arguments": "{\"city\": \"\ud83d"'),
            json_event(r'"arguments": "\ude00\"}"'),
            CALLS,
        ),
        "",
        (("get_weather", '{"city": "😀"}'),),
    ),
    "calls behind the end": (
        wire.stream(STOP, calls(call(0, "a", "get_weather", PARIS)), wire.DONE),
        "",
        WEATHER,
    ),
    "what is no list": (
        wire.stream(wire.delta("Hi", tool_calls="get_weather"), wire.delta(tool_calls=[]), STOP),
        "Hi",
        (),
    ),
}


def written(name: str, key: str, **arguments: object) -> str:
    return json.dumps({"name": name, key: arguments})


P, R = written("get_weather", "arguments", city="Paris"), written("now", "arguments")
L = written("get_weather", "parameters", city="Paris")
NOW: Called = (("now", "{}"),)

WRITTEN: dict[str, tuple[str, Called]] = {
    "Hermes": (f"<tool_call>\n{P}\n</tool_call>", WEATHER),
    "Hermes, two": (f"Hm.<tool_call>{P}</tool_call>\n<tool_call>{R}</tool_call>", WEATHER + NOW),
    "Hermes, not closed": (f"<tool_call>{P}", WEATHER),
    "Hermes, one in a list": (f"<tool_calls>[{P}, {R}]</tool_calls>", WEATHER + NOW),
    "a function": (f"<function=get_weather>{PARIS}</function>", WEATHER),
    "a function within": (
        f"<tool_call>\n<function=get_weather>\n{PARIS}\n</function>\n</tool_call>",
        WEATHER,
    ),
    "a function without arguments": ("<function=now></function>", NOW),
    "a function, cut": ('<function=now>{"a": ', (("now", '{"a":'),)),
    "Mistral": (f"[TOOL_CALLS][{P}, {R}]", WEATHER + NOW),
    "Mistral, and an end": (f"[TOOL_CALLS] [{P}]</s>", WEATHER),
    "Llama": (f"<|python_tag|>{L}<|eom_id|>", WEATHER),
    "Llama, two": (f"<|python_tag|>{L}; {R}", WEATHER + NOW),
    "Granite": (f"<|tool_call|>[{P}]", WEATHER),
    "arguments as a text": (
        f"<tool_call>{json.dumps({'name': 'get_weather', 'arguments': PARIS})}</tool_call>",
        WEATHER,
    ),
    "another tool": ('<tool_call>{"name": "rm", "arguments": {}}</tool_call>', ()),
    "another function": ("<function=rm>{}</function>", ()),
    "a thought": (f"<think>Perhaps <tool_call>{P}</tool_call>?</think>Hi.", ()),
    "a result": (f"<tool_response>{P}</tool_response>Hi.", ()),
    "plain JSON": (P, ()),
    "broken JSON": ('<tool_call>{"name": "now", </tool_call>Hi.', ()),
    "no JSON": ("<tool_call>now()</tool_call>Hi.", ()),
    "no name": ('<tool_call>{"arguments": {}}</tool_call>Hi.', ()),
}
"""The text of a reply, and the calls of `get_weather` and `now` in it."""

"""A conversation and tools as OpenAI's chat API wants them written, and in words for a server that
knows nothing of tools. Plain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...protocol.chat import ChatMessage, ToolCall, ToolOffer
from .openai_calls import is_object


def written(
    conversation: Sequence[ChatMessage], *, null_content: bool = True, result_name: bool = True
) -> list[dict[str, Any]]:
    """`null_content`: whether a message that only calls tools has null for its text, or "".
    `result_name`: whether a result has the name of its tool, which some servers' templates need."""
    names = {call.id: call.name for message in conversation for call in message.calls}
    messages: list[dict[str, Any]] = []
    for message in conversation:
        told: dict[str, Any] = {"role": message.role, "content": encodable(message.text)}
        if message.calls:
            if _is_null(message):
                told["content"] = None if null_content else ""
            told["tool_calls"] = [_call(call) for call in message.calls]
        if message.role == "tool":
            told["tool_call_id"] = encodable(message.call_id)
            if result_name and message.call_id in names:
                told["name"] = encodable(names[message.call_id])
        messages.append(told)
    return messages


def _call(call: ToolCall) -> dict[str, Any]:
    """Servers parse the arguments again, and fail at what is no object; the result says what was
    wrong with them."""
    arguments = encodable(call.arguments)
    return {
        "id": encodable(call.id),
        "type": "function",
        "function": {
            "name": encodable(call.name),
            "arguments": arguments if is_object(arguments) else "{}",
        },
    }


def offered(tools: Sequence[ToolOffer]) -> list[dict[str, Any]]:
    """The request's `tools`."""
    return [
        {
            "type": "function",
            "function": {
                "name": encodable(tool.name),
                "description": encodable(tool.description),
                "parameters": _encodable_value(tool.parameters),
            },
        }
        for tool in tools
    ]


def has_calls(conversation: Sequence[ChatMessage]) -> bool:
    return any(message.calls or message.role == "tool" for message in conversation)


def has_null(conversation: Sequence[ChatMessage]) -> bool:
    """Whether a message has null for its text, as long as nothing else is wanted."""
    return any(map(_is_null, conversation))


def _is_null(message: ChatMessage) -> bool:
    return bool(message.calls) and not message.text.strip()


def in_words(conversation: Sequence[ChatMessage]) -> list[ChatMessage]:
    """Without calls and results: the system says what the tools returned. User and assistant take
    turns then, as any template wants it, and the user has the last word."""
    calls = {call.id: call for message in conversation for call in message.calls}
    told: list[str] = []
    said: list[ChatMessage] = []
    for message in conversation:
        if message.role == "tool":
            told.append(_result(calls.get(message.call_id), message.text))
        elif message.text.strip() or not message.calls:
            _add(said, replace(message, calls=()))
    if conversation and conversation[-1].role == "tool" and said and said[-1].role == "assistant":
        told.append(f'You have already said: "{said.pop().text.strip()}"')
    if not told:
        return said
    if said and said[0].role == "system":
        told.insert(0, said.pop(0).text)
    return [ChatMessage(role="system", text="\n".join(told)), *said]


def _add(said: list[ChatMessage], message: ChatMessage) -> None:
    """Behind what the same one said before, if there is nothing between the two any more."""
    if said and said[-1].role == message.role:
        message = replace(message, text=f"{said.pop().text}\n{message.text}")
    said.append(message)


def _result(call: ToolCall | None, text: str) -> str:
    tool = "A tool" if call is None else f"The tool {call.name}({call.arguments})"
    return f"{tool} returned: {text.strip() or 'nothing'}"


def encodable(text: str) -> str:
    """With a question mark for each half of a character (a lone surrogate), which has no UTF-8.
    A setting from an environment that is no UTF-8 holds such."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _encodable_value(value: Any) -> Any:
    if isinstance(value, str):
        return encodable(value)
    if isinstance(value, Mapping):
        return {encodable(str(key)): _encodable_value(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_encodable_value(inner) for inner in value]
    return value

"""A chat request in OpenAI's shape, as what a responder is asked. Pure; BadRequest (400)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from ...protocol.chat import ChatMessage, ToolCall, ToolOffer
from ..http.head import BadRequest
from .bodies import json_body

MESSAGES_MAX = 2000
TOOLS_MAX = 128


class _Function(msgspec.Struct, frozen=True):
    name: str
    arguments: str = ""


class _Call(msgspec.Struct, frozen=True):
    id: str
    function: _Function


class _Part(msgspec.Struct, frozen=True):
    type: str = "text"
    text: str | None = None
    refusal: str | None = None


class _Message(msgspec.Struct, frozen=True):
    role: str
    content: str | list[_Part] | None = None
    tool_calls: list[_Call] | None = None
    tool_call_id: str | None = None


class _Offered(msgspec.Struct, frozen=True):
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None


class _Tool(msgspec.Struct, frozen=True):
    type: str = "function"
    function: _Offered | None = None


class _StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool | None = None


class _Body(msgspec.Struct, frozen=True):
    messages: list[_Message]
    model: str | None = None
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    tools: list[_Tool] | None = None
    tool_choice: Any = None
    n: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    messages: Sequence[ChatMessage]
    tools: Sequence[ToolOffer]
    model: str | None
    stream: bool
    usage: bool
    """Whether a streamed answer is to end with its usage."""


def chat_request(body: bytes) -> ChatRequest:
    """`temperature`, `max_tokens` and the like are left out: the server's settings hold."""
    asked = json_body(body, _Body)
    if not asked.messages:
        raise BadRequest(400, "there are no messages", param="messages")
    if len(asked.messages) > MESSAGES_MAX:
        raise BadRequest(400, f"there may be {MESSAGES_MAX} messages", param="messages")
    if asked.n not in (None, 1):
        raise BadRequest(400, "one answer is given to a request: n is 1", param="n")
    options = asked.stream_options
    return ChatRequest(
        messages=[_message(number, one) for number, one in enumerate(asked.messages)],
        tools=_tools(asked),
        model=asked.model,
        stream=bool(asked.stream),
        usage=bool(options and options.include_usage),
    )


def _message(number: int, message: _Message) -> ChatMessage:
    place = f"messages[{number}]"
    text = _text(place, message.content)
    match message.role:
        case "system" | "developer":
            return ChatMessage(role="system", text=text)
        case "user":
            return ChatMessage(role="user", text=text)
        case "assistant":
            calls = tuple(
                ToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments)
                for call in message.tool_calls or ()
            )
            return ChatMessage(role="assistant", text=text, calls=calls)
        case "tool":
            if not message.tool_call_id:
                told = f"{place} is a tool's and names no call: tool_call_id"
                raise BadRequest(400, told, param=f"{place}.tool_call_id")
            return ChatMessage(role="tool", text=text, call_id=message.tool_call_id)
    told = f"{place} has the role {message.role[:40]!r}; it is system, user, assistant or tool"
    raise BadRequest(400, told, param=f"{place}.role")


def _text(place: str, content: str | list[_Part] | None) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    texts = []
    for part in content:
        if part.type not in ("text", "refusal"):
            told = f"{place} holds {part.type[:40]!r}; only text is read here"
            raise BadRequest(400, told, param=f"{place}.content")
        texts.append(part.text or part.refusal or "")
    return "\n".join(texts)


def _tools(asked: _Body) -> Sequence[ToolOffer]:
    """Those that may be called, or must be, where the model's server can have it do so."""
    if asked.tool_choice == "none":
        return ()
    tools = asked.tools or []
    if len(tools) > TOOLS_MAX:
        raise BadRequest(400, f"there may be {TOOLS_MAX} tools", param="tools")
    offers = []
    for number, tool in enumerate(tools):
        if tool.type != "function" or tool.function is None:
            raise BadRequest(400, "a tool is a function here", param=f"tools[{number}]")
        offered = tool.function
        parameters = offered.parameters or {"type": "object", "properties": {}}
        offers.append(
            ToolOffer(
                name=offered.name, description=offered.description or "", parameters=parameters
            )
        )
    return _named(offers, asked.tool_choice)


def _named(offers: list[ToolOffer], choice: Any) -> Sequence[ToolOffer]:
    """The one tool that `tool_choice` names, or all."""
    name = choice.get("function", {}).get("name") if isinstance(choice, dict) else None
    if name is None:
        forced = choice == "required"
        return [replace(offer, forced=forced) for offer in offers]
    chosen = [offer for offer in offers if offer.name == name]
    if not chosen:
        raise BadRequest(400, f"tool_choice names {name!r}, which is no tool", param="tool_choice")
    return [replace(offer, forced=True) for offer in chosen]

"""Tools without a model: a tool is called whose name was said, and its result is read aloud.

It is for people who want to see their own tool work before they have a model. What it can fill in
is little: no required argument, or one that is a string.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ....protocol.chat import ChatMessage, ToolCall, ToolOffer
from ..openai_calls import made_id
from .rule import Asked

SAYS_NOTHING = frozenset(
    {"a", "an", "and", "the", "of", "for", "to", "in", "on", "at", "by", "from", "with", "my"}
    | {"your", "get", "fetch", "find", "look", "up", "check", "show", "tell", "give", "read"}
    | {"set", "do", "make", "list", "current"}
)
"""Words of a tool's name that nobody has to say."""

_BEFORE_A_VALUE = re.compile(
    r"^(?:\s|[,:]|(?:is|are|it|of|for|to|in|on|at|about|with|from|the|a|an|please)\b)+",
    re.IGNORECASE,
)
NO_RESULT = "It is done."


def called(asked: Asked, tools: Sequence[ToolOffer]) -> ToolCall | None:
    """The call of the first tool whose name was said and whose arguments can be filled in."""
    said = set(re.findall(r"[^\W_]+", asked.words))
    for tool in tools:
        words = _words_of(tool.name)
        if words and said.issuperset(words):
            arguments = _arguments(asked, tool.parameters, words)
            if arguments is not None:
                told = msgspec.json.encode(arguments).decode()
                return ToolCall(id=made_id(tool.name, 1), name=tool.name, arguments=told)
    return None


def result_of(conversation: Sequence[ChatMessage]) -> str | None:
    """What is said to the results at the end of a conversation; None where there are none."""
    results: list[str] = []
    for message in reversed(conversation):
        if message.role != "tool":
            break
        results.insert(0, _spoken(message.text))
    return " ".join(results) or None


def _words_of(name: str) -> list[str]:
    """Those that must be said: "opening" and "hours" of "get_opening_hours"."""
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name)
    words = re.findall(r"[^\W_]+", apart.lower())
    return [word for word in words if word not in SAYS_NOTHING] or words


def _arguments(
    asked: Asked, parameters: Mapping[str, Any], words: Sequence[str]
) -> dict[str, str] | None:
    """None where they cannot be filled in."""
    required = parameters.get("required") or []
    if not required:
        return {}
    if not isinstance(required, list | tuple) or len(required) != 1:
        return None
    properties = parameters.get("properties")
    wanted = properties.get(required[0]) if isinstance(properties, Mapping) else None
    if not isinstance(wanted, Mapping):
        return None
    choices = wanted.get("enum")
    if isinstance(choices, list | tuple):
        value = _chosen(asked, choices)
    else:
        value = _following(asked, words) if wanted.get("type") == "string" else None
    return {required[0]: value} if value else None


def _chosen(asked: Asked, choices: Sequence[Any]) -> str | None:
    """The choice that was said."""
    for choice in choices:
        if isinstance(choice, str):
            said = " ".join(re.findall(r"[^\W_]+", choice.lower()))
            if said and f" {said} " in f" {asked.words} ":
                return choice
    return None


def _following(asked: Asked, words: Sequence[str]) -> str | None:
    """What stands behind the name of the tool: "Paris" in "the weather in Paris, please?"."""
    said = next(reversed(asked.said_by("user")), "")
    ends = [found.end() for found in re.finditer(rf"\b{words[-1]}\b", said, re.IGNORECASE)]
    value = said[ends[-1] :] if ends else ""
    value = re.sub(r"[\s.?!,;]+(?:please[\s.?!]*)?$", "", value, flags=re.IGNORECASE)
    return _BEFORE_A_VALUE.sub("", value).strip() or None


def _spoken(result: str) -> str:
    """A result as words. What is no JSON is words already."""
    try:
        value = msgspec.json.decode(result)
    except (ValueError, RecursionError):
        value = result
    said = _in_words(value).strip()
    if not said:
        return NO_RESULT
    return said if said[-1] in ".?!" else f"{said}."


def _in_words(value: Any, *, inside: bool = False) -> str:
    if value is None or value == {} or value == []:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict | list) and inside:
        return msgspec.json.encode(value).decode()
    if isinstance(value, dict):
        pairs = ((str(key).replace("_", " "), inner) for key, inner in value.items())
        return ", ".join(f"{key}: {_in_words(inner, inside=True)}" for key, inner in pairs)
    if isinstance(value, list):
        return ", ".join(_in_words(inner, inside=True) for inner in value)
    return str(value)

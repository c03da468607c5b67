"""What a client wishes of one response, other than the session has it: `response.create`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..effects import ReplyWish
from .checks import (
    INVALID_VALUE,
    a_text,
    an_object,
    anything,
    list_of,
    one_of,
    only_known,
    optional,
)
from .client_items import given_item
from .problem import Problem
from .session_config import (
    audio_format,
    instructions,
    max_output_tokens,
    modalities,
    voice,
    voice_name,
)
from .tools import tool_choice, tool_choice_of, tools, tools_of

_CHECKS = {
    "conversation": optional(one_of("auto", "none")),
    "input": optional(list_of(given_item)),
    "instructions": optional(instructions),
    "output_modalities": optional(modalities),
    "max_output_tokens": optional(max_output_tokens),
    "metadata": anything,
    "tools": optional(tools),
    "tool_choice": optional(tool_choice),
    "audio": anything,
    **dict.fromkeys(("parallel_tool_calls", "prompt", "reasoning", "temperature"), anything),
}

METADATA_MAX = 16
"""Pairs, of 64 and 512 characters. Source: OpenAI's reference."""


def wish_of(value: Any) -> ReplyWish:
    """Raises Problem."""
    found = {} if value is None else an_object(value, "response")
    only_known(found, _CHECKS, "response")
    of = {name: _CHECKS[name](found[name], f"response.{name}") for name in found}
    most, choice = of.get("max_output_tokens"), of.get("tool_choice")
    modal, given = of.get("output_modalities"), of.get("input")
    offered = of.get("tools")
    return ReplyWish(
        instructions=of.get("instructions"),
        spoken=None if modal is None else modal == ["audio"],
        voice=_voice(of.get("audio")),
        tools=None if offered is None else tools_of(offered),
        tool_choice="" if choice is None else tool_choice_of(choice),
        max_tokens=None if most is None else 0 if most == "inf" else int(most),
        asked=None if given is None else tuple(given),
        aside=of.get("conversation") == "none",
        metadata=_metadata(of.get("metadata")),
    )


def _voice(value: Any) -> str:
    """Of an `audio.output`. The format is the session's."""
    if value is None:
        return ""
    audio = an_object(value, "response.audio")
    only_known(audio, ("output",), "response.audio")
    output = an_object(audio.get("output") or {}, "response.audio.output")
    only_known(output, ("format", "voice", "speed"), "response.audio.output")
    if output.get("format") is not None:
        audio_format(output["format"], "response.audio.output.format")
    if output.get("voice") is None:
        return ""
    return voice_name(voice(output["voice"], "response.audio.output.voice"))


def _metadata(value: Any) -> Mapping[str, str] | None:
    if value is None:
        return None
    found, where = an_object(value, "response.metadata"), "response.metadata"
    if len(found) > METADATA_MAX:
        what = f"{where}: {len(found)} pairs; {METADATA_MAX} are the most"
        raise Problem(INVALID_VALUE, what, where)
    for name, text in found.items():
        if len(name) > 64 or len(a_text(text, f"{where}.{name}")) > 512:
            what = f"{where}: names of 64 and values of 512 characters are the most"
            raise Problem(INVALID_VALUE, what, where)
    return found

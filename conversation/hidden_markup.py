"""What in a model's text is not meant for people: the tags around its thoughts and its tool calls,
and the special tokens that a server forgot to take out. Plain tables; thoughts.py reads text by
them.

Sources: the chat templates of DeepSeek, Qwen, Mistral, Kimi, Llama, Gemma, Granite and Phi, and
OpenAI's harmony format (gpt-oss).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

THOUGHTS = (
    *("think", "thinking", "thought", "thoughts", "reasoning", "reflection", "scratchpad"),
    *("seed:think", "antthinking", "inner_monologue"),
)
TOOLS = (
    *("tool_call", "tool_calls", "function_call", "function_calls", "tool_use", "tool_code"),
    *("tool_response", "tool_result", "function", "invoke"),
)
TOKENS = ("s", "bos", "eos", "pad", "unk", "end_of_turn", "end_of_utterance", "eot", "eod")
"""Special tokens that look like tags."""

FENCES = ("```tool_code", "```tool_call", "```tool_outputs")

MAX_TAG_CHARS = 160
"""No tag has more, so no text waits longer to be known as one."""


class Kind(Enum):
    THOUGHT = auto()
    TOOL = auto()
    TOKEN = auto()


@dataclass(frozen=True, slots=True)
class Hides:
    """What follows is hidden up to `until`, which goes with it. `header`: what is hidden names the
    channel that the text behind it belongs to."""

    kind: Kind
    until: re.Pattern[str]
    header: bool = False


def _starts(words: tuple[str, ...]) -> str:
    """A pattern for the beginnings of these words, the whole words among them."""
    beginnings = {word[:end] for word in words for end in range(1, len(word) + 1)}
    return "|".join(sorted(map(re.escape, beginnings), key=len, reverse=True))


_NAMES = (*THOUGHTS, *TOOLS, *TOKENS, "start_of_turn")
_NAME = "|".join(sorted(map(re.escape, _NAMES), key=len, reverse=True))
_BRACKETS = ("[think]", "[/think]", "[tool_calls]", "[tool_results]", "[inst]", "[/inst]")
_DIAMONDS = ("◁think▷", "◁/think▷")
_BAR = r"[|\uff5c]"  # DeepSeek writes the full-width one
_TOKEN = r"[\w▁./:-]"

OPENING = re.compile(r"[<\[◁`]")
"""What every tag begins with."""

TAG = re.compile(
    rf"<(?P<slash>/?)(?P<name>{_NAME})(?:[\s=][^<>]{{0,100}})?/?>"
    rf"|<{_BAR}(?P<token>{_TOKEN}{{1,48}}){_BAR}>"
    rf"|(?P<word>{'|'.join(map(re.escape, (*_BRACKETS, *_DIAMONDS)))})"
    rf"|(?P<fence>{'|'.join(map(re.escape, FENCES))})(?=\s)",
    re.IGNORECASE,
)

BEGINNING = re.compile(
    rf"(?:</?(?:(?:{_NAME})[\s=][^<>]{{0,100}}/?|(?:{_NAME})/?|{_starts(_NAMES)})?"
    rf"|<{_BAR}{_TOKEN}{{0,48}}{_BAR}?"
    rf"|{_starts((*_BRACKETS, *_DIAMONDS, *FENCES))})\Z",
    re.IGNORECASE,
)
"""What may be a tag once more of the text is there."""


def _until(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


_END_OF_MESSAGE = (
    rf"<{_BAR}(?:end|call|return|im_end|eot_id|eom_id|end▁of▁sentence)(?:{_BAR})>|</s>"
)
_MESSAGE_BEGINS = rf"<{_BAR}message{_BAR}>"
_CHANNEL = rf"<{_BAR}channel{_BAR}>"
_NEXT_MESSAGE = rf"{_END_OF_MESSAGE}|{_CHANNEL}|<{_BAR}start{_BAR}>"
_LINE = _until(r"\n")

TURN_HEADER = Hides(Kind.TOKEN, _LINE)
HARMONY_HEADER = Hides(Kind.TOKEN, _until(_MESSAGE_BEGINS), header=True)
HARMONY_START = Hides(Kind.TOKEN, _until(rf"{_CHANNEL}|{_MESSAGE_BEGINS}"), header=True)
HARMONY_THOUGHT = Hides(Kind.THOUGHT, _until(_NEXT_MESSAGE))
HARMONY_CALL = Hides(Kind.TOOL, _until(_NEXT_MESSAGE))
FENCE = Hides(Kind.TOOL, _until("```"))

TOKEN_HIDES = {
    "channel": HARMONY_HEADER,
    "start": HARMONY_START,
    "start_header_id": Hides(Kind.TOKEN, _until(rf"<{_BAR}end_header_id{_BAR}>")),
    "im_start": TURN_HEADER,
    "python_tag": Hides(Kind.TOOL, _until(_END_OF_MESSAGE)),
    "tool_call": Hides(Kind.TOOL, _until(rf"<{_BAR}/tool_call{_BAR}>|{_END_OF_MESSAGE}")),
    "tool_calls_section_begin": Hides(Kind.TOOL, _until(rf"<{_BAR}tool_calls_section_end{_BAR}>")),
    "tool▁calls▁begin": Hides(Kind.TOOL, _until(rf"<{_BAR}tool▁calls▁end{_BAR}>")),
}
WORD_HIDES = {
    "[think]": Hides(Kind.THOUGHT, _until(r"\[/think\]")),
    "[tool_calls]": Hides(Kind.TOOL, _until(_END_OF_MESSAGE)),
    "[tool_results]": Hides(Kind.TOOL, _until(r"\[/tool_results\]")),
    "◁think▷": Hides(Kind.THOUGHT, _until("◁/think▷")),
}

_NAME_HIDES = {
    **{name: Hides(Kind.THOUGHT, _until(rf"</{re.escape(name)}\s{{0,8}}>")) for name in THOUGHTS},
    **{name: Hides(Kind.TOOL, _until(rf"</{re.escape(name)}\s{{0,8}}>")) for name in TOOLS},
    "start_of_turn": TURN_HEADER,
}


def hides(tag: re.Match[str]) -> Hides | None:
    """What a tag hides behind it; None: nothing, and only the tag itself goes."""
    if tag["fence"]:
        return FENCE
    if tag["word"]:
        return WORD_HIDES.get(tag["word"].lower())
    if tag["token"]:
        return TOKEN_HIDES.get(tag["token"].lower())
    if tag["slash"] or tag[0].endswith("/>"):
        return None
    return _NAME_HIDES.get(tag["name"].lower())


def hides_after(inside: Hides, header: str, end: str) -> Hides | None:
    """What is hidden behind the end of something hidden; `header` is what that was, of a header."""
    word = end.lower()
    if "channel" in word:
        return HARMONY_HEADER
    if "start" in word:
        return HARMONY_START
    return _channel(header) if inside.header else None


def _channel(header: str) -> Hides | None:
    """What a message of the harmony format hides, by its header: "analysis" is a thought, what is
    addressed to a tool is a call, and all else is for people."""
    words = header.lower().split()
    if any(word.startswith("to=") for word in words):
        return HARMONY_CALL
    return HARMONY_THOUGHT if "analysis" in header.lower() else None

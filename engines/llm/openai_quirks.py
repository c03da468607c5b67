"""How a server of OpenAI's API wants to be asked, as it is learned from its refusals.

The names of parameters and the roles of messages differ between servers and between models, and not
all take tools. What a server refuses is left out or said otherwise, and asked again at once; the
responder remembers it. Plain.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from ...protocol.chat import ChatMessage, ToolOffer
from .openai_messages import has_calls, has_null, in_words, offered, written

OLD_LIMIT, NEW_LIMIT = "max_tokens", "max_completion_tokens"

_REFUSED = re.compile(
    r"unsupported|not support|unrecogni[sz]ed|unknown|unexpected|extra|not permitted|not allowed"
    r"|invalid (?:parameter|argument|field)|deprecated|instead|only the default",
    re.IGNORECASE,
)
"""Words of a server that does not take a parameter at all. One that takes another value of it says
that it is too large, and so on."""

_NO_SYSTEM = re.compile(
    r"roles must alternate|developer instruction|(?:first|initial) message.{0,40}user"
    r"|system.{0,80}(?:support|allow|enabled|permitted|unknown|unexpected|invalid)"
    r"|(?:support|allow|unknown|unexpected|invalid).{0,80}system"
    r"|only user.{0,40}assistant",
    re.IGNORECASE | re.DOTALL,
)

_TOOLS = r"\b(?:tools?|tool[ _](?:use|calls?|calling|choice)|functions?[ _]?call(?:s|ing)?)\b"
_NOT_HERE = (
    r"(?:not (?:\w+ )?(?:support|enabled|available|allowed|implemented)"
    r"|unsupported|disabled|no endpoints found that support)"
)
_NO_TOOLS = re.compile(
    rf"{_TOOLS}.{{0,40}}\brequires?\b.{{0,10}}--"  # an option of the server's program
    rf"|{_NOT_HERE}.{{0,40}}{_TOOLS}|{_TOOLS}.{{0,40}}{_NOT_HERE}",
    re.IGNORECASE | re.DOTALL,
)
_ONE_TOOL = re.compile(r"\btools\W{1,4}\d", re.IGNORECASE)
"""Something is wrong with a tool, "tools[0].function.name", and not with tools at all."""

_NO_CALLS = re.compile(
    r"roles must alternate|only user.{0,40}assistant|\broles?\b|\btool_call_id\b|\btool_calls\b"
    r"|\btools=|template|jinja|\btool(?: result)? messages?\b",
    re.IGNORECASE | re.DOTALL,
)
"""Words about messages that call tools, or have the result of one."""

_ABOUT_MESSAGES = re.compile(r"\broles?\b|\bmessages?\b", re.IGNORECASE)

_NO_NULL = re.compile(
    r"\bcontent\b.{0,80}(?:null|none|string|missing|required|empty|valid|expected)"
    r"|(?:null|none|string|missing|required|empty|invalid|expected).{0,80}\bcontent\b",
    re.IGNORECASE | re.DOTALL,
)

REFUSALS = frozenset({400, 422})
TEMPLATE_FAILURES = frozenset({400, 422, 500})
"""Some servers call it their own error when the model's template raises."""
TOOL_REFUSALS = frozenset({400, 404, 422, 500, 501})
"""A gateway says 404 where none of its servers takes tools."""

ADVICE = {
    "--tool-call-parser": (
        "start vLLM with --enable-auto-tool-choice and the --tool-call-parser of this model"
    ),
    "--jinja": "start the server of llama.cpp with --jinja",
}
OTHER_ADVICE = "take a model that can call tools; its page says whether it can"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    limit_name: str = OLD_LIMIT
    temperature: bool = True
    """Whether the model takes another than its own."""
    system_role: bool = True
    tools: bool = True
    """Whether it may be offered tools."""
    forces: bool = True
    """Whether it may be told that it must call one."""
    calls: bool = True
    """Whether messages may call tools and have results; else they are told in words."""
    null_content: bool = True
    """Whether a message without a text may have null there; else it has an empty one."""
    result_name: bool = True
    """Whether a result may have the name of its tool."""

    def after(
        self,
        status: int,
        error: object,
        conversation: Sequence[ChatMessage],
        tools: Sequence[ToolOffer] = (),
    ) -> Quirks | None:
        """What to try where a request with these quirks was refused; None: it is no question of
        manners."""
        told = _told(error)
        refused = status in REFUSALS and _REFUSED.search(told) is not None
        if refused and _names(told, self.limit_name):
            other = NEW_LIMIT if self.limit_name == OLD_LIMIT else OLD_LIMIT
            return replace(self, limit_name=other)
        if refused and self.temperature and _names(told, "temperature"):
            return replace(self, temperature=False)
        if self._forced(tools) and status in TOOL_REFUSALS and "tool_choice" in told:
            return replace(self, forces=False)
        no_tools = bool(tools) and self.tools and _refuses_tools(status, told, refused)
        if no_tools and not _ABOUT_MESSAGES.search(told):
            return replace(self, tools=False)
        if other_calls := self._without_calls(status, told, refused, conversation):
            return other_calls
        if no_tools:
            return replace(self, tools=False)
        no_system = status in TEMPLATE_FAILURES and _NO_SYSTEM.search(told) is not None
        if no_system and has_system(conversation) and self.system_role:
            return replace(self, system_role=False)
        return None

    def _forced(self, tools: Sequence[ToolOffer]) -> bool:
        return self.tools and self.forces and any(tool.forced for tool in tools)

    def _without_calls(
        self, status: int, told: str, refused: bool, conversation: Sequence[ChatMessage]
    ) -> Quirks | None:
        """What to try where the conversation has calls, and those may be what was refused."""
        if not (self._tells_calls and has_calls(conversation) and status in TEMPLATE_FAILURES):
            return None
        if refused and self.result_name and _names(told, "name") and not _ONE_TOOL.search(told):
            return replace(self, result_name=False)
        if self.null_content and has_null(conversation) and _NO_NULL.search(told):
            return replace(self, null_content=False)
        if _NO_CALLS.search(told) or _refuses_tools(status, told, refused):
            return replace(self, calls=False)
        return None

    @property
    def _tells_calls(self) -> bool:
        return self.tools and self.calls

    def learned(self, before: Quirks, after: Quirks) -> Quirks:
        """With what changed between the two, and nothing else: replies side by side learn too."""
        names = [field.name for field in fields(Quirks)]
        changed = {
            name: getattr(after, name)
            for name in names
            if getattr(after, name) != getattr(before, name)
        }
        return replace(self, **changed)

    def options(
        self, max_tokens: int, temperature: float | None, tools: Sequence[ToolOffer] = ()
    ) -> dict[str, Any]:
        options: dict[str, Any] = {self.limit_name: max_tokens}
        if temperature is not None and self.temperature:
            options["temperature"] = temperature
        if tools and self.tools:
            options["tools"] = offered(tools)
        if self._forced(tools):
            options["tool_choice"] = "required"
        return options

    def messages(self, conversation: Sequence[ChatMessage]) -> list[dict[str, Any]]:
        said = [one for one in conversation if one.role != "system" or one.text.strip()]
        if not self._tells_calls and has_calls(said):
            said = in_words(said)
        if not self.system_role:
            said = _folded(said)
        return written(said, null_content=self.null_content, result_name=self.result_name)


def advice_on_tools(error: object) -> str:
    """How to have tools, where a server refused them with this."""
    told = _told(error)
    return next((advice for sign, advice in ADVICE.items() if sign in told), OTHER_ADVICE)


def _refuses_tools(status: int, told: str, refused: bool) -> bool:
    if status not in TOOL_REFUSALS or _ONE_TOOL.search(told):
        return False
    return _NO_TOOLS.search(told) is not None or (refused and _names(told, "tools"))


def has_system(conversation: Sequence[ChatMessage]) -> bool:
    return any(message.role == "system" and message.text.strip() for message in conversation)


def _told(error: object) -> str:
    """What an error says, without the kind that many share ("invalid_request_error")."""
    if not isinstance(error, dict):
        return str(error)
    said = (error.get(key) for key in ("message", "param", "code", "detail"))
    return " ".join(str(value) for value in said if value)


def _names(told: str, parameter: str) -> bool:
    return re.search(rf"(?<!\w){parameter}(?!\w)", told, re.IGNORECASE) is not None


def _folded(conversation: Sequence[ChatMessage]) -> list[ChatMessage]:
    """With what the system says at the head of the user's first message."""
    system = "\n".join(message.text for message in conversation if message.role == "system")
    rest = [message for message in conversation if message.role != "system"]
    if not system:
        return rest
    if rest and rest[0].role == "user":
        system, rest = f"{system}\n\n{rest[0].text}", rest[1:]
    return [ChatMessage(role="user", text=system), *rest]

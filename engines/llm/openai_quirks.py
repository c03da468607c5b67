"""How a server of OpenAI's API wants to be asked, as it is learned from its refusals.

The names of parameters and the roles of messages differ between servers and between models. What a
server refuses is left out or said otherwise, and asked again at once; the responder remembers it.
Plain.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...protocol.chat import ChatMessage

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

REFUSALS = frozenset({400, 422})
TEMPLATE_FAILURES = frozenset({400, 422, 500})
"""Some servers call it their own error when the model's template raises."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    limit_name: str = OLD_LIMIT
    temperature: bool = True
    """Whether the model takes another than its own."""
    system_role: bool = True

    def after(self, status: int, error: object, *, has_system: bool) -> Quirks | None:
        """What to try where a request with these quirks was refused; None: it is no question of
        manners."""
        told = _told(error)
        refused = status in REFUSALS and _REFUSED.search(told) is not None
        if refused and _names(told, self.limit_name):
            other = NEW_LIMIT if self.limit_name == OLD_LIMIT else OLD_LIMIT
            return replace(self, limit_name=other)
        if refused and self.temperature and _names(told, "temperature"):
            return replace(self, temperature=False)
        no_system = status in TEMPLATE_FAILURES and _NO_SYSTEM.search(told) is not None
        if no_system and has_system and self.system_role:
            return replace(self, system_role=False)
        return None

    def options(self, max_tokens: int, temperature: float | None) -> dict[str, Any]:
        options: dict[str, Any] = {self.limit_name: max_tokens}
        if temperature is not None and self.temperature:
            options["temperature"] = temperature
        return options

    def messages(self, conversation: Sequence[ChatMessage]) -> list[dict[str, str]]:
        said = [one for one in conversation if one.role != "system" or one.text.strip()]
        if not self.system_role:
            said = _folded(said)
        return [{"role": message.role, "content": _encodable(message.text)} for message in said]


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


def _encodable(text: str) -> str:
    """With a question mark for each half of a character (a lone surrogate), which has no UTF-8.
    A setting from an environment that is no UTF-8 holds such."""
    return text.encode("utf-8", "replace").decode("utf-8")

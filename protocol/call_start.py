"""How a call begins: what a service says of it before the first sound."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

NUMBERS = ("caller", "called")
"""Parameters of a call that say who calls and which number; `parameters` may name them where the
service's own message does not."""


class CallStart(msgspec.Struct, frozen=True, kw_only=True):
    """A call. `parameters` are those that somebody gave with it: in the service's instructions, in
    a dialplan, in the request for an outbound call. All are the service's word, or the caller's.

    `choices` are what the session's dialect is chosen by: the format of the sound, the stream.
    """

    service: str = ""
    stream_id: str = ""
    call_id: str = ""
    account_id: str = ""
    caller: str = ""
    called: str = ""
    parameters: Mapping[str, str] = MappingProxyType({})
    choices: Mapping[str, str] = MappingProxyType({})

    @property
    def told(self) -> dict[str, str]:
        """All that is known of the call, by name, for an agent and its prompts."""
        own = {
            "service": self.service,
            "call_id": self.call_id,
            "stream_id": self.stream_id,
            "caller": self.caller,
            "called": self.called,
        }
        return {**self.parameters, **{name: value for name, value in own.items() if value}}


def words(value: object) -> str:
    """A parameter's value as text; empty for what is no word and no number."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else ""


def parameters_of(value: object) -> dict[str, str]:
    """Parameters from an object of a message, those that are words or numbers."""
    if not isinstance(value, Mapping):
        return {}
    return {str(name): text for name, given in value.items() if (text := words(given))}

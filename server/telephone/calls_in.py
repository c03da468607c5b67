"""What a service tells of a call when it asks for instructions: ids, numbers, parameters.

Each service has names of its own, in a form, in JSON or in the address. What else stands in the
address is the owner's: parameters of the call, which reach the agent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from ..http.head import BadRequest
from .asked import Asked, values_of

PARAMETERS_MAX = 20
NAME_CHARS = 64
VALUE_CHARS = 400
"""Twilio's are said to have 500 characters at most, name and value together."""

_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
"""What no XML document can hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Names:
    """What a service calls the fields of a call, the usual one first. `own` are further fields of
    its own in lower case that may stand in the address."""

    call_id: tuple[str, ...]
    caller: tuple[str, ...] = ("From",)
    called: tuple[str, ...] = ("To",)
    own: frozenset[str] = frozenset()
    upper: bool = False
    """Whether all of its fields begin with a capital letter."""


NAMES: Mapping[str, Names] = {
    "twilio": Names(call_id=("CallSid",), upper=True),
    "signalwire": Names(call_id=("CallSid",), upper=True),
    "telnyx": Names(call_id=("CallSid", "CallControlId"), upper=True),
    "plivo": Names(call_id=("CallUUID",), upper=True),
    "exotel": Names(
        call_id=("CallSid",),
        caller=("CallFrom", "From"),
        called=("CallTo", "To"),
        own=frozenset({"flow_id", "tenant_id", "digits"}),
        upper=True,
    ),
    "vonage": Names(
        call_id=("uuid",),
        caller=("from", "from_user"),
        called=("to",),
        own=frozenset({"conversation_uuid", "region_url", "endpoint_type"}),
    ),
    "jambonz": Names(
        call_id=("call_sid",),
        caller=("from",),
        called=("to",),
        own=frozenset({"account_sid", "application_sid", "call_id", "call_status", "direction"}),
    ),
}
OTHER = Names(call_id=("call_id",), caller=("from",), called=("to",))


@dataclass(frozen=True, slots=True, kw_only=True)
class CallIn:
    """A call for which instructions are asked."""

    service: str
    agent: str = ""
    call_id: str = ""
    caller: str = ""
    called: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)

    @property
    def told(self) -> dict[str, str]:
        """The parameters, with who calls and which number among them."""
        numbers = {"caller": self.caller, "called": self.called}
        return {**self.parameters, **{name: value for name, value in numbers.items() if value}}


def call_in(service: str, agent: str, asked: Asked) -> CallIn:
    """The call of a request. Raises BadRequest (400)."""
    names, query = NAMES.get(service, OTHER), values_of(asked.query)
    fields = {**{n: v[-1] for n, v in query.items()}, **fields_of(asked)}

    def first(wanted: tuple[str, ...]) -> str:
        return next((_clean(fields[name]) for name in wanted if fields.get(name)), "")

    taken = {*names.call_id, *names.caller, *names.called, *names.own, "bodySHA256"}
    own = {
        _clean(name): _clean(values[-1])
        for name, values in query.items()
        if name not in taken and not (names.upper and name[:1].isupper())
    }
    _check(own)
    return CallIn(
        service=service,
        agent=agent,
        call_id=first(names.call_id)[:VALUE_CHARS],
        caller=first(names.caller)[:VALUE_CHARS],
        called=first(names.called)[:VALUE_CHARS],
        parameters=own,
    )


def fields_of(asked: Asked) -> dict[str, str]:
    """The body's fields that are words or numbers, of a form or of a JSON object. Raises BadRequest
    (400)."""
    if asked.is_form:
        return {name: values[-1] for name, values in values_of(asked.form).items()}
    return {name: str(value) for name, value in json_of(asked).items() if _is_word(value)}


def json_of(asked: Asked) -> Mapping[str, object]:
    """The body as a JSON object; an empty one where there is no body. Raises BadRequest (400)."""
    if asked.is_form or not asked.body.strip():
        return {}
    try:
        found = msgspec.json.decode(asked.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadRequest(400, "the body is neither a form nor a JSON object")
    return found


def _is_word(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _clean(text: str) -> str:
    return _NOT_XML.sub("", text)


def _check(parameters: Mapping[str, str]) -> None:
    """Raises BadRequest (400) for parameters that no service carries."""
    if len(parameters) > PARAMETERS_MAX:
        raise BadRequest(400, f"a call may have {PARAMETERS_MAX} parameters")
    for name, value in parameters.items():
        if not name or len(name) > NAME_CHARS or len(value) > VALUE_CHARS:
            raise BadRequest(
                400,
                f"a parameter's name may have {NAME_CHARS} characters, its value {VALUE_CHARS}",
            )

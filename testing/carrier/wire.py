"""A service's side of the wire: what it sends for what happens on the line, and what it understands
of what we send."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from ...protocol.dialect import Frame
from ...protocol.telephone.sound import Sound
from .ear import Ear


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call as the service knows it."""

    stream_id: str = "MZ0123456789abcdef0123456789abcdef"
    call_id: str = "CA0123456789abcdef0123456789abcdef"
    account_id: str = "AC0123456789abcdef0123456789abcdef"
    caller: str = "+15550001"
    called: str = "+15550002"
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Give:
    """Sound to be played, as bytes of the line."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Mark:
    name: str


@dataclass(frozen=True, slots=True)
class Order:
    """Something without a value, or with a text."""

    what: Literal["clear", "pause", "continue", "hang up", "digits", "transfer", "status", "other"]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Complaint:
    """What the service would refuse, and why."""

    why: str


Wish: TypeAlias = Give | Mark | Order | Complaint


class Wire(Protocol):
    """Of one call."""

    name: str
    sound: Sound
    piece_ms: int
    """How much of the caller's sound is in a message."""
    buffer_ms: float
    whole_frames: bool
    returns_marks: bool
    """Whether a clearing brings back the marks that waited."""

    def hello(self) -> Sequence[Frame]:
        """The first messages of a call."""
        ...

    def sound_in(self, data: bytes, at_ms: int) -> Frame | None:
        """The caller's sound, of this moment of the call; None: it is not sent yet."""
        ...

    def digit(self, key: str) -> Sequence[Frame]: ...

    def marks(self, names: Sequence[str], *, cleared: bool) -> Sequence[Frame]:
        """Marks that were reached, or that a clearing brings back."""
        ...

    def clearing(self) -> Sequence[Frame]:
        """What answers a clearing beside its marks."""
        ...

    def status(self, ear: Ear) -> Sequence[Frame]:
        """What answers the question how much waits."""
        ...

    def after(self, ear: Ear) -> Sequence[Frame]:
        """What it says of itself after sound was given to it, and after each tick."""
        ...

    def goodbye(self) -> Sequence[Frame]:
        """The caller hung up."""
        ...

    def read(self, frame: Frame) -> Sequence[Wish]:
        """What a message of ours asks for."""
        ...


class NoWire(LookupError):
    """There is no simulated service of this name. The message says which there are."""


def wire_of(service: str, call: Call | None = None) -> Wire:
    """The wire of a service. Raises NoWire where it has none."""
    from .asterisk_wires import AsteriskWire, AudioSocketWire
    from .binary_wires import FreeswitchWire, JambonzWire, VonageWire
    from .genesys_wire import GenesysWire
    from .json_wire import JSON_WIRES, JsonWire

    made = call or Call()
    if service in JSON_WIRES:
        return JsonWire(service, made)
    others: dict[str, Callable[[Call], Wire]] = {
        "asterisk": AsteriskWire,
        "audiosocket": AudioSocketWire,
        "freeswitch": FreeswitchWire,
        "genesys": GenesysWire,
        "jambonz": JambonzWire,
        "vonage": VonageWire,
    }
    if service in others:
        return others[service](made)
    known = ", ".join((*JSON_WIRES, *others))
    raise NoWire(f"there is no simulated {service[:40]!r}; there are {known}")

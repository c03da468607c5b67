"""A dialect: a codec without I/O and a frozen profile. The session behind all of them is one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Literal, Protocol, TypeAlias

import msgspec

from .call_start import CallStart
from .codes import Breach
from .commands import Command
from .events import Outbound

Frame: TypeAlias = str | bytes
"""One WebSocket message: text or binary."""

NowMs: TypeAlias = Callable[[], int]
"""The time of day in Unix milliseconds, for dialects that tell it. A seam: codecs do no I/O."""

Choices: TypeAlias = Mapping[str, str]
"""What a client chose among a dialect's options, by the option's name. What is not in it is as the
dialect has it by default."""

NO_CHOICES: Choices = MappingProxyType({})

_SHOWN_CHARS = 40

TEXT_CHARS = 200
"""The longest value of an option."""


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """What differs between dialects, beside the spelling."""

    name: str
    rates_hz: frozenset[int]
    """Sample rates that a client may send."""
    needs_start: bool
    """Whether audio counts only between a start and its stop: before the start it is a breach,
    after the stop it is left out. Where it is False, audio opens the microphone by itself."""
    start_resets: bool
    """Whether a start while the microphone is open forgets what is being heard. Where it is False,
    such a start changes nothing in the hearing but the sample rate."""
    completes_on_stop: bool
    """Whether each stop, also one without any speech, tells the client that it is done:
    `finalize_pending`, the latency metrics, and `info` "Session complete"."""
    max_audio_bytes: int
    """The largest audio frame that is taken."""
    max_message_bytes: int
    """The largest message that is read at all; a larger one closes the connection with 1009."""
    reply_rate_hz: int | None
    """The sample rate of reply audio; None: as the synthesizer made it."""
    reply_frame_ms: int | None
    """Reply audio is cut into frames of this length; None: one whole phrase a frame."""
    by_items: bool = False
    """Whether it shows the conversation as items that the client may change: what is said is one at
    once, each reply is told from its beginning to its end, and one over which somebody makes a
    sound only pauses. Its client is told of speech over a reply when there are words."""
    short_phrases: bool
    """Whether its document says how long a phrase is, and that a gap between two words ends one:
    STREAM_TTS_MAX_PHRASE_LENGTH and STREAM_TTS_PHRASE_GAP_MS. Where it is False, sentences are the
    phrases."""
    reply_lead_ms: int | None
    """How long before its playback reply audio is sent; None: STREAM_REPLY_LEAD_MS."""
    final_on_stop: bool
    """Whether a stop without any words brings an empty final transcript."""
    fatal: frozenset[Breach]
    """Breaches that end the session. The others are reported, and it goes on."""
    telephone: bool = False
    """Whether audio comes from a telephone line: 8 kHz, with its tones."""
    at_sound: Literal["wait", "pause", "clear"] = "wait"
    """What becomes of the reply audio that a client has when somebody makes a sound, before it is
    known what it is: it is played to its end, the client pauses it, or it throws it away and is
    sent it again if it was nothing."""
    tells_cleared: bool = False
    """Whether the client says how much it had played when it threw the rest away."""
    ignored: frozenset[Breach]
    """Breaches that the protocol's own server takes without a word. They are counted; the first of
    a session is told as an `Info`, and none as a `Failure`; but before a start that is needed every
    breach is told, because that server takes nothing then."""


class Codec(Protocol):
    """One per session; it may keep state (what the client asked for, sequence numbers)."""

    profile: Profile

    def decode(self, frame: Frame) -> Sequence[Command]:
        """What a frame asks for, in order. Raises Violation."""
        ...

    def encode(self, event: Outbound) -> list[Frame]:
        """The frames that say `event`; none where the dialect has no word for it."""
        ...


class Arrival(Protocol):
    """Reads the first messages of a connection, until it is known which call it is."""

    def read(self, frame: Frame) -> CallStart | None:
        """The call, once this was the message that tells of it. Raises Violation where it can
        never become one: the sound is in a format that is not understood."""
        ...


class BadChoice(ValueError):
    """A value that an option does not have; the message says which are allowed."""


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """A codec, its profile, and where it is served.

    `options` are what a client may choose of the spelling by the query of its address: each
    option's name with the values that it has, the default first.
    """

    profile: Profile
    codec: Callable[[NowMs, Choices], Codec]
    paths: tuple[str, ...]
    options: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    texts: tuple[str, ...] = ()
    """Options that may have any value, of TEXT_CHARS at most."""
    headers: Mapping[str, str] = MappingProxyType({})
    """Header fields, in lower case, that choose an option of this name, too."""
    subprotocol: str = ""
    """What the server says that it speaks, where the client offers it."""
    told_by_query: bool = False
    """Whether what somebody tells of a call stands in the query of its address."""
    chosen: Choices = NO_CHOICES
    profile_of: Callable[[Profile, Choices], Profile] | None = None
    """What the profile is by what was chosen; None: it does not depend on it."""
    arrival: Callable[[], Arrival] | None = None
    """What reads the first messages where only those say who calls, and what the dialect is chosen
    by; None: the address says it."""

    def new_codec(self, now_ms: NowMs) -> Codec:
        """A codec for one session."""
        return self.codec(now_ms, self.chosen)

    def with_choices(
        self, query: Mapping[str, str], headers: Mapping[str, str] = NO_CHOICES
    ) -> Dialect:
        """The dialect as the query of an address chooses it, and its header fields. Blank values
        count as not given, and parameters that are no option of the dialect are somebody else's.
        Raises BadChoice."""
        given = {name: query.get(name, "") for name in (*self.options, *self.texts)}
        given |= {name: headers.get(field, "") for field, name in self.headers.items()}
        chosen = {name: value.strip() for name, value in given.items() if value.strip()}
        for name, value in chosen.items():
            if name not in self.options and len(value) > TEXT_CHARS:
                raise BadChoice(f"{name}: {len(value)} characters; {TEXT_CHARS} are the most")
            if name in self.options and value not in self.options[name]:
                allowed = ", ".join(self.options[name])
                raise BadChoice(f"{name}: {_shown(value)} is refused; allowed: {allowed}")
        if not chosen:
            return self
        profile = self.profile if self.profile_of is None else self.profile_of(self.profile, chosen)
        return msgspec.structs.replace(self, chosen=chosen, profile=profile)


def _shown(text: str) -> str:
    return ascii(text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}...")

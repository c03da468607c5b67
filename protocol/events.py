"""What a session tells its client, whatever the dialect. Codecs encode these into frames.

What only dialects tell that show a conversation as a list of items is in `item_events`.
"""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from .codes import FATAL, Breach, Code
from .event_base import Event as Event
from .item_events import ItemEvent as ItemEvent
from .states import State


class SessionOpened(Event, frozen=True, kw_only=True):
    session_id: str
    voice: str = ""
    """In which voice replies are spoken, where that is known."""


class StateChanged(Event, frozen=True, kw_only=True):
    """The session's state, and whether its microphone is open."""

    state: State
    listening: bool


class MicrophoneTold(Event, frozen=True, kw_only=True):
    """The answer to a client that opened a microphone that was open, or closed one that was closed:
    how it is now. Nothing has changed, so there is no StateChanged."""

    listening: bool


class SpeechStarted(Event, frozen=True, kw_only=True):
    """Speech began at `audio_ms` of the session's audio clock."""

    audio_ms: int
    energy: float | None = None
    """The RMS of what made it an onset; full scale is 1."""
    utterance: int = 0
    """Its number in the session."""


class SpeechEnded(Event, frozen=True, kw_only=True):
    audio_ms: int
    energy: float | None = None
    """The RMS of what was said last, where it is known; full scale is 1."""
    utterance: int = 0
    dropped: bool = False
    """The client cancelled it: there will be no words."""


class Partial(Event, frozen=True, kw_only=True):
    """What was understood so far of the utterance, up to `audio_ms` of the session's audio.

    The first `stable_chars` characters will not change any more in later partials.
    """

    text: str
    audio_ms: int
    stable_chars: int = 0
    utterance: int = 0


class Finalizing(Event, frozen=True, kw_only=True):
    """The utterance has ended; its final transcript is being made."""


class Final(Event, frozen=True, kw_only=True):
    text: str
    id: str
    audio_ms: int
    confidence: float = 0.0
    """How sure the recognizer is of its words, 0 to 1; 0 where it does not say."""
    language: str = ""
    """Its code, where the settings leave that to be found out."""
    utterance: int = 0
    """Whose words these are; 0: nobody's, a microphone was closed."""


class Token(Event, frozen=True, kw_only=True):
    """A piece of the reply's text. The last one is empty, with `done`."""

    text: str
    done: bool = False


class PhraseText(msgspec.Struct, frozen=True, kw_only=True):
    """Which words the audio of a phrase says. The audio that follows begins `from_ms` into the
    phrase: a reply that was suspended goes on in the middle of one."""

    text: str
    duration_ms: int
    from_ms: int = 0
    aside: bool = False
    """It is spoken, and no part of the reply's text."""


class ReplyAudio(Event, frozen=True, kw_only=True):
    """PCM16 mono reply audio; `seq` numbers the phrases of a session from 1."""

    seq: int
    pcm16: bytes
    rate_hz: int
    begins: PhraseText | None = None
    """With the first piece of a phrase: what the phrase says, where that is known."""


class PhraseDone(Event, frozen=True, kw_only=True):
    seq: int


class ReplyComplete(Event, frozen=True, kw_only=True):
    """All audio of the reply has been sent."""


class Latency(Event, frozen=True, kw_only=True):
    """Milliseconds of the session's clock: first sample of the utterance, first partial, final,
    first token, first reply audio. None where there was none."""

    t0: float | None
    t1: float | None
    t2: float | None
    t3: float | None
    t4: float | None


class TurnTimes(Event, frozen=True, kw_only=True):
    """Where the time of a turn went: milliseconds since the last sample of speech was received, as
    far as there was any. `begun_ms`: when the reply was begun, where that was before the end of the
    turn was decided; what follows it can then lie before `decided_ms`, but for the audio."""

    decided_ms: float | None
    begun_ms: float | None
    final_ms: float | None
    token_ms: float | None
    phrase_ms: float | None
    audio_ms: float | None

    def by_name(self) -> dict[str, float | None]:
        """The times alone."""
        fields = msgspec.structs.asdict(self).items()
        return {name: ms for name, ms in fields if name.endswith("_ms")}


class Decode(Event, frozen=True, kw_only=True):
    runs: int
    ms: float
    rtf: float


class Info(Event, frozen=True, kw_only=True):
    message: str


class Failure(Event, frozen=True, kw_only=True):
    code: Code
    message: str
    recoverable: bool
    breach: Breach | None = None
    """What the peer did wrong, where it was the peer."""
    utterance: int = 0
    """Which utterance could not be heard, where it is that."""

    @classmethod
    def of(cls, code: Code, message: str, *, turn: int = 0, utterance: int = 0) -> Failure:
        """A failure with the severity that the taxonomy gives its code."""
        return cls(
            code=code,
            message=message,
            recoverable=code not in FATAL,
            turn=turn,
            utterance=utterance,
        )


class BargeIn(Event, frozen=True, kw_only=True):
    """The person spoke over the reply and it fell silent; `seq` is the last phrase of which
    audio left (0: none), `heard` the words that were heard of it. A ReplyResumed may follow, or a
    ReplyTakenBack."""

    seq: int
    heard: str = ""


class ReplyHeld(Event, frozen=True, kw_only=True):
    """There is a sound over the reply, and it is not known yet what it is: the reply is held. For
    clients that pause what they have of it, or throw it away (`Profile.at_sound`)."""


class ReplyReleased(Event, frozen=True, kw_only=True):
    """It was nothing: a client that paused goes on with what it has. One that threw it away is sent
    it again."""


class DigitsTold(Event, frozen=True, kw_only=True):
    """The keys that are to be pressed for the other side, of "0123456789*#ABCD" and "w", half a
    second of waiting."""

    digits: str


class ReplyResumed(Event, frozen=True, kw_only=True):
    """Nobody said anything after all: the reply that fell silent goes on, from what was not
    heard of it. Its audio follows as if it were another reply's."""


class ReplyTakenBack(Event, frozen=True, kw_only=True):
    """The person was not done: the reply that fell silent never was. What they said before it and
    what they say now are answered together, once."""


class ToolTold(Event, frozen=True, kw_only=True):
    """A tool was called, or, with an `outcome`, has returned."""

    call_id: str
    name: str
    arguments: str
    """As the model wrote them: a JSON object, if it did that right."""
    outcome: str = ""
    """"done", "failed" or "cancelled"; empty: it is at work."""
    output: str = ""
    ms: int = 0
    """How long it took."""
    by_client: bool = False
    """The client is to run it."""
    reply: int = 0
    """The turn in which it was called."""
    position: int = 0
    """Which of the turn's calls it is, from 0."""


class TicketTold(Event, frozen=True, kw_only=True):
    """The conversation can go on over another connection: by this ticket, until it is over."""

    ticket: str
    resumed: bool = False
    """Whether it goes on from another connection."""
    why: str = ""
    """Why not, where that was asked for."""


class ConductorTold(Event, frozen=True, kw_only=True):
    """Who answers from now on: an agent's name, and its voice where that is known."""

    name: str
    voice: str = ""


class TransferTold(Event, frozen=True, kw_only=True):
    """The caller is to be put through to `to`, a telephone number or whatever the carrier or the
    client makes of it. The session ends behind this."""

    to: str


class Pong(Event, frozen=True, kw_only=True):
    """The answer to a client's ping."""


class Expired(Event, frozen=True, kw_only=True):
    """The client was silent for too long; the connection closes."""

    message: str


class Closing(Event, frozen=True, kw_only=True):
    """The last event of a session: after it the connection is closed with this code."""

    code: int
    reason: str


Outbound: TypeAlias = (
    SessionOpened
    | StateChanged
    | MicrophoneTold
    | SpeechStarted
    | SpeechEnded
    | Partial
    | Finalizing
    | Final
    | Token
    | ReplyAudio
    | PhraseDone
    | ReplyComplete
    | Latency
    | TurnTimes
    | Decode
    | Info
    | Failure
    | BargeIn
    | ReplyHeld
    | ReplyReleased
    | DigitsTold
    | ReplyResumed
    | ReplyTakenBack
    | ToolTold
    | ConductorTold
    | TicketTold
    | TransferTold
    | Pong
    | Expired
    | Closing
    | ItemEvent
)

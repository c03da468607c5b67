"""What the actors say to each other. Frozen, keyword-only, with units in the names.

`audio_ms` is a position on the session's audio clock: milliseconds of audio received since the
session began. `*_s` are seconds of Trio's clock.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

import trio

from ..audio.line_tone import LineTone
from ..conversation.spoken import HearingTuned, Marker, SoundGiven
from ..conversation.text.phrases import Phrase
from ..engines.asr.interface import Transcript
from ..engines.tts.interface import Speech
from ..protocol.chat import ToolCall
from ..protocol.codes import Code
from ..protocol.commands import GiveAudio
from ..protocol.effects import AnyEffect

# Receiver -> VAD


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """PCM16 mono at HEARING_RATE_HZ, and when its last sample was received."""

    pcm16: bytes
    received_s: float


Heard: TypeAlias = Sound | Marker | HearingTuned | SoundGiven


# LLM -> Phraser -> TTS -> Playout, inside a turn


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPiece:
    """A token of the reply."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside:
    """A sentence that is spoken and is no part of the reply: neither shown nor remembered. It
    ends the phrase before it."""

    text: str


@dataclass(frozen=True, slots=True)
class EndOfRound:
    """The reply stands still here, while tools are at work: what there is of it is spoken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenPhrase:
    """A phrase, and its audio as far as it is there. `rest` gives what follows and ends with it;
    None: nothing follows."""

    phrase: Phrase
    speech: Speech
    rest: trio.MemoryReceiveChannel[Speech] | None = None


@dataclass(frozen=True, slots=True)
class EndOfReply:
    """Nothing follows. Said explicitly: a channel's end must not depend on who is restarting."""


# To the dialogue, from everywhere


@dataclass(frozen=True, slots=True)
class SoundHeard:
    """There is a sound during the reply. It may be speech."""


@dataclass(frozen=True, slots=True)
class SoundPassed:
    """It was nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechBegan:
    """An utterance began; `during_reply` says that it must last before it interrupts. `after_ms` is
    how much silence there was since the utterance before; None for the first one."""

    number: int
    during_reply: bool
    after_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechConfirmed:
    """The sound during a reply has lasted: it is an interruption. `received_s` is when the audio
    came that made it certain."""

    number: int
    received_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechLong:
    """Somebody has been speaking for longer than any listener's "mm-hmm"."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechOver:
    """The person stopped speaking, or the sound did not last. Its words are still to come.
    `last_sample_s`: when the last sample of it came; None where that is not known."""

    number: int
    last_sample_s: float | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechDropped:
    """The client cancelled what was being said: there will be no words."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WordsHeard:
    """What the utterance seems to say after so much of it; told while there is a reply."""

    number: int
    text: str
    spoken_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceForeseen:
    """What will be heard if the short silence that began is the end."""

    number: int
    transcript: Transcript
    first_sample_s: float
    first_partial_s: float | None
    spoken_ms: int = 0
    """From its beginning to now, the short silence included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechResumed:
    """It was not: what was foreseen of the utterance is void."""

    number: int


@dataclass(frozen=True, slots=True)
class UtteranceFinalizing:
    """The final words of an utterance that was certainly speech are being made. The dialogue tells
    the client, so that it comes behind the final of the utterance before."""

    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceHeard:
    number: int
    transcript: Transcript
    audio_ms: int
    first_sample_s: float
    first_partial_s: float | None
    too_long: bool = False
    unfinished: bool = False
    """Its words want more, and the silence behind them was as long as it may be."""
    by_hand: bool = False
    """The client said where it ends, and says what follows."""
    last_sample_s: float = field(default=0.0, compare=False)
    decided_s: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceFailed:
    """The recognizer failed twice on it; `code` and `message` are for the client."""

    number: int
    code: Code
    message: str


@dataclass(frozen=True, slots=True)
class TextTyped:
    """Words that were typed, to be answered like speech."""

    text: str


@dataclass(frozen=True, slots=True)
class CancelRequested:
    """The client takes back what it asked."""


@dataclass(frozen=True, slots=True)
class PlaybackTold:
    """So much of the live reply was played by now; `flushed`: of the one that was interrupted last,
    and no more of it will be."""

    heard_s: float
    flushed: bool


@dataclass(frozen=True, slots=True)
class InterruptRequested:
    """The client wants the reply cut at once; or the server does (`by_server`), and then it is,
    even one that nobody may interrupt."""

    by_server: bool = False


@dataclass(frozen=True, slots=True)
class CommitRequested:
    """The client ended an utterance. The marker that says so is on its way through the audio."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UtteranceGiven:
    """The utterance of this number was given by the client. Its words are still to come."""

    number: int
    given: GiveAudio


@dataclass(frozen=True, slots=True)
class KeyPressed:
    """The person pressed a key of their telephone."""

    digit: str


@dataclass(frozen=True, slots=True)
class ToneHeard:
    """A tone on the telephone line is over, one that is no key's."""

    tone: LineTone


@dataclass(frozen=True, slots=True)
class LineReported:
    """What is known of the other end of the line."""

    news: str


@dataclass(frozen=True, slots=True)
class EndRequested:
    """The client says goodbye: cut the reply, close."""


@dataclass(frozen=True, slots=True)
class DrainRequested:
    """The server stops, the client has `used_up` what it may use, or whoever looks after the server
    has `closed` this session: let the reply finish, then close."""

    used_up: bool = False
    closed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyAudible:
    """The first audio of the turn's reply was sent."""

    turn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolsCalled:
    """The model ended a round of the turn's reply by calling these."""

    turn: int
    calls: tuple[ToolCall, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Conducted:
    """What the conductor of the conversation wants: an agent's code, say."""

    effect: AnyEffect


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyWritten:
    """The language model has ended: the reply's text is whole."""

    turn: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnOver:
    """The turn's tree has ended by itself; `error` is set where it had to give up."""

    turn: int
    error: BaseException | None = None


Report: TypeAlias = (
    SoundHeard
    | SoundPassed
    | SpeechBegan
    | SpeechConfirmed
    | SpeechLong
    | SpeechOver
    | SpeechDropped
    | WordsHeard
    | UtteranceForeseen
    | SpeechResumed
    | UtteranceFinalizing
    | UtteranceHeard
    | UtteranceFailed
    | Marker
    | TextTyped
    | CancelRequested
    | InterruptRequested
    | CommitRequested
    | UtteranceGiven
    | PlaybackTold
    | KeyPressed
    | LineReported
    | ToneHeard
    | EndRequested
    | DrainRequested
    | ReplyAudible
    | ToolsCalled
    | Conducted
    | ReplyWritten
    | TurnOver
)

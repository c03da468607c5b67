"""What the server says in dialect A, as typed messages. Pure: frame in, message out.

A message of a kind unknown here becomes Unknown: a newer server must not break an older client.
Something that is no message at all is Unreadable.
"""

from __future__ import annotations

import msgspec


class Unreadable(Exception):
    """The server sent what is not a JSON object with a `type`."""


class Hello(msgspec.Struct, frozen=True, kw_only=True, tag="protocol"):
    version: int


class Info(msgspec.Struct, frozen=True, kw_only=True, tag="info"):
    """`session_id` comes with the first one."""

    message: str
    session_id: str = ""


class Partial(msgspec.Struct, frozen=True, kw_only=True, tag="partial_transcript"):
    """`audio_ms`: the session's audio that the text covers; None where the clock is not told."""

    text: str
    audio_ms: float | None = None


class Finalizing(msgspec.Struct, frozen=True, kw_only=True, tag="finalize_pending"):
    """The utterance has ended; its final transcript is being made."""


class Final(msgspec.Struct, frozen=True, kw_only=True, tag="final_transcript"):
    text: str
    id: str = ""
    audio_ms: float | None = None


class Token(msgspec.Struct, frozen=True, kw_only=True, tag="llm_token"):
    """A piece of the reply's text; the last one has `done`."""

    text: str = ""
    done: bool = False


class Phrase(msgspec.Struct, frozen=True, kw_only=True, tag="tts_chunk"):
    """One phrase of reply audio. `audio_b64` holds the decoded bytes of a whole WAV file."""

    seq: int
    audio_b64: bytes
    mime: str = "audio/wav"


class PhraseDone(msgspec.Struct, frozen=True, kw_only=True, tag="tts_phrase_done"):
    seq: int


class ReplyComplete(msgspec.Struct, frozen=True, kw_only=True, tag="tts_complete"):
    """All audio of the reply has been sent."""


class Metrics(msgspec.Struct, frozen=True, kw_only=True, tag="metrics"):
    """`event` is "latency" (t0..t4, ms), "decode" (runs, ms, rtf) or "turn" (ms since the last
    sample of speech, to which it is told by the server); the rest is None."""

    event: str
    t0: float | None = None
    t1: float | None = None
    t2: float | None = None
    t3: float | None = None
    t4: float | None = None
    runs: int | None = None
    ms: float | None = None
    rtf: float | None = None
    begun_ms: float | None = None
    decided_ms: float | None = None
    final_ms: float | None = None
    token_ms: float | None = None
    phrase_ms: float | None = None
    audio_ms: float | None = None


class Problem(msgspec.Struct, frozen=True, kw_only=True, tag="error"):
    code: str
    message: str = ""
    recoverable: bool = True


class ToolCalled(msgspec.Struct, frozen=True, kw_only=True, tag="tool_call"):
    """The language model calls a tool. `arguments` are JSON, as the model wrote it."""

    id: str
    name: str
    arguments: str = ""


class ToolReturned(msgspec.Struct, frozen=True, kw_only=True, tag="tool_result"):
    """The call is over: `outcome` is "done", "failed" or "cancelled"."""

    id: str
    name: str
    outcome: str = "done"
    output: str = ""
    ms: int | None = None
    """How long it took, where the server says so."""


class Answering(msgspec.Struct, frozen=True, kw_only=True, tag="agent"):
    """Who answers from now on."""

    name: str
    voice: str = ""


class Transferred(msgspec.Struct, frozen=True, kw_only=True, tag="transfer"):
    """The caller is to be put through to `to`. The server closes behind this."""

    to: str


class Resume(msgspec.Struct, frozen=True, kw_only=True, tag="resume"):
    """By which ticket the conversation can go on over another connection; `resumed`: it has."""

    ticket: str
    resumed: bool = False
    why: str = ""


class Sound(Phrase, frozen=True, kw_only=True, tag=False):
    """A short piece of a reply's sound, and the item that it belongs to. In dialect D only."""

    item: str


class SpeechBegan(msgspec.Struct, frozen=True, kw_only=True):
    """The person speaks. In dialect D only: a client throws away what it has not played."""


class Interrupted(msgspec.Struct, frozen=True, kw_only=True):
    """The reply was cut; `heard` of it are these words, as the server takes it. In dialect D
    only."""

    heard: str = ""


class Unknown(msgspec.Struct, frozen=True, kw_only=True):
    """A message of a kind this client does not know."""

    type: str


Incoming = (
    Hello
    | Info
    | Partial
    | Finalizing
    | Final
    | Token
    | Phrase
    | PhraseDone
    | ReplyComplete
    | Metrics
    | ToolCalled
    | ToolReturned
    | Answering
    | Transferred
    | Resume
    | Sound
    | SpeechBegan
    | Interrupted
    | Problem
    | Unknown
)

_KNOWN = (
    Hello
    | Info
    | Partial
    | Finalizing
    | Final
    | Token
    | Phrase
    | PhraseDone
    | ReplyComplete
    | Metrics
    | ToolCalled
    | ToolReturned
    | Answering
    | Transferred
    | Resume
    | Problem
)
_decoder: msgspec.json.Decoder[_KNOWN] = msgspec.json.Decoder(_KNOWN)
_type_decoder = msgspec.json.Decoder(Unknown)
_TAGS = frozenset(kind.__struct_config__.tag for kind in _KNOWN.__args__)


def parse(frame: str | bytes) -> Incoming:
    """The message in a frame. Raises Unreadable."""
    if isinstance(frame, bytes):
        raise Unreadable(f"a binary frame of {len(frame)} bytes")
    try:
        return _decoder.decode(frame)
    except msgspec.DecodeError as error:
        try:
            unknown = _type_decoder.decode(frame)
        except msgspec.DecodeError:
            raise Unreadable(str(error)) from None
        if unknown.type in _TAGS:
            raise Unreadable(f"{unknown.type}: {error}") from None
        return unknown

"""Dialect C, `/engine`: NewSpeech.

Binary PCM16 at 24 kHz in both directions, JSON for the rest; what dialect A has a name for has the
same name here. Source: wire facts of dialect C.

What the protocol's own server ignores is ignored: text that is no message, unknown types and
commands, audio frames that are empty or of odd length. They are counted, and the first of a session
is told as an `info`. `end_session` closes the connection, which that server leaves to the client.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from . import events
from .client_audio import ClientAudio
from .codes import Breach, Violation
from .commands import (
    Command,
    EndSession,
    Interrupt,
    Ping,
    StartListening,
    TypedText,
)
from .dialect import NO_CHOICES, Choices, Dialect, Frame, NowMs, Profile
from .jsontext import as_json, fields_of, message_in, type_of
from .prompt_voice import OPTIONS, phrase_message, plain_messages, played
from .tool_messages import tells_tools, tool_message

RATE_HZ = 24_000

REPLY_FRAME_MS = 80
"""Source: wire facts, "80 ms chunks"."""

REPLY_LEAD_MS = 240
"""Three chunks."""

MAX_AUDIO_BYTES = 10_000_000
"""Source: wire facts, "10,000,000 bytes a message"."""

MAX_TEXT_CHARS = 8_000
"""Typed input is answered like speech: it is a few sentences, not a document."""

PROFILE = Profile(
    name="newspeech",
    rates_hz=frozenset({RATE_HZ}),
    needs_start=False,
    start_resets=False,
    completes_on_stop=False,
    max_audio_bytes=MAX_AUDIO_BYTES,
    max_message_bytes=MAX_AUDIO_BYTES + 64 * 1024,
    reply_rate_hz=RATE_HZ,
    reply_frame_ms=REPLY_FRAME_MS,
    short_phrases=False,
    reply_lead_ms=REPLY_LEAD_MS,
    final_on_stop=False,
    fatal=frozenset(),
    ignored=frozenset(
        {
            Breach.INVALID_JSON,
            Breach.MISSING_TYPE,
            Breach.UNKNOWN_TYPE,
            Breach.INVALID_FIELD,
            Breach.INVALID_AUDIO,
        }
    ),
)


class _Text(msgspec.Struct):
    content: str


class _Control(msgspec.Struct):
    command: str
    audio_clock: bool = False


_TEXT = msgspec.json.Decoder(_Text)
_CONTROL = msgspec.json.Decoder(_Control)


class NewSpeechCodec:
    """Dialect C for one session."""

    profile = PROFILE

    def __init__(self, now_ms: NowMs, choices: Choices = NO_CHOICES) -> None:
        self._audio = ClientAudio()
        self._audio_clock = False
        self._tells_phrases = choices.get("phrases") == "told"
        self._tells_tools = tells_tools(choices)

    def decode(self, frame: Frame) -> Sequence[Command]:
        """Raises Violation for whatever is not in the dialect."""
        if isinstance(frame, str):
            return (self._message(frame),)
        text = message_in(frame, named=True)
        return self._heard(frame) if text is None else (self._message(text),)

    def _message(self, text: str) -> Command:
        kind = type_of(text, untyped="text")
        match kind:
            case "text":
                return self._text(text)
            case "control":
                return self._control(text)
            case "barge_in":
                return Interrupt()
            case "played":
                return played(text)
        raise Violation(
            Breach.UNKNOWN_TYPE,
            f"unknown message type {kind[:40]!r}; known: text, control, barge_in, played",
        )

    def _heard(self, pcm16: bytes) -> Sequence[Command]:
        if not pcm16:
            raise Violation(Breach.INVALID_AUDIO, "an audio frame is empty")
        if len(pcm16) > MAX_AUDIO_BYTES:
            raise Violation(
                Breach.OVERSIZED_FRAME,
                f"an audio frame has {len(pcm16)} bytes; {MAX_AUDIO_BYTES} are the most",
            )
        return self._audio.commands(pcm16)

    @staticmethod
    def _text(text: str) -> TypedText:
        content = fields_of(_TEXT, text, Breach.INVALID_FIELD, "text").content.strip()
        if not content:
            raise Violation(Breach.INVALID_FIELD, "text: no content")
        if len(content) > MAX_TEXT_CHARS:
            raise Violation(
                Breach.OVERSIZED_FRAME,
                f"text: {len(content)} characters; {MAX_TEXT_CHARS} are the most",
            )
        return TypedText(content)

    def _control(self, text: str) -> Command:
        control = fields_of(_CONTROL, text, Breach.INVALID_FIELD, "control")
        match control.command:
            case "start_session":
                self._audio_clock = control.audio_clock
                self._audio.begin()
                return StartListening(rate_hz=RATE_HZ, audio_clock=control.audio_clock)
            case "end_session":
                return EndSession()
            case "ping":
                return Ping()
        raise Violation(
            Breach.INVALID_FIELD,
            f"unknown command {control.command[:40]!r}; known: start_session, end_session, ping",
        )

    def encode(self, event: events.Outbound) -> list[Frame]:
        match event:
            case events.ReplyAudio() if event.begins is not None and self._tells_phrases:
                return [as_json(phrase_message(event.seq, event.begins)), event.pcm16]
            case events.ReplyAudio():
                return [event.pcm16]
            case events.Partial():
                (message,) = plain_messages(event)
                return [as_json({**message, "stable_chars": event.stable_chars})]
            case events.Final() if event.language:
                (message,) = plain_messages(event)
                return [as_json({**message, "language": event.language})]
            case events.SpeechStarted():
                return [as_json({"type": "speech_started", "audio_ms": event.audio_ms})]
            case events.SpeechEnded():
                return [as_json({"type": "speech_ended", "audio_ms": event.audio_ms})]
            case events.BargeIn() if self._audio_clock:
                (message,) = plain_messages(event)
                return [as_json({**message, "heard": event.heard})]
            case events.Failure() if event.breach in PROFILE.ignored:
                return []
            case events.ToolTold() | events.ConductorTold() | events.TransferTold():
                return [as_json(tool_message(event))] if self._tells_tools else []
            case events.PhraseDone():
                return []  # it marks the end of a WAV, and there is none
            case events.TurnTimes() | events.ReplyResumed() | events.ReplyTakenBack() if (
                not self._audio_clock
            ):
                return []
            case _:
                return [as_json(message) for message in plain_messages(event)]


DIALECT = Dialect(profile=PROFILE, codec=NewSpeechCodec, paths=("/engine",), options=OPTIONS)

"""Dialect B, `/stream`: io-speech.

JSON in both directions, audio as base64 PCM16 at 16 kHz. Times are Unix milliseconds. Errors never
close the connection. Source: wire facts of dialect B.

The protocol's document and its server spell one message differently, so the address may choose:
`/stream?events=document` has `vad_event` where `/stream` has `vad`. Parley's own is `stable_chars`
in a partial transcript: so many characters of its text will not change in later partials; and,
with STREAM_LANGUAGE=auto, the `language` of a final one.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, assert_never

import msgspec

from . import events
from .client_audio import ClientAudio
from .codes import Breach, Code, Violation
from .commands import Command, Interrupt, Remark, StartListening, StopListening
from .dialect import NO_CHOICES, Choices, Dialect, Frame, NowMs, Profile
from .jsontext import as_json, fields_of, message_in, type_of
from .states import State
from .ticket_message import ticket_message
from .tool_messages import TOOLS_OPTION, tells_tools, tool_message

RATE_HZ = 16_000

REPLY_FRAME_MS = 100
"""Source: wire facts, "100-200 ms chunks". Each frame costs the server the same, however long."""

REPLY_LEAD_MS = 300
"""What a client has left to play when the network hiccups, and what an interruption wastes."""

MAX_AUDIO_BYTES = 1024 * 1024
"""Half a minute in one message. Source: wire facts, "1 MB decoded". Clients send 100-200 ms."""

MAX_MESSAGE_BYTES = 4 * 1024 * 1024
"""Enough above MAX_AUDIO_BYTES that audio which is far too long is answered in words."""

PROFILE = Profile(
    name="io-speech",
    rates_hz=frozenset({RATE_HZ}),
    needs_start=False,
    start_resets=True,
    completes_on_stop=False,
    max_audio_bytes=MAX_AUDIO_BYTES,
    max_message_bytes=MAX_MESSAGE_BYTES,
    reply_rate_hz=RATE_HZ,
    reply_frame_ms=REPLY_FRAME_MS,
    short_phrases=False,
    reply_lead_ms=REPLY_LEAD_MS,
    final_on_stop=False,
    fatal=frozenset(),
    ignored=frozenset({Breach.SEQUENCE_JUMP}),
)

OPTIONS = MappingProxyType({"events": ("server", "document"), **TOOLS_OPTION})
"""`events`: as the protocol's server spells its messages, or as its document does. `tools`: whether
the calls of tools, who answers, and a transfer are told, which neither of them knows."""

_VAD_TYPES = {"server": "vad", "document": "vad_event"}

PARTIAL_CONFIDENCE = 0.75
"""Of a partial transcript of which nothing is stable yet. The protocol's server tells this one for
every partial, and its clients leave out what is below it."""

FINAL_CONFIDENCE = 0.95
"""Of a final whose recognizer does not say how sure it is, and of a partial that is stable as a
whole. Source: the protocol's server."""

_BREACHES = {
    Breach.INVALID_AUDIO: "invalid_audio",
    Breach.ODD_AUDIO: "invalid_audio",
    Breach.OVERSIZED_FRAME: "invalid_audio",
    Breach.UNSUPPORTED_RATE: "invalid_audio_format",
    Breach.FOREIGN_AUDIO: "invalid_audio_format",
}
"""Breaches that have a word of their own; the others are `invalid_message`."""

_AUDIO_CODES = frozenset(
    {Code.ASR_FAIL, Code.ASR_TIMEOUT, Code.TTS_FAIL, Code.MAX_DURATION_EXCEEDED}
)
"""Codes that the dialect calls `audio_processing_error`; the others are `internal_error`."""


class _Audio(msgspec.Struct):
    data: bytes
    sequence: Any = None
    """Counted where it is a whole number. Nothing depends on it: audio is taken in the order of its
    arrival."""


class _Control(msgspec.Struct):
    action: str


_AUDIO = msgspec.json.Decoder(_Audio)
_CONTROL = msgspec.json.Decoder(_Control)


class IoSpeechCodec:
    """Dialect B for one session: it counts sequence numbers, in and out, and knows which status
    it told last. `choices` may hold a value of each of OPTIONS."""

    profile = PROFILE

    def __init__(self, now_ms: NowMs, choices: Choices = NO_CHOICES) -> None:
        self._now_ms = now_ms
        self._vad_type = _VAD_TYPES[choices.get("events", "server")]
        self._tells_tools = tells_tools(choices)
        self._heard = ClientAudio()
        self._binary_told = False
        self._expected: int | None = None
        self._sent = 0
        self._listening = False
        self._status = ""

    # In

    def decode(self, frame: Frame) -> Sequence[Command]:
        """Raises Violation for whatever is not in the dialect."""
        if isinstance(frame, bytes):
            text = message_in(frame)
            if text is None:
                return self._binary()
            frame = text
        kind = type_of(frame)
        if kind == "audio":
            return self._audio(frame)
        if kind == "control":
            return (self._control(frame),)
        raise Violation(
            Breach.UNKNOWN_TYPE, f"unknown message type {kind[:40]!r}; known: audio, control"
        )

    def _binary(self) -> Sequence[Command]:
        """Told once: somebody who sends audio so does it fifty times a second."""
        if self._binary_told:
            return (Remark(breach=Breach.UNKNOWN_TYPE),)
        self._binary_told = True
        raise Violation(
            Breach.UNKNOWN_TYPE,
            "binary frames are not understood; send JSON, with audio as base64 in its data",
        )

    def _audio(self, text: str) -> Sequence[Command]:
        audio = fields_of(_AUDIO, text, Breach.INVALID_AUDIO, "audio")
        if not audio.data:
            raise Violation(Breach.INVALID_AUDIO, "audio: no data")
        if len(audio.data) > MAX_AUDIO_BYTES:
            raise Violation(
                Breach.OVERSIZED_FRAME,
                f"audio: {len(audio.data)} bytes in a message; {MAX_AUDIO_BYTES} are the most",
            )
        return (*self._jump(audio.sequence), *self._heard.commands(audio.data))

    def _jump(self, sequence: object) -> Sequence[Command]:
        """A remark where the numbers jump."""
        if not isinstance(sequence, int):
            return ()
        expected, self._expected = self._expected, sequence + 1
        if expected is None or sequence == expected:
            return ()
        return (Remark(breach=Breach.SEQUENCE_JUMP),)

    def _control(self, text: str) -> Command:
        control = fields_of(_CONTROL, text, Breach.INVALID_FIELD, "control")
        match control.action:
            case "start_listening":
                self._expected = None
                self._heard.begin()
                return StartListening(rate_hz=RATE_HZ)
            case "stop_listening":
                self._heard.begin()
                return StopListening()
            case "cancel_tts":
                return Interrupt()
        raise Violation(
            Breach.INVALID_FIELD,
            f"unknown action {control.action[:40]!r}; "
            "known: start_listening, stop_listening, cancel_tts",
        )

    # Out

    def encode(self, event: events.Outbound) -> list[Frame]:
        return [
            as_json({**message, "timestamp": self._now_ms()}) for message in self._messages(event)
        ]

    def _messages(self, event: events.Outbound) -> list[dict[str, Any]]:
        match event:
            case events.SessionOpened():
                return self._tell_status("connected")
            case events.StateChanged():
                opened = event.listening and not self._listening
                self._listening = event.listening
                return self._tell_status("listening" if opened else _status_of(event))
            case events.MicrophoneTold():
                answer = "listening" if event.listening else "connected"
                self._status = ""  # whatever comes next is told, also if it is the same
                return [{"type": "status", "status": answer}]
            case events.SpeechStarted():
                return [self._vad("speech_start", event.energy)]
            case events.SpeechEnded():
                return [self._vad("speech_end", event.energy)]
            case events.Partial():
                transcript = self._transcript(event.text, False, _confidence(event))
                return [{**transcript, "stable_chars": event.stable_chars}]
            case events.Final():
                sure = event.confidence or (FINAL_CONFIDENCE if event.text else 0.0)
                found = {"language": event.language} if event.language else {}
                return [self._transcript(event.text, True, sure) | found]
            case events.ReplyAudio():
                self._sent += 1
                return [
                    *self._tell_status("speaking"),
                    {
                        "type": "audio_output",
                        "data": base64.b64encode(event.pcm16).decode("ascii"),
                        "format": "pcm16",
                        "sample_rate": event.rate_hz,
                        "sequence": self._sent,
                    },
                ]
            case events.BargeIn():
                return [{"type": "barge_in", "cancelled_sequence": self._sent}]
            case events.Failure():
                return self._error(event)
            case events.Expired():
                return [{"type": "error", "code": "session_expired", "message": event.message}]
            case events.TicketTold():
                return [ticket_message(event)]
            case events.ToolTold() | events.ConductorTold() | events.TransferTold():
                return [tool_message(event)] if self._tells_tools else []
            case (
                events.ReplyResumed()
                | events.ReplyTakenBack()
                | events.ReplyHeld()
                | events.ReplyReleased()
                | events.DigitsTold()
                | events.Finalizing()
                | events.Token()
                | events.PhraseDone()
                | events.ReplyComplete()
                | events.Latency()
                | events.TurnTimes()
                | events.Decode()
                | events.Info()
                | events.Pong()
                | events.Closing()
                | events.ItemEvent()
            ):
                return []
            case _:
                assert_never(event)

    def _tell_status(self, status: str) -> list[dict[str, Any]]:
        if status in ("", self._status):
            return []
        self._status = status
        return [{"type": "status", "status": status}]

    def _vad(self, event: str, energy: float | None) -> dict[str, Any]:
        known = {} if energy is None else {"energy": round(energy, 4)}
        return {"type": self._vad_type, "event": event, **known}

    def _transcript(self, text: str, is_final: bool, confidence: float) -> dict[str, Any]:
        return {
            "type": "transcript",
            "text": text,
            "is_final": is_final,
            "confidence": round(confidence, 3),
        }

    def _error(self, event: events.Failure) -> list[dict[str, Any]]:
        if event.code is Code.CANCELLED or event.breach in PROFILE.ignored:
            return []
        if event.breach is not None:
            code = _BREACHES.get(event.breach, "invalid_message")
        elif event.code in (Code.BACKPRESSURE, Code.RATE_LIMIT):
            code = "rate_limit"
        else:
            code = "audio_processing_error" if event.code in _AUDIO_CODES else "internal_error"
        return [{"type": "error", "code": code, "message": event.message}]


def _confidence(partial: events.Partial) -> float:
    """From PARTIAL_CONFIDENCE, while nothing of the text is stable, to FINAL_CONFIDENCE, where all
    of it is; 0 where there is no text."""
    if not partial.text:
        return 0.0
    stable = partial.stable_chars / len(partial.text)
    return PARTIAL_CONFIDENCE + stable * (FINAL_CONFIDENCE - PARTIAL_CONFIDENCE)


def _status_of(event: events.StateChanged) -> str:
    """`speaking` is told with the first reply audio, not here: it must not come after it."""
    match event.state:
        case State.THINKING:
            return "processing"
        case State.RESPONDING:
            return ""
        case _:
            return "listening" if event.listening else "connected"


DIALECT = Dialect(profile=PROFILE, codec=IoSpeechCodec, paths=("/stream",), options=OPTIONS)

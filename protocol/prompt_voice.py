"""Dialect A, `/ws` (aliases `/ws2`, `/ws_legacy`): prompt-voice.

JSON control messages and binary PCM16 in; JSON out, with a whole WAV per phrase. Source: wire
facts of dialect A. One thing is Parley's own: a client whose `start` has `"audio_clock": true`
gets `audio_ms` with its transcripts, the milliseconds of session audio that they cover, the
`language` of a final with STREAM_LANGUAGE=auto, `heard` with an interruption, the words that were
heard of the reply, `reply_resumed` where a reply goes on after all, and the times of each turn.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, assert_never

import msgspec

from ..audio.wav import wav_bytes
from . import events
from .client_audio import ClientAudio
from .codes import Breach, Violation
from .commands import Audio, CancelReply, Command, Played, StartListening, StopListening
from .dialect import NO_CHOICES, Choices, Dialect, Frame, NowMs, Profile
from .jsontext import as_json, fields_of, message_in, type_of
from .rates import COMMON_HZ, in_words, rate_of
from .ticket_message import ticket_message
from .tool_messages import TOOLS_OPTION, tells_tools, tool_message

PROTOCOL_VERSION = 1

DEFAULT_RATE_HZ = 16_000
"""What a `start` without a rate means."""

RATES_HZ = frozenset(COMMON_HZ)
"""Others are refused, and the client may start again."""

MAX_AUDIO_BYTES = 64 * 1024
"""Source: wire facts, "binary over 64 KiB"."""

MAX_MESSAGE_BYTES = 1024 * 1024
"""Enough above MAX_AUDIO_BYTES that an oversized frame is answered in words; one that is larger
still is refused by the WebSocket layer before it is held in memory."""

OPTIONS = MappingProxyType({"phrases": ("untold", "told"), **TOOLS_OPTION})
"""What a client may choose by the query of its address, the default first; dialect C has the same.
Where phrases are told, a message before the audio of each phrase says its words and its length.
Where tools are told, so are the calls of tools, who answers, and a transfer."""

PROFILE = Profile(
    name="prompt-voice",
    rates_hz=RATES_HZ,
    needs_start=True,
    start_resets=False,
    max_audio_bytes=MAX_AUDIO_BYTES,
    max_message_bytes=MAX_MESSAGE_BYTES,
    reply_rate_hz=None,
    reply_frame_ms=None,
    short_phrases=True,
    reply_lead_ms=None,
    final_on_stop=True,
    completes_on_stop=True,
    fatal=frozenset(
        {
            Breach.AUDIO_BEFORE_START,
            Breach.UNKNOWN_TYPE,
            Breach.MISSING_TYPE,
            Breach.OVERSIZED_FRAME,
        }
    ),
    ignored=frozenset({Breach.INVALID_AUDIO, Breach.ODD_AUDIO}),
)


class _Start(msgspec.Struct):
    sample_rate: Any = msgspec.UNSET
    sampling_rate: Any = msgspec.UNSET
    audio_clock: bool = False


_START = msgspec.json.Decoder(_Start)


class _Played(msgspec.Struct):
    ms: float
    flushed: bool = False


_PLAYED = msgspec.json.Decoder(_Played)

MAX_PLAYED_MS = 3_600_000
"""An hour: longer than any reply."""


class PromptVoiceCodec:
    """Dialect A for one session."""

    profile = PROFILE

    def __init__(self, now_ms: NowMs, choices: Choices = NO_CHOICES) -> None:
        self._audio_clock = False
        self._tells_phrases = choices.get("phrases") == "told"
        self._tells_tools = tells_tools(choices)
        self._audio: ClientAudio | None = None
        """None: nothing was started yet."""

    def decode(self, frame: Frame) -> Sequence[Command]:
        """Raises Violation for whatever is not in the dialect."""
        if isinstance(frame, str):
            return (self._control(frame),)
        text = message_in(frame)
        return self._heard(frame) if text is None else (self._control(text),)

    def _heard(self, pcm16: bytes) -> Sequence[Command]:
        if len(pcm16) > MAX_AUDIO_BYTES:
            raise Violation(
                Breach.OVERSIZED_FRAME,
                f"an audio frame has {len(pcm16)} bytes; {MAX_AUDIO_BYTES} are the most",
            )
        if not pcm16:
            raise Violation(Breach.INVALID_AUDIO, "an audio frame is empty")
        if self._audio is not None:
            return self._audio.commands(pcm16)
        if len(pcm16) % 2:
            raise Violation(
                Breach.ODD_AUDIO,
                f"an audio frame has {len(pcm16)} bytes; PCM16 samples are two bytes each",
            )
        return (Audio(pcm16),)

    def _control(self, text: str) -> Command:
        if len(text) > MAX_AUDIO_BYTES:
            raise Violation(
                Breach.OVERSIZED_FRAME,
                f"a control message has {len(text)} characters; {MAX_AUDIO_BYTES} are the most",
            )
        kind = type_of(text)
        if kind == "start":
            return self._start(text)
        if kind == "stop":
            if self._audio is not None:
                self._audio.begin()
            return StopListening()
        if kind == "cancel":
            return CancelReply()
        if kind == "played":
            return played(text)
        raise Violation(
            Breach.UNKNOWN_TYPE,
            f"unknown message type {kind[:40]!r}; known: start, stop, cancel, played",
        )

    def _start(self, text: str) -> StartListening:
        try:
            start = fields_of(_START, text, Breach.INVALID_FIELD, "start")
        except Violation as violation:
            raise Violation(violation.breach, violation.message, of_start=True) from None
        named = start.sample_rate
        if named is msgspec.UNSET:
            named = start.sampling_rate
        rate = DEFAULT_RATE_HZ if named is msgspec.UNSET else rate_of(named)
        if rate is None:
            raise Violation(
                Breach.UNSUPPORTED_RATE,
                f"sample rate {str(named)[:40]!r} is not supported; "
                f"supported: {in_words(RATES_HZ)}",
                of_start=True,
            )
        self._audio_clock = start.audio_clock
        self._audio = self._audio or ClientAudio()
        self._audio.begin()
        return StartListening(rate_hz=rate, audio_clock=start.audio_clock)

    def encode(self, event: events.Outbound) -> list[Frame]:
        return [as_json(message) for message in self._messages(event)]

    def _messages(self, event: events.Outbound) -> list[dict[str, Any]]:
        for_those_who_ask = isinstance(
            event, events.TurnTimes | events.ReplyResumed | events.ReplyTakenBack
        )
        if for_those_who_ask and not self._audio_clock:
            return []
        if isinstance(event, events.ToolTold | events.ConductorTold | events.TransferTold):
            return [tool_message(event)] if self._tells_tools else []
        messages = plain_messages(event)
        if self._tells_phrases and isinstance(event, events.ReplyAudio) and event.begins:
            messages.insert(0, phrase_message(event.seq, event.begins))
        if self._audio_clock and isinstance(event, events.Partial | events.Final):
            messages[0]["audio_ms"] = event.audio_ms
        if self._audio_clock and isinstance(event, events.Final) and event.language:
            messages[0]["language"] = event.language
        if self._audio_clock and isinstance(event, events.Partial):
            messages[0]["stable_chars"] = event.stable_chars
        if self._audio_clock and isinstance(event, events.BargeIn):
            messages[0]["heard"] = event.heard
        return messages


def played(text: str) -> Played:
    """What a client says of its playback, in dialects A and C. Raises Violation."""
    found = fields_of(_PLAYED, text, Breach.INVALID_FIELD, "played")
    if not 0 <= found.ms <= MAX_PLAYED_MS:
        raise Violation(Breach.INVALID_FIELD, f"played: ms is 0 to {MAX_PLAYED_MS}")
    return Played(ms=found.ms, flushed=found.flushed)


def phrase_message(seq: int, begins: events.PhraseText) -> dict[str, Any]:
    """Which words the audio that follows says."""
    return {
        "type": "phrase",
        "seq": seq,
        "text": begins.text,
        "ms": begins.duration_ms,
        "from_ms": begins.from_ms,
    }


def plain_messages(event: events.Outbound) -> list[dict[str, Any]]:
    """The JSON messages that say `event`; none where there is no word for it. Dialects that share
    these names use them too."""
    match event:
        case events.SessionOpened():
            return [
                {"type": "protocol", "version": PROTOCOL_VERSION},
                {"type": "info", "message": "Session created", "session_id": event.session_id},
            ]
        case events.Partial():
            return [{"type": "partial_transcript", "text": event.text}]
        case events.Finalizing():
            return [{"type": "finalize_pending"}]
        case events.Final():
            return [{"type": "final_transcript", "text": event.text, "id": event.id}]
        case events.Token():
            return [{"type": "llm_token", "text": event.text, "done": event.done}]
        case events.ReplyAudio():
            wav = wav_bytes(event.pcm16, event.rate_hz)
            return [
                {
                    "type": "tts_chunk",
                    "seq": event.seq,
                    "audio_b64": base64.b64encode(wav).decode("ascii"),
                    "mime": "audio/wav",
                }
            ]
        case events.PhraseDone():
            return [{"type": "tts_phrase_done", "seq": event.seq}]
        case events.ReplyComplete():
            return [{"type": "tts_complete"}]
        case events.Latency():
            times = {name: getattr(event, name) for name in ("t0", "t1", "t2", "t3", "t4")}
            return [{"type": "metrics", "event": "latency", **times}]
        case events.Decode():
            decode = {"runs": event.runs, "ms": event.ms, "rtf": event.rtf}
            return [{"type": "metrics", "event": "decode", **decode}]
        case events.Info() | events.Expired():
            return [{"type": "info", "message": event.message}]
        case events.Failure():
            return [
                {
                    "type": "error",
                    "code": event.code.value,
                    "message": event.message,
                    "recoverable": event.recoverable,
                }
            ]
        case events.BargeIn():
            return [{"type": "barge_in", "seq": event.seq}]
        case events.ReplyResumed():
            return [{"type": "reply_resumed"}]
        case events.ReplyTakenBack():
            return [{"type": "reply_taken_back"}]
        case events.Pong():
            return [{"type": "pong"}]
        case events.TurnTimes():
            return [{"type": "metrics", "event": "turn", **event.by_name()}]
        case events.TicketTold():
            return [ticket_message(event)]
        case (
            events.StateChanged()
            | events.ToolTold()
            | events.ConductorTold()
            | events.TransferTold()
            | events.MicrophoneTold()
            | events.ReplyHeld()
            | events.ReplyReleased()
            | events.DigitsTold()
            | events.SpeechStarted()
            | events.SpeechEnded()
            | events.Closing()
            | events.ItemEvent()
        ):
            return []
        case _:
            assert_never(event)


DIALECT = Dialect(
    profile=PROFILE,
    codec=PromptVoiceCodec,
    paths=("/ws", "/ws2", "/ws_legacy"),
    options=OPTIONS,
)

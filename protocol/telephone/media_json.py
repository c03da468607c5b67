"""Services that speak JSON with audio as base64: Twilio and those that took after it.

They differ in names and in a few habits, which is what a `JsonService` says; `json_services` has
the table. Source: wire facts of the telephone, 1 to 3.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from ...audio import dtmf
from .. import events
from ..call_start import CallStart, parameters_of, words
from ..codes import Breach, Violation
from ..commands import Audio, Command, Digit, EndSession, LineTold, Remark, StartListening
from ..dialect import NO_CHOICES, Choices, Frame, NowMs, Profile
from ..jsontext import as_json
from . import line_frames
from .heard import EVERY_MS, Playback
from .line_clock import InOrder, LineClock
from .profile import at_rate
from .sound import Coding, Sound, sound_of


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonService:
    """The names and the habits of one service. A path is the names of fields, one in the other."""

    name: str
    profile: Profile
    id_field: Literal["twilio_id", "plivo_id", "stream_id", "stream_sid"]
    """Of the stream, in what comes."""
    id_out: str = ""
    """Of the stream, in what we send; empty: it wants none."""
    id_path: tuple[str, ...]
    call_path: tuple[str, ...]
    account_path: tuple[str, ...] = ()
    caller_path: tuple[str, ...] = ()
    called_path: tuple[str, ...] = ()
    parameters_path: tuple[str, ...]
    coding_path: tuple[str, ...]
    rate_path: tuple[str, ...]
    big_endian: bool = False
    ordered: bool = True
    """Whether it sends what it hears in order."""
    media_out: str = "media"
    tells_format: bool = False
    """Whether each piece of ours says its format."""
    mark_every_ms: float = EVERY_MS
    mark_out: str = "mark"
    mark_in: str = "mark"
    mark_named_in: str = "mark"
    """The object that a mark's name is in; empty: it is at the top."""
    clear_out: str = "clear"
    cleared_in: str = ""
    """What it answers to a clearing; empty: the marks come back, ours behind the clearing too."""
    digits_out: str = ""
    """What sends digits to the other side; empty: they are sent as tones."""


class _Named(msgspec.Struct):
    name: str = ""


class _Digit(msgspec.Struct):
    digit: str = ""


class _Media(msgspec.Struct):
    payload: bytes = b""
    track: str = "inbound"
    timestamp: str | int | float | None = None
    chunk: str | int | None = None


class _Message(msgspec.Struct, rename={"twilio_id": "streamSid", "plivo_id": "streamId"}):
    event: str
    twilio_id: str | None = None
    plivo_id: str | None = None
    stream_id: str | None = None
    stream_sid: str | None = None
    media: _Media | None = None
    mark: _Named | None = None
    dtmf: _Digit | None = None
    name: str = ""


_decode = msgspec.json.Decoder(_Message).decode
_decode_any = msgspec.json.Decoder().decode

_base64 = binascii.b2a_base64

MAX_DIGITS = "0123456789*#ABCD"


def message_of(frame: Frame) -> _Message:
    """Raises Violation for what is no message of such a service."""
    if not isinstance(frame, str):
        raise Violation(Breach.UNKNOWN_TYPE, "binary frames are not understood")
    try:
        return _decode(frame)
    except msgspec.ValidationError as error:
        raise Violation(Breach.INVALID_FIELD, str(error)) from None
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise Violation(Breach.INVALID_JSON, f"not valid JSON: {error}") from None


def _at(message: object, path: tuple[str, ...]) -> object:
    for name in path:
        message = message.get(name) if isinstance(message, Mapping) else None
    return message


class JsonArrival:
    """The first messages of a connection, up to the start."""

    def __init__(self, service: JsonService) -> None:
        self._service = service

    def read(self, frame: Frame) -> CallStart | None:
        if not isinstance(frame, str) or len(frame) > 64 * 1024:
            return None
        try:
            message: Any = _decode_any(frame)
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            return None
        if not isinstance(message, Mapping) or message.get("event") != "start":
            return None
        service = self._service
        parameters = extra_parameters(_at(message, service.parameters_path))
        sound = sound_of(
            _at(message, service.coding_path) or "audio/x-mulaw",
            _at(message, service.rate_path) or 8000,
            big_endian=service.big_endian,
        )
        stream_id = words(_at(message, service.id_path))[:200]
        return CallStart(
            service=service.name,
            stream_id=stream_id,
            call_id=words(_at(message, service.call_path)),
            account_id=words(_at(message, service.account_path)),
            caller=words(_at(message, service.caller_path)) or parameters.get("caller", ""),
            called=words(_at(message, service.called_path)) or parameters.get("called", ""),
            parameters=parameters,
            choices={**sound.choices, **({"stream": stream_id} if stream_id else {})},
        )


def extra_parameters(value: object) -> dict[str, str]:
    """Parameters as an object, as its JSON text, or as `a=1;b=2`."""
    if not isinstance(value, str):
        return parameters_of(value)
    try:
        return parameters_of(_decode_any(value))
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        pairs = (pair.partition("=") for pair in value.replace(",", ";").split(";"))
        return {name.strip(): given.strip() for name, _, given in pairs if name.strip()}


@dataclass(slots=True)
class _Way:
    """What does not change on one line: the texts around a payload, a mark's name."""

    before: str
    after: str
    mark_before: str
    mark_after: str
    clear: str
    ids: dict[str, str] = field(default_factory=dict)


class JsonCodec:
    """One line of such a service. `choices` say the format of its sound and the stream's id."""

    def __init__(self, service: JsonService, now_ms: NowMs, choices: Choices = NO_CHOICES) -> None:
        self.profile = at_rate(service.profile, choices)
        self._service = service
        self._now_ms = now_ms
        coding: Coding = choices.get("coding", "ulaw")  # type: ignore[assignment]
        self._sound = Sound(coding, self.profile.reply_rate_hz or 8000)
        self._stream = choices.get("stream", "")
        self._clock = LineClock()
        self._order = None if service.ordered else InOrder()
        self._playback = Playback(service.mark_every_ms)
        self._started = False
        self._way = self._spelled()

    def _spelled(self) -> _Way:
        service = self._service
        ids = {service.id_out: self._stream} if service.id_out else {}
        media: dict[str, object] = {}
        if service.tells_format:
            name = "audio/x-mulaw" if self._sound.coding == "ulaw" else "audio/x-l16"
            media |= {"contentType": name, "sampleRate": self._sound.rate_hz}
        hole = "\x00"
        whole = as_json({"event": service.media_out, **ids, "media": {**media, "payload": hole}})
        before, after = whole.split(as_json({"": hole})[5:-2])
        named = {"name": hole}
        mark = {"mark": named} if service.mark_named_in else named
        marked = as_json({"event": service.mark_out, **ids, **mark})
        mark_before, mark_after = marked.split(as_json({"": hole})[5:-2])
        clear = as_json({"event": service.clear_out, **ids})
        return _Way(before, after, mark_before, mark_after, clear, ids)

    # In

    def decode(self, frame: Frame) -> Sequence[Command]:
        """Raises Violation for what is not of the service."""
        if isinstance(frame, str) and frame.startswith(line_frames.PREFIX):
            return self._ours(frame)
        message = message_of(frame)
        service = self._service
        if message.event == "media":
            if message.media is None:
                raise Violation(Breach.INVALID_AUDIO, "media: no media")
            self._check_stream(message)
            return self._media(message.media)
        if message.event == "start":
            return self._start(message)
        if message.event == "connected":
            return ()
        if message.event == "error":
            return (LineTold(f"error: {_what_is_wrong(frame)}"),)
        if message.event == "stop":
            return (EndSession(),)
        self._check_stream(message)
        now_ms = self._now_ms()
        line_ms = self._clock.now_ms(now_ms)
        if message.event == service.mark_in:
            name = message.mark.name if message.mark is not None else message.name
            return self._playback.back(name, line_ms, now_ms)
        if service.cleared_in and message.event == service.cleared_in:
            return self._playback.cleared(line_ms, now_ms)
        if message.event == "dtmf" and message.dtmf is not None:
            digit = message.dtmf.digit.upper()
            if len(digit) != 1 or digit not in MAX_DIGITS:
                raise Violation(Breach.INVALID_FIELD, f"dtmf: {digit[:20]!r} is no key")
            return (Digit(digit),)
        raise Violation(Breach.UNKNOWN_TYPE, f"unknown event {message.event[:40]!r}")

    def _ours(self, frame: str) -> Sequence[Command]:
        ms = line_frames.quiet_ms_of(frame)
        if ms and self._started:
            return (Audio(self._silence(self._clock.quiet(ms))),)
        command = line_frames.command_of(frame)
        return (command,) if command is not None else ()

    def _check_stream(self, message: _Message) -> None:
        told = getattr(message, self._service.id_field)
        if told is not None and self._stream and told != self._stream:
            raise Violation(Breach.INVALID_FIELD, f"this is the line {self._stream[:40]!r} alone")

    def _start(self, message: _Message) -> Sequence[Command]:
        if self._started:
            raise Violation(Breach.INVALID_FIELD, "the call has started already")
        self._started = True
        return (StartListening(rate_hz=self._sound.rate_hz),)

    def _media(self, media: _Media) -> Sequence[Command]:
        if media.track not in ("inbound", "inbound_track"):
            return ()  # our own voice
        if len(media.payload) > self.profile.max_audio_bytes:
            raise Violation(Breach.OVERSIZED_FRAME, f"media: {len(media.payload)} bytes")
        if not media.payload:
            raise Violation(Breach.INVALID_AUDIO, "media: no payload")
        at_ms = _number(media.timestamp)
        if self._order is None:
            return self._heard(media.payload, at_ms)
        number = _number(media.chunk)
        if number is None:
            return self._heard(media.payload, at_ms)
        commands: list[Command] = []
        for data, its_ms in self._order.push(int(number), media.payload, at_ms):
            commands += self._heard(data, its_ms)
        return commands

    def _heard(self, data: bytes, at_ms: float | None) -> Sequence[Command]:
        pcm16 = self._sound.heard(data)
        jumps = self._clock.jumps
        missing_ms, late_ms = self._clock.place(self._sound.ms_of(len(data)), at_ms, self._now_ms())
        if missing_ms:
            pcm16 = self._silence(missing_ms) + pcm16
        elif late_ms:
            pcm16 = pcm16[round(late_ms * self._sound.rate_hz / 1000) * 2 :]
        commands: list[Command] = [Audio(pcm16)] if pcm16 else []
        if self._clock.jumps != jumps:
            commands.insert(0, Remark(breach=Breach.SEQUENCE_JUMP))
        return commands

    def _silence(self, ms: float) -> bytes:
        return bytes(round(ms * self._sound.rate_hz / 1000) * 2)

    # Out

    def encode(self, event: events.Outbound) -> list[Frame]:
        match event:
            case events.ReplyAudio():
                return self._spoken(event)
            case events.PhraseDone():
                return self._marked(self._playback.mark())
            case events.ReplyHeld() | events.BargeIn():
                return self._cleared()
            case events.DigitsTold():
                return self._digits(event)
        return []

    def _spoken(self, event: events.ReplyAudio) -> list[Frame]:
        sound, way = self._sound, self._way
        data, step = sound.spoken(event.pcm16), sound.frame_bytes
        frames: list[Frame] = []
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            payload = _base64(piece, newline=False).decode()
            frames.append(f"{way.before}{payload}{way.after}")
            if name := self._playback.sent(event, sound.ms_of(len(piece))):
                frames.append(f"{way.mark_before}{name}{way.mark_after}")
        return frames

    def _marked(self, name: str) -> list[Frame]:
        return [f"{self._way.mark_before}{name}{self._way.mark_after}"] if name else []

    def _cleared(self) -> list[Frame]:
        if not self._playback.unplayed:
            return []  # nothing has left since it was cleared
        name = self._playback.clear()
        cleared: list[Frame] = [self._way.clear]
        return cleared if self._service.cleared_in else [*cleared, *self._marked(name)]

    def _digits(self, event: events.DigitsTold) -> list[Frame]:
        if self._service.digits_out:
            told = {"event": self._service.digits_out, **self._way.ids, "dtmf": event.digits}
            return [as_json(told)]
        pcm16 = dtmf.tones(event.digits, self._sound.rate_hz)
        tones = events.ReplyAudio(seq=0, pcm16=pcm16, rate_hz=self._sound.rate_hz)
        return self._spoken(tones)


def _what_is_wrong(frame: Frame) -> str:
    """What a service says about something that we sent."""
    payload = _at(_decode_any(frame), ("payload",))
    told = [words(_at(payload, (name,))) for name in ("code", "title", "detail")]
    return " ".join(filter(None, told))[:200] or "it says nothing more"


def _number(value: str | float | None) -> float | None:
    """A count or a time, which services write as text or as a number; None: it is neither."""
    try:
        number = None if value is None else float(value)
    except ValueError:
        return None
    return number if number is not None and abs(number) < 1e15 else None

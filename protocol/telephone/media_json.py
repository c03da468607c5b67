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

from .. import events
from ..call_start import CallStart, parameters_of, words
from ..codes import Breach, Violation
from ..commands import Command, EndSession, LineTold
from ..dialect import NO_CHOICES, Choices, Frame, NowMs, Profile
from ..jsontext import as_json
from .heard import EVERY_MS
from .line_clock import InOrder
from .line_codec import LineCodec
from .profile import at_rate
from .sound import chosen_sound, sound_of


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


class JsonCodec(LineCodec):
    """One line of such a service. `choices` say the format of its sound and the stream's id."""

    def __init__(self, service: JsonService, now_ms: NowMs, choices: Choices = NO_CHOICES) -> None:
        profile = at_rate(service.profile, choices)
        super().__init__(profile, chosen_sound(choices), now_ms, service.mark_every_ms)
        self._service = service
        self._stream = choices.get("stream", "")
        self._order = None if service.ordered else InOrder()
        self._way = self._spelled()

    def _spelled(self) -> _Way:
        service = self._service
        ids = {service.id_out: self._stream} if service.id_out else {}
        media: dict[str, object] = {}
        if service.tells_format:
            name = "audio/x-mulaw" if self._sound.coding == "ulaw" else "audio/x-l16"
            media |= {"contentType": name, "sampleRate": self._sound.rate_hz}
        hole = "\x00"
        spelled = as_json({"": hole})[5:-2]
        whole = as_json({"event": service.media_out, **ids, "media": {**media, "payload": hole}})
        # The last one: a service's id may hold the same character.
        before, _, after = whole.rpartition(spelled)
        named = {"name": hole}
        mark = {"mark": named} if service.mark_named_in else named
        marked = as_json({"event": service.mark_out, **ids, **mark})
        mark_before, _, mark_after = marked.rpartition(spelled)
        clear = as_json({"event": service.clear_out, **ids})
        return _Way(before, after, mark_before, mark_after, clear, ids)

    # In

    def read(self, frame: Frame) -> Sequence[Command]:
        message = message_of(frame)
        service = self._service
        if message.event == "media":
            if message.media is None:
                raise Violation(Breach.INVALID_AUDIO, "media: no media")
            self._check_stream(message)
            return self._media(message.media)
        if message.event == "start":
            return self._start()
        if message.event == "connected":
            return ()
        if message.event == "error":
            return (LineTold(f"error: {_what_is_wrong(frame)}"),)
        if message.event == "stop":
            return (EndSession(),)
        self._check_stream(message)
        if message.event == service.mark_in:
            name = message.mark.name if message.mark is not None else message.name
            return self._mark_came(name)
        if service.cleared_in and message.event == service.cleared_in:
            return self._clearing_came()
        if message.event == "dtmf" and message.dtmf is not None:
            return self._key(message.dtmf.digit)
        raise Violation(Breach.UNKNOWN_TYPE, f"unknown event {message.event[:40]!r}")

    def _check_stream(self, message: _Message) -> None:
        told = getattr(message, self._service.id_field)
        if told is not None and self._stream and told != self._stream:
            raise Violation(Breach.INVALID_FIELD, f"this is the line {self._stream[:40]!r} alone")

    def _media(self, media: _Media) -> Sequence[Command]:
        if media.track not in ("inbound", "inbound_track"):
            return ()  # our own voice
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

    # Out

    def _piece(self, data: bytes) -> Frame:
        payload = _base64(data, newline=False).decode()
        return f"{self._way.before}{payload}{self._way.after}"

    def _mark(self, name: str) -> list[Frame]:
        return [f"{self._way.mark_before}{name}{self._way.mark_after}"]

    def _clear(self) -> list[Frame]:
        return [self._way.clear]

    def _clear_told_by_mark(self) -> bool:
        return not self._service.cleared_in

    def _digits(self, event: events.DigitsTold) -> list[Frame]:
        if self._service.digits_out:
            told = {"event": self._service.digits_out, **self._way.ids, "dtmf": event.digits}
            return [as_json(told)]
        return super()._digits(event)


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

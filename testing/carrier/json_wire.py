"""Twilio, SignalWire, Telnyx, Plivo, Exotel: the service's side, as their documents have it.

Written from the wire facts, not from the codec, so that the two can disagree.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from ...protocol.dialect import Frame
from ...protocol.telephone.sound import Sound
from .quiet_wire import QuietWire
from .wire import Call, Complaint, Give, Mark, Order, Wish

JSON_WIRES = ("twilio", "signalwire", "telnyx", "plivo", "exotel")

ULAW = Sound("ulaw", 8_000)
LINEAR = Sound("l16", 8_000)


class JsonWire(QuietWire):
    def __init__(self, service: str, call: Call, sound: Sound | None = None) -> None:
        self.name = service
        self.sound = sound or (LINEAR if service == "exotel" else ULAW)
        self.piece_ms = 100 if service == "exotel" else 20
        self.buffer_ms = 600_000.0
        self.returns_marks = service != "plivo"
        self._call = call
        self._number = 0
        self._chunk = 0

    @property
    def _twilio(self) -> bool:
        return self.name in ("twilio", "signalwire")

    def _text(self, message: dict[str, Any], *, numbered: bool = True) -> str:
        """With what each message has beside its own."""
        call, self._number = self._call, self._number + 1
        beside: dict[str, Any] = {}
        match self.name:
            case "twilio" | "signalwire":
                beside = {"sequenceNumber": str(self._number), "streamSid": call.stream_id}
            case "telnyx":
                beside = {"sequence_number": str(self._number), "stream_id": call.stream_id}
            case "plivo":
                beside = {"sequenceNumber": self._number, "streamId": call.stream_id}
            case _:
                beside = {"sequence_number": str(self._number), "stream_sid": call.stream_id}
        return json.dumps({**message, **(beside if numbered else {})})

    def hello(self) -> Sequence[Frame]:
        call, sound = self._call, self.sound
        if self._twilio:
            start: dict[str, Any] = {
                "streamSid": call.stream_id,
                "accountSid": call.account_id,
                "callSid": call.call_id,
                "tracks": ["inbound"],
                "customParameters": dict(call.parameters),
                "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
            }
            first = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        elif self.name == "telnyx":
            coding = {"ulaw": "PCMU", "alaw": "PCMA"}.get(sound.coding, "L16")
            start = {
                "user_id": call.account_id,
                "call_control_id": call.call_id,
                "call_session_id": "s-1",
                "from": call.caller,
                "to": call.called,
                "tags": [],
                "client_state": "",
                "custom_parameters": dict(call.parameters),
                "media_format": {"encoding": coding, "sample_rate": sound.rate_hz, "channels": 1},
            }
            first = {"event": "connected", "version": "1.0.0"}
        elif self.name == "plivo":
            coding = "audio/x-mulaw" if sound.coding == "ulaw" else "audio/x-l16"
            start = {
                "callId": call.call_id,
                "streamId": call.stream_id,
                "accountId": call.account_id,
                "tracks": ["inbound"],
                "mediaFormat": {"encoding": coding, "sampleRate": sound.rate_hz},
            }
            headers = json.dumps(dict(call.parameters))
            return [self._text({"event": "start", "start": start, "extra_headers": headers})]
        else:
            start = {
                "stream_sid": call.stream_id,
                "call_sid": call.call_id,
                "account_sid": call.account_id,
                "from": call.caller,
                "to": call.called,
                "custom_parameters": dict(call.parameters),
                "media_format": {
                    "encoding": "audio/x-raw",
                    "sample_rate": "8000",
                    "bit_rate": "16",
                },
            }
            first = {"event": "connected"}
        return [
            self._text(first, numbered=False),
            self._text({"event": "start", "start": start}),
        ]

    def sound_in(self, data: bytes, at_ms: int) -> Frame:
        self._chunk += 1
        track = "inbound"
        payload = base64.b64encode(data).decode()
        numbers: dict[str, Any] = {"chunk": str(self._chunk), "timestamp": str(at_ms)}
        if self.name == "plivo":
            numbers = {"chunk": self._chunk, "timestamp": str(1_700_000_000_000 + at_ms)}
        return self._text(
            {"event": "media", "media": {"track": track, **numbers, "payload": payload}}
        )

    def skip(self, pieces: int) -> None:
        """So many pieces of the caller's sound are lost."""
        self._chunk += pieces

    def digit(self, key: str) -> Sequence[Frame]:
        dtmf: dict[str, Any] = {"digit": key}
        if self._twilio:
            dtmf["track"] = "inbound_track"
        if self.name == "exotel":
            dtmf["duration"] = "120"
        return [self._text({"event": "dtmf", "dtmf": dtmf})]

    def marks(self, names: Sequence[str], *, cleared: bool) -> Sequence[Frame]:
        if self.name == "plivo":
            return [self._text({"event": "playedStream", "name": name}) for name in names]
        return [self._text({"event": "mark", "mark": {"name": name}}) for name in names]

    def clearing(self) -> Sequence[Frame]:
        return [self._text({"event": "clearedAudio"})] if self.name == "plivo" else []

    def goodbye(self) -> Sequence[Frame]:
        ids = {"accountSid": self._call.account_id, "callSid": self._call.call_id}
        return [] if self.name == "plivo" else [self._text({"event": "stop", "stop": ids})]

    def read(self, frame: Frame) -> Sequence[Wish]:
        if isinstance(frame, bytes):
            return [Complaint("a binary message (warning 31950)")]
        message = json.loads(frame)
        event = message.get("event")
        if self.name != "telnyx":
            field = {"plivo": "streamId", "exotel": "stream_sid"}.get(self.name, "streamSid")
            if message.get(field) != self._call.stream_id:
                return [Complaint(f"{event}: no {field}")]
        if event == ("playAudio" if self.name == "plivo" else "media"):
            return self._media(message["media"])
        if event == ("checkpoint" if self.name == "plivo" else "mark"):
            name = message.get("name") if self.name == "plivo" else message["mark"].get("name")
            return [Mark(name)] if name else [Complaint("a mark without a name")]
        if event == ("clearAudio" if self.name == "plivo" else "clear"):
            return [Order("clear")]
        if event == "sendDTMF" and self.name == "plivo":
            return [Order("digits", message["dtmf"])]
        return [Complaint(f"unknown event {event!r} (error 31924)")]

    def _media(self, media: dict[str, Any]) -> Sequence[Wish]:
        data = base64.b64decode(media["payload"], validate=True)
        if not data or data.startswith(b"RIFF"):
            return [Complaint("media without a payload, or with a file's header")]
        if self.name == "plivo":
            told = (media.get("contentType"), media.get("sampleRate"))
            coding = "audio/x-mulaw" if self.sound.coding == "ulaw" else "audio/x-l16"
            if told != (coding, self.sound.rate_hz):
                return [Complaint(f"playAudio as {told}, on a line of {coding}")]
        return [Give(data)]

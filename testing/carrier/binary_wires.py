"""Vonage, jambonz and FreeSWITCH's mod_audio_stream: the service's side, by their documents.

Written from the wire facts, not from the codecs, so that the two can disagree.
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

JAMBONZ_MARKS = 30
"""So many may wait."""


class VonageWire(QuietWire):
    name = "vonage"
    buffer_ms = 1024 * 20.0

    def __init__(self, call: Call, sound: Sound | None = None) -> None:
        self.sound = sound or Sound("l16", 16_000)
        self._call = call
        self._content_type = f"audio/l16;rate={self.sound.rate_hz}"

    def hello(self) -> Sequence[Frame]:
        call = self._call
        headers = {"uuid": call.call_id, "caller": call.caller, "called": call.called}
        first = {"event": "websocket:connected", "content-type": self._content_type}
        return [json.dumps({**first, **headers, **call.parameters})]

    def sound_in(self, data: bytes, at_ms: int) -> Frame | None:
        return data

    def digit(self, key: str) -> Sequence[Frame]:
        return [json.dumps({"event": "websocket:dtmf", "digit": key, "duration": 260})]

    def marks(self, names: Sequence[str], *, cleared: bool) -> Sequence[Frame]:
        return [json.dumps({"event": "websocket:notify", "payload": json.loads(n)}) for n in names]

    def clearing(self) -> Sequence[Frame]:
        return [json.dumps({"event": "websocket:cleared"})]

    def read(self, frame: Frame) -> Sequence[Wish]:
        if isinstance(frame, bytes):
            if len(frame) != self.sound.frame_bytes:
                return [Complaint(f"{len(frame)} bytes are not 20 ms")]
            return [Give(frame)]
        message = json.loads(frame)
        match message.get("action"):
            case "clear":
                return [Order("clear")]
            case "notify" if isinstance(message.get("payload"), dict):
                return [Mark(json.dumps(message["payload"]))]
            case action:
                return [Complaint(f"unknown action {action!r}")]


class JambonzWire(QuietWire):
    name = "jambonz"
    buffer_ms = 2_000.0
    returns_marks = True

    def __init__(self, call: Call, sound: Sound | None = None) -> None:
        self.sound = sound or Sound("l16", 16_000)
        self._call = call
        self._waiting: set[str] = set()

    def hello(self) -> Sequence[Frame]:
        call = self._call
        attributes = {
            "callSid": call.call_id,
            "accountSid": call.account_id,
            "direction": "inbound",
            "from": call.caller,
            "to": call.called,
            "sampleRate": self.sound.rate_hz,
            "mixType": "mono",
        }
        return [json.dumps({**attributes, **call.parameters})]

    def sound_in(self, data: bytes, at_ms: int) -> Frame | None:
        return data

    def digit(self, key: str) -> Sequence[Frame]:
        return [json.dumps({"event": "dtmf", "dtmf": key, "duration": "1600"})]

    def marks(self, names: Sequence[str], *, cleared: bool) -> Sequence[Frame]:
        back = [name for name in names if name in self._waiting]
        self._waiting -= set(back)
        event = "cleared" if cleared else "playout"
        return [
            json.dumps({"type": "mark", "data": {"name": name, "event": event}}) for name in back
        ]

    def read(self, frame: Frame) -> Sequence[Wish]:
        if isinstance(frame, bytes):
            return [Give(frame)] if len(frame) % 2 == 0 else [Complaint("half a sample")]
        message = json.loads(frame)
        match message.get("type"):
            case "mark":
                name = message.get("data", {}).get("name")
                if not name:
                    return [Complaint("a mark without data.name")]
                if len(self._waiting) >= JAMBONZ_MARKS:
                    return [Complaint(f"more than {JAMBONZ_MARKS} marks")]
                self._waiting.add(name)
                return [Mark(name)]
            case "killAudio":
                return [Order("clear")]
            case "clearMarks":
                self._waiting.clear()
                return [Order("other", "clearMarks")]
            case "disconnect":
                return [Order("hang up")]
            case kind:
                return [Complaint(f"unknown type {kind!r}")]


class FreeswitchWire(QuietWire):
    name = "freeswitch"

    def __init__(self, call: Call, sound: Sound | None = None, *, out: str = "binary") -> None:
        self.sound = sound or Sound("l16", 16_000)
        self._call = call
        self._out = out

    def hello(self) -> Sequence[Frame]:
        call = self._call
        metadata = {"uuid": call.call_id, "caller": call.caller, "called": call.called}
        return [json.dumps({**metadata, **call.parameters})]

    def sound_in(self, data: bytes, at_ms: int) -> Frame | None:
        return data

    def read(self, frame: Frame) -> Sequence[Wish]:
        if isinstance(frame, bytes):
            if self._out != "binary" or len(frame) % 2:
                return [Complaint("a binary message to a build that takes none, or half a sample")]
            return [Give(frame)]
        message: dict[str, Any] = json.loads(frame)
        if message.get("type") == "killAudio":
            return [Order("clear")]
        if message.get("type") != "streamAudio" or self._out != "json":
            return [Complaint(f"unknown type {message.get('type')!r}")]
        data = message["data"]
        if (data.get("audioDataType"), data.get("sampleRate")) != ("raw", self.sound.rate_hz):
            return [Complaint("streamAudio of another format")]
        return [Give(base64.b64decode(data["audioData"], validate=True))]

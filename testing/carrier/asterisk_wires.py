"""Asterisk's chan_websocket and its AudioSocket: the service's side, as its source has it.

Written from the wire facts, not from the codecs, so that the two can disagree.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any

from ...protocol.dialect import Frame
from ...protocol.telephone.sound import Sound
from .ear import Ear
from .quiet_wire import QuietWire
from .wire import Call, Complaint, Give, Mark, Order, Wish

XOFF_FRAMES, XON_FRAMES, MOST_FRAMES = 900, 800, 1_000

TEXT_BYTES = 128


class AsteriskWire(QuietWire):
    """A shorter piece at the end of a bracket is filled up with silence, as until early 2026."""

    name = "asterisk"
    buffer_ms = MOST_FRAMES * 20.0

    def __init__(
        self, call: Call, sound: Sound | None = None, *, control: str = "json", form: str = "ulaw"
    ) -> None:
        self.sound = sound or Sound("ulaw", 8_000)
        self._form = form
        self._call = call
        self._json = control == "json"
        self._bulk = False
        self._rest = b""
        self._full = False

    def _told(self, event: str, plain: str = "", **more: Any) -> str:
        if self._json:
            return json.dumps({"event": event, "channel_id": self._call.call_id, **more})
        return f"{event} {plain}".rstrip()

    def hello(self) -> Sequence[Frame]:
        call, size = self._call, self.sound.frame_bytes
        plain = (
            f"connection_id:{call.stream_id} channel:WebSocket/conn1/0x1 "
            f"channel_id:{call.call_id} format:{self._form} optimal_frame_size:{size} ptime:20"
        )
        return [
            self._told(
                "MEDIA_START",
                plain,
                connection_id=call.stream_id,
                channel="WebSocket/conn1/0x1",
                format=self._form,
                optimal_frame_size=size,
                ptime=20,
                channel_variables=dict(call.parameters),
            )
        ]

    def sound_in(self, data: bytes, at_ms: int) -> Frame | None:
        return data

    def digit(self, key: str) -> Sequence[Frame]:
        return [self._told("DTMF_END", f"digit:{key} channel_id:{self._call.call_id}", digit=key)]

    def marks(self, names: Sequence[str], *, cleared: bool) -> Sequence[Frame]:
        found = (name.partition(" ") for name in names)
        return [self._told(event, value, correlation_id=value) for event, _, value in found]

    def status(self, ear: Ear) -> Sequence[Frame]:
        waiting = ear.waiting_pieces
        plain = (
            f"channel_id:{self._call.call_id} queue_length:{waiting} xon_level:{XON_FRAMES} "
            f"xoff_level:{XOFF_FRAMES} queue_full:false bulk_media:false media_paused:false"
        )
        return [self._told("STATUS", plain, queue_length=waiting, media_paused=ear.paused)]

    def after(self, ear: Ear) -> Sequence[Frame]:
        if not self._full and ear.waiting_pieces >= XOFF_FRAMES:
            self._full = True
            return [self._told("MEDIA_XOFF")]
        if self._full and ear.waiting_pieces < XON_FRAMES and not ear.paused:
            self._full = False
            return [self._told("MEDIA_XON")]
        return []

    def read(self, frame: Frame) -> Sequence[Wish]:
        if isinstance(frame, bytes):
            return self._media(frame)
        if len(frame.encode()) > TEXT_BYTES:
            return [Complaint(f"a text of more than {TEXT_BYTES} bytes")]
        name, _, value = frame.partition(" ")
        if self._json:
            message = json.loads(frame)
            name, value = message.get("command", ""), message.get("correlation_id", "")
        return self._command(name, value)

    def _media(self, data: bytes) -> Sequence[Wish]:
        if len(data) > 65_500:
            return [Complaint("a message too long"), Order("hang up")]
        size = self.sound.frame_bytes
        data = self._rest + data
        whole = len(data) // size * size
        rest, self._rest = data[whole:], data[whole:] if self._bulk else b""
        pieces: list[Wish] = [Give(data[at : at + size]) for at in range(0, whole, size)]
        if rest and not self._bulk:
            pieces.append(Complaint(f"{len(rest)} bytes outside of a bracket are lost"))
        return pieces

    def _command(self, name: str, value: str) -> Sequence[Wish]:
        match name:
            case "START_MEDIA_BUFFERING":
                self._bulk = True
                return []
            case "STOP_MEDIA_BUFFERING":
                rest, self._rest, self._bulk = self._rest, b"", False
                short: list[Wish] = []
                if rest:
                    lacking = self.sound.frame_bytes - len(rest)
                    short = [Give(rest + self.sound.silence * (lacking // self.sound.sample_bytes))]
                return [*short, Mark(f"MEDIA_BUFFERING_COMPLETED {value}".rstrip())]
            case "MARK_MEDIA":
                return [Mark(f"MEDIA_MARK_PROCESSED {value}")]
            case "FLUSH_MEDIA":
                self._rest, self._bulk = b"", False
                return [Order("clear")]
            case "PAUSE_MEDIA":
                return [Order("pause")]
            case "CONTINUE_MEDIA":
                return [Order("continue")]
            case "GET_STATUS":
                return [Order("status")]
            case "HANGUP":
                return [Order("hang up")]
            case "ANSWER" | "REPORT_QUEUE_DRAINED":
                return [Order("other", name)]
        return [Complaint(f"unknown command {name!r}")]


class AudioSocketWire(QuietWire):
    """Asterisk keeps nothing; what comes too early waits in the jitter buffer of the telephone."""

    name = "audiosocket"
    buffer_ms = 200.0

    def __init__(self, call: Call, sound: Sound | None = None, *, kind: int = 0x10) -> None:
        self.sound = sound or Sound("l16", 8_000)
        self._kind = kind
        self._id = uuid.uuid5(uuid.NAMESPACE_OID, call.call_id)

    @staticmethod
    def _frame(kind: int, payload: bytes = b"") -> bytes:
        return bytes([kind, len(payload) >> 8, len(payload) & 255]) + payload

    def hello(self) -> Sequence[Frame]:
        return [self._frame(0x01, self._id.bytes)]

    def sound_in(self, data: bytes, at_ms: int) -> Frame | None:
        return self._frame(self._kind, data)

    def digit(self, key: str) -> Sequence[Frame]:
        return [self._frame(0x03, key.encode())]

    def goodbye(self) -> Sequence[Frame]:
        return [self._frame(0x00)]

    def read(self, frame: Frame) -> Sequence[Wish]:
        if isinstance(frame, str) or len(frame) < 3:
            return [Complaint("no frame of AudioSocket"), Order("hang up")]
        kind, length, payload = frame[0], frame[1] << 8 | frame[2], frame[3:]
        if length != len(payload):
            return [Complaint(f"a length of {length}, and {len(payload)} bytes"), Order("hang up")]
        if kind == 0x00:
            return [Order("hang up")]
        if kind != self._kind or not payload:
            return [Complaint(f"kind {kind:#x} with {length} bytes"), Order("hang up")]
        return [Give(payload)]

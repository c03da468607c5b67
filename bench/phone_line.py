"""The carrier's side of one call, as cheap as it can be: frames made beforehand, and a WebSocket by
hand, since a hundred of them share one core.

It speaks as Twilio does. It plays what comes as a carrier does, at once and in order, and gives
marks back when they are reached.
"""

from __future__ import annotations

import base64
import json
import math
import struct
import sys
from collections import deque
from collections.abc import Iterator

import trio

from ..audio import g711

FRAME_MS = 20
SAMPLES = g711.RATE_HZ * FRAME_MS // 1000

STREAM = "MZ0123456789abcdef0123456789abcdef"
SPEECH_LEVEL = 8_000

_AUDIO = b'"payload":"'
_MARK = b'"mark":{"name":"'
_CLEAR = b'"event":"clear"'

GAP_S = 0.005
"""A player's own buffer hides less than this."""

NEW_REPLY_S = 1.0
"""A silence so long is not within a reply."""


def _text(message: str) -> bytes:
    """A client's text frame. Its mask is zero, so that it can be made beforehand."""
    data = message.encode()
    if len(data) < 126:
        return struct.pack("!BB4x", 0x81, 0x80 | len(data)) + data
    return struct.pack("!BBH4x", 0x81, 0x80 | 126, len(data)) + data


def _media(level: int, number: int) -> bytes:
    pcm16 = level.to_bytes(2, "little", signed=True) * SAMPLES
    payload = base64.b64encode(g711.encode(pcm16, "ulaw")).decode()
    media = {
        "track": "inbound",
        "chunk": str(number),
        "timestamp": str(number * FRAME_MS),
        "payload": payload,
    }
    message = {"event": "media", "sequenceNumber": str(number), "media": media, "streamSid": STREAM}
    return _text(json.dumps(message))


class PhoneLine:
    """One call. What was seen is counted while `counting`. Who is silent never speaks."""

    def __init__(self, stream: trio.abc.Stream, number: int, *, silent: bool = False) -> None:
        self._stream = stream
        self._number = number
        self._chunk = 0
        self._left = b""
        self._marks: deque[tuple[float, str]] = deque()
        self._played_until_s = -math.inf
        self._speech_until = 0
        self._speaks_from = sys.maxsize if silent else 50 + number * 7 % 100
        self.counting = False
        self.frames_in = 0
        self.speech_frames = 0
        self.sent_bytes = 0
        self.heard_bytes = 0
        """Of WebSocket frames in both directions."""
        self.heard_messages = 0
        self.reply_s = 0.0
        self.gaps_s: list[float] = []
        self.late_s: list[float] = []
        """By how much our own frames left too late."""
        self.replies = 0
        self.said = 0
        self.first_audio_s: list[float] = []
        self._said_s = math.inf

    async def open(self, host: str, path: str) -> None:
        """The handshake and the call's first messages. Raises ConnectionError."""
        key = base64.b64encode(bytes(16)).decode()
        request = (
            f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
        )
        await self._stream.send_all(request.encode())
        head = b""
        while b"\r\n\r\n" not in head:
            data = await self._stream.receive_some()
            if not data:
                raise ConnectionError("the server hung up")
            head += data
        if b" 101 " not in head.split(b"\r\n", 1)[0]:
            raise ConnectionError(head.decode(errors="replace")[:300])
        self._left = head.split(b"\r\n\r\n", 1)[1]
        start = {
            "streamSid": STREAM,
            "accountSid": "AC1",
            "callSid": f"CA{self._number}",
            "tracks": ["inbound"],
            "customParameters": {},
            "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        }
        hello = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
        begin = {"event": "start", "sequenceNumber": "1", "streamSid": STREAM, "start": start}
        await self._stream.send_all(_text(json.dumps(hello)) + _text(json.dumps(begin)))

    async def speak(self) -> None:
        """A frame every 20 ms: two seconds of speech, then quiet until the reply was heard."""
        began_s = trio.current_time()
        while True:
            self._chunk += 1
            due_s = began_s + self._chunk * FRAME_MS / 1000
            await trio.sleep_until(due_s)
            now_s = trio.current_time()
            if self.counting:
                self.late_s.append(now_s - due_s)
            frames = self._frames(now_s)
            self.sent_bytes += len(frames) * self.counting
            try:
                await self._stream.send_all(frames)
            except trio.BrokenResourceError:
                raise ConnectionError("the server hung up") from None

    def _frames(self, now_s: float) -> bytes:
        speaks = self._speaks_from <= self._chunk < self._speaks_from + 100
        self.speech_frames += speaks and self.counting
        if self._chunk == self._speaks_from + 100:
            self.said += self.counting
            self._said_s = now_s
        frames = _media(SPEECH_LEVEL if speaks else 0, self._chunk)
        while self._marks and self._marks[0][0] <= now_s:
            name = self._marks.popleft()[1]
            mark = {"event": "mark", "streamSid": STREAM, "mark": {"name": name}}
            frames += _text(json.dumps(mark))
        if self._chunk > self._speaks_from + 100 and self._said_s == math.inf and not self._marks:
            self._speaks_from = self._chunk + 30 + self._number % 20
        return frames

    async def listen(self) -> None:
        """Play what comes."""
        while True:
            for message in self._messages():
                self._heard(message, trio.current_time())
            try:
                data = await self._stream.receive_some(65_536)
            except trio.BrokenResourceError:
                data = b""
            if not data:
                raise ConnectionError("the server hung up")
            self._left += data
            self.heard_bytes += len(data) * self.counting

    def _messages(self) -> Iterator[bytes]:
        left, at = self._left, 0
        while len(left) - at >= 2:
            length, head = left[at + 1] & 127, 2
            if length == 126:
                if len(left) - at < 4:
                    break
                length, head = int.from_bytes(left[at + 2 : at + 4], "big"), 4
            if len(left) - at < head + length:
                break
            if left[at] == 0x81:
                yield left[at + head : at + head + length]
            at += head + length
        self._left = left[at:]

    def _heard(self, message: bytes, now_s: float) -> None:
        self.heard_messages += self.counting
        if (begin := message.find(_AUDIO)) >= 0:
            begin += len(_AUDIO)
            payload = message.index(b'"', begin) - begin
            length_s = payload * 3 // 4 / g711.RATE_HZ
            silent_s = now_s - self._played_until_s
            if silent_s > NEW_REPLY_S:
                self.replies += self.counting
                if self.counting and self._said_s < math.inf:
                    self.first_audio_s.append(now_s - self._said_s)
                self._said_s = math.inf
            elif silent_s > GAP_S and self.counting:
                self.gaps_s.append(silent_s)
            self.frames_in += self.counting
            self.reply_s += length_s * self.counting
            self._played_until_s = max(self._played_until_s, now_s) + length_s
        elif (begin := message.find(_MARK)) >= 0:
            begin += len(_MARK)
            name = message[begin : message.index(b'"', begin)].decode()
            self._marks.append((self._played_until_s, name))
        elif _CLEAR in message:
            self._played_until_s = now_s
            self._marks = deque((now_s, name) for _, name in self._marks)

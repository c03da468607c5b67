"""A connection in dialect D that looks like one in dialect C to a measurement: the same scripts put
the same figures beside each other.

Translated is what measurements say and look at: audio and typed words out, audio, `barge_in` and
`tts_complete` in. Everything else comes as it is.
"""

from __future__ import annotations

import base64
import json

from .realtime import RealtimeEnd
from .tongue import Tongue
from .wire import Wire

INTERRUPTED, COMPLETE = '{"type":"barge_in"}', '{"type":"tts_complete"}'


class AsNewSpeech:
    """A Wire over another Wire, whose server speaks dialect D. `open` it first."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._end = RealtimeEnd()
        self._tongue = Tongue("realtime")

    async def open(self) -> None:
        for frame in self._end.opening(self._end.rate_hz):
            await self._wire.send(frame)

    async def send(self, frame: str | bytes) -> None:
        """PCM16 at 24 kHz, or dialect C's typed words. Raises WireClosed."""
        if isinstance(frame, bytes):
            await self._wire.send(self._end.audio(frame))
            return
        for said in self._tongue.typed(json.loads(frame)["content"]):
            await self._wire.send(said)

    async def receive(self) -> str | bytes:
        frame = await self._wire.receive()
        event = json.loads(frame)
        match event["type"]:
            case "response.output_audio.delta":
                return base64.b64decode(event["delta"])
            case "response.done":
                cut = event["response"]["status"] == "cancelled"
                return INTERRUPTED if cut else COMPLETE
            case _:
                return frame

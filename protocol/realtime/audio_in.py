"""The audio that a client appends: decoded, measured, and the newest of it kept for whoever asks
for an item with its sound."""

from __future__ import annotations

import base64
import binascii
from collections import deque
from typing import Any

from ...audio import g711
from ...audio.client_sound import ClientSound, Refused
from ..codes import Breach
from ..commands import Audio, Command, GiveAudio, Remark, StartListening
from .problem import Problem
from .session_config import G711_RATE_HZ, PCM_RATE_HZ

MAX_APPEND_BYTES = 15 * 1024 * 1024
"""Source: OpenAI's reference, input_audio_buffer.append."""
LEAST_COMMIT_MS = 100
"""Less than that is no utterance. Source: what OpenAI's server refuses."""
GIVEN_MAX_MS = 60_000
"""The longest sound of an item."""
KEPT_MS = 12_000
"""So much of the newest audio is kept."""

_LAWS: dict[str, g711.Law] = {"audio/pcmu": "ulaw", "audio/pcma": "alaw"}


def from_base64(text: str, param: str) -> bytes:
    """Raises Problem."""
    if len(text) > MAX_APPEND_BYTES * 4 // 3 + 4:
        what = f"{param}: {MAX_APPEND_BYTES} bytes of audio are the most"
        raise Problem("audio_too_large", what, param)
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Problem("invalid_base64", f"{param}: this is no base64: {error}", param) from None


class AudioIn:
    """Of one session. Positions are milliseconds of audio since it began."""

    def __init__(self) -> None:
        self.total_bytes = 0
        """As PCM16 at the newest rate."""
        self.total_ms = 0.0
        self.pending_ms = 0.0
        """Appended since the last utterance was committed or the buffer cleared."""
        self._rate_hz = 0
        self._sound = ClientSound()
        self._kept: deque[tuple[float, int, bytes]] = deque()

    def append(self, data: bytes, kind: str, pcm_rate_hz: int = PCM_RATE_HZ) -> list[Command]:
        """What audio of this format means to the session. Raises Problem, once for each thing that
        is no sound."""
        commands: list[Command] = []
        if kind == "audio/pcm":
            try:
                pcm16 = self._sound.push(data)
            except Refused as refused:
                if refused.told:
                    return [Remark(breach=Breach.FOREIGN_AUDIO)]
                raise Problem(
                    "invalid_audio_format", f"audio: {refused.message}", "audio"
                ) from None
            rate_hz = self._sound.rate_hz or pcm_rate_hz
        else:
            pcm16, rate_hz = g711.decode(data, _LAWS[kind]), G711_RATE_HZ
        if pcm16 and rate_hz != self._rate_hz:
            self._rate_hz = rate_hz
            commands.append(StartListening(rate_hz=rate_hz))
        if pcm16:
            self._keep(pcm16)
            commands.append(Audio(pcm16))
        return commands

    def given(
        self,
        item_id: str,
        data: bytes,
        kind: str,
        after: str | None,
        ref: str,
        *,
        pcm_rate_hz: int = PCM_RATE_HZ,
    ) -> GiveAudio:
        """The sound of an item, in the format of the session. Raises Problem."""
        if kind == "audio/pcm":
            sound = ClientSound()
            try:
                pcm16 = sound.push(data)
            except Refused as refused:
                what = f"item.content[0].audio: {refused.message}"
                raise Problem("invalid_audio_format", what, "item.content[0].audio") from None
            rate_hz = sound.rate_hz or pcm_rate_hz
        else:
            pcm16, rate_hz = g711.decode(data, _LAWS[kind]), G711_RATE_HZ
        ms = len(pcm16) / 2 * 1000 / rate_hz
        if not LEAST_COMMIT_MS <= ms <= GIVEN_MAX_MS:
            what = (
                f"the sound of an item lasts {LEAST_COMMIT_MS} to {GIVEN_MAX_MS} ms, not {ms:.0f}"
            )
            raise Problem("invalid_value", what, "item.content[0].audio")
        return GiveAudio(pcm16=pcm16, rate_hz=rate_hz, id=item_id, after=after, ref=ref)

    def _keep(self, pcm16: bytes) -> None:
        ms = len(pcm16) / 2 * 1000 / self._rate_hz
        self._kept.append((self.total_ms, self._rate_hz, pcm16))
        self.total_ms += ms
        self.pending_ms += ms
        while self._kept and self.total_ms - self._kept[0][0] > KEPT_MS + ms:
            self._kept.popleft()

    def check_commit(self) -> None:
        """Raises Problem where there is nothing to commit."""
        if self.pending_ms < LEAST_COMMIT_MS:
            raise Problem(
                "input_audio_buffer_commit_empty",
                f"the buffer holds {self.pending_ms:.2f} ms of audio; {LEAST_COMMIT_MS} ms are "
                "the least that can be committed",
            )
        self.pending_ms = 0.0
        if self._sound.is_refused:
            self.begin()

    def clear(self) -> None:
        self.pending_ms = 0.0
        self.begin()

    def begin(self) -> None:
        """What comes next is other sound: looked at anew."""
        self._sound.begin()

    def between(self, from_ms: float, to_ms: float) -> bytes:
        """PCM16 of the newest rate; empty where it is not all kept."""
        if not self._kept or self._kept[0][0] > from_ms:
            return b""
        pieces = []
        for begin_ms, rate_hz, pcm16 in self._kept:
            first = max(0, round((from_ms - begin_ms) * rate_hz / 1000)) * 2
            last = max(0, round((to_ms - begin_ms) * rate_hz / 1000)) * 2
            if rate_hz == self._rate_hz and first < last:
                pieces.append(pcm16[first:last])
        return b"".join(pieces)


def in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def whole_usage(seconds: float) -> dict[str, Any]:
    """What a transcription has cost, in the unit that costs here."""
    return {"type": "duration", "seconds": round(seconds, 3)}

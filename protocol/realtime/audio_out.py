"""Reply audio in the format that the client wants, and the newest of it kept for whoever asks for
an item with its sound."""

from __future__ import annotations

from ...audio import g711
from ...audio.resampler import Resampler
from .session_config import G711_RATE_HZ, PCM_RATE_HZ

KEPT_BYTES = 12 * PCM_RATE_HZ * 2
"""Of a reply that is longer, no sound is kept: half of it would be taken for all."""

_LAWS: dict[str, g711.Law] = {"audio/pcmu": "ulaw", "audio/pcma": "alaw"}


class AudioOut:
    """Of one reply."""

    def __init__(self, kind: str) -> None:
        self._law = _LAWS.get(kind)
        self._resampler = Resampler(PCM_RATE_HZ, G711_RATE_HZ) if self._law else None
        self.ms = 0.0
        self._whole = True
        self.kept = bytearray()
        """In the client's format."""

    def take(self, pcm16: bytes) -> bytes:
        """A piece of PCM16 at 24 kHz, as the client gets it; it may come with a later one."""
        self.ms += len(pcm16) / 2 * 1000 / PCM_RATE_HZ
        return self._keep(self._made(pcm16))

    def rest(self) -> bytes:
        """What is left at the reply's end."""
        if self._resampler is None or self._law is None:
            return b""
        rest, self._resampler = g711.encode(self._resampler.flush(), self._law), None
        return self._keep(rest)

    def cut(self, ms: float) -> None:
        """No more of it than this was heard."""
        per_ms = G711_RATE_HZ // 1000 if self._law else PCM_RATE_HZ * 2 // 1000
        del self.kept[int(ms) * per_ms :]

    def _made(self, pcm16: bytes) -> bytes:
        if self._law is None or self._resampler is None:
            return pcm16
        return g711.encode(self._resampler.push(pcm16), self._law)

    def _keep(self, data: bytes) -> bytes:
        self._whole = self._whole and len(self.kept) + len(data) <= KEPT_BYTES
        if self._whole:
            self.kept += data
        else:
            self.kept.clear()
        return data

"""Audio that comes while the microphone is closed, in dialects where audio opens it by itself.

A client's last frames cross its stop on their way. They must not open the microphone again, and
whoever goes on sending after a stop must not lose a word. So what comes after a stop is held until
it is more than could have crossed; then all of it is heard.
"""

from __future__ import annotations

from dataclasses import dataclass, field

HELD_MS = 500
"""Clients send 100 to 200 ms a frame, and two or three frames may cross a stop."""


@dataclass(slots=True)
class LateAudio:
    """Fed with what comes while the microphone is closed."""

    _stopped: bool = False
    """Whether there was a stop that audio may have crossed."""
    _held: bytearray = field(default_factory=bytearray)

    def push(self, pcm16: bytes, rate_hz: int) -> bytes:
        """Take a frame of PCM16 mono. Returns what is to be heard now, with which the microphone
        opens; empty where it stays closed."""
        self._held += pcm16
        if self._stopped and len(self._held) <= HELD_MS * rate_hz * 2 // 1000:
            return b""
        heard = bytes(self._held)
        self._held.clear()
        return heard

    def stop(self) -> bool:
        """The client closed the microphone: what is held is left out. True where there was some."""
        self._stopped = True
        return self.leave_out()

    def leave_out(self) -> bool:
        """Forget what is held. True where there was some."""
        some = bool(self._held)
        self._held.clear()
        return some

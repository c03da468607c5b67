"""The detector for tests: exact, without memory. Build audio of zeros and of loud samples."""

from __future__ import annotations

from array import array


class ScriptedDetector:
    """A frame is speech if and only if its peak reaches `level` (of 32,767)."""

    rate_hz = 16_000

    def __init__(self, *, level: int = 1000, frame_ms: int = 20) -> None:
        self.frame_samples = self.rate_hz * frame_ms // 1000
        self._level = level
        self.frames = 0
        """Frames that it judged since the start or the last reset."""

    def is_speech(self, pcm16: bytes) -> bool:
        if len(pcm16) != 2 * self.frame_samples:
            raise ValueError(f"a frame has {2 * self.frame_samples} bytes, not {len(pcm16)}")
        self.frames += 1
        samples = array("h", pcm16)
        return max(max(samples), -min(samples)) >= self._level

    def reset(self) -> None:
        self.frames = 0

"""Dialect C's energy detector, for embedders: audio of any length in, callbacks out.

The rules, and their limit, stand in newspeech.py. Pure and synchronous: no I/O, no clock, time is
counted in samples. It never fails; what a callback raises comes out of `push`.
"""

from __future__ import annotations

from collections.abc import Callable

from .energy import level_dbfs
from .newspeech import FRAME_MS, NoiseFloor


class BargeInDetector:
    """`push` PCM16 mono at `rate_hz`; hear of speech by callback, in the order of the audio.

    `on_speech(db)` once a sound has had `min_speech_ms` over the threshold, with the level that
    made it certain; `on_speech_end(ms)` when it is over, with its length from the first to the last
    frame over the threshold; `on_energy(db, threshold)` for every frame, with the threshold it was
    judged by. dB are of full scale. Bad parameters are ValueErrors.
    """

    def __init__(
        self,
        *,
        rate_hz: int = 24_000,
        sensitivity: float = 0.6,
        min_speech_ms: int = 300,
        on_speech: Callable[[float], None] | None = None,
        on_speech_end: Callable[[int], None] | None = None,
        on_energy: Callable[[float, float], None] | None = None,
    ) -> None:
        if rate_hz <= 0 or rate_hz * FRAME_MS % 1000:
            raise ValueError(f"the rate must give whole frames of {FRAME_MS} ms, not {rate_hz} Hz")
        if min_speech_ms < 0:
            raise ValueError(f"the least speech is no negative time: {min_speech_ms} ms")
        self.rate_hz = rate_hz
        self.frame_samples = rate_hz * FRAME_MS // 1000
        self._floor = NoiseFloor(sensitivity)
        self._min_speech_ms = min_speech_ms
        self._on_speech = on_speech
        self._on_speech_end = on_speech_end
        self._on_energy = on_energy
        self.reset()

    def push(self, pcm16: bytes) -> None:
        """Take the stream's next bytes. What fills no frame, half a sample even, waits."""
        self._rest += pcm16
        size = 2 * self.frame_samples
        while len(self._rest) >= size:
            frame = bytes(self._rest[:size])
            del self._rest[:size]
            self._frame(level_dbfs(frame))

    def reset(self) -> None:
        """Begin anew, without any callback. A callback may call this; the rest of the push is
        then dropped."""
        self._rest = bytearray()
        self._floor.reset()
        self.energy_db: float | None = None
        self._end_sound()

    @property
    def noise_floor_db(self) -> float:
        return self._floor.db

    @property
    def threshold_db(self) -> float:
        return self._floor.threshold_db

    @property
    def speaking(self) -> bool:
        """Whether there is speech: between `on_speech` and `on_speech_end`."""
        return self._speaking

    def status(self) -> dict[str, float | bool | None]:
        """All of it in one dict that JSON can carry. `energy_db` is None before the first frame."""
        return {
            "speaking": self._speaking,
            "speech_ms": self._last_loud_ms if self._speaking else 0,
            "energy_db": self.energy_db,
            "noise_floor_db": self.noise_floor_db,
            "threshold_db": self.threshold_db,
            "sensitivity": self._floor.sensitivity,
            "min_speech_ms": self._min_speech_ms,
            "rate_hz": self.rate_hz,
        }

    def _frame(self, db: float) -> None:
        threshold = self.threshold_db
        self.energy_db = db
        began, ended_ms = False, None
        in_sound = self._floor.in_sound
        if self._floor.is_loud(db):
            self._sound_ms += FRAME_MS
            self._loud_ms += FRAME_MS
            self._last_loud_ms = self._sound_ms
            began = not self._speaking and self._loud_ms >= self._min_speech_ms
            self._speaking |= began
        elif in_sound:
            self._sound_ms += FRAME_MS
            if not self._floor.in_sound:
                ended_ms = self._last_loud_ms if self._speaking else None
                self._end_sound()
        # Told last: a callback sees the state after the frame, and may reset it.
        if self._on_energy:
            self._on_energy(db, threshold)
        if began and self._on_speech:
            self._on_speech(db)
        if ended_ms is not None and self._on_speech_end:
            self._on_speech_end(ended_ms)

    def _end_sound(self) -> None:
        self._speaking = False
        self._sound_ms = 0  # since the first loud frame
        self._loud_ms = 0  # of these over the threshold
        self._last_loud_ms = 0  # where the last loud frame ended

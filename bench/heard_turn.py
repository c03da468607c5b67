"""A recorded turn as the server hears it, kept on disk: the detector's verdicts, and what the
recognizer and Smart Turn say of the silences that were asked about.

So the same turn can be gone through again with other rules in a moment: only a silence that nobody
has met before, because an utterance began elsewhere, costs a decode.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..audio.pcm import BYTES_PER_MS
from ..engines.asr import moonshine_worker as moonshine
from ..engines.asr.moonshine import ready_moonshine
from ..engines.turn import smart_turn_worker as smart_turn
from ..engines.turn.interface import HEARD_S
from ..engines.vad.interface import Detector

TAIL_S = 6.0
"""The recognizer looks at so much of the newest audio: only the last words count here, and where an
utterance began long ago must not make the same silence another one."""
QUIET_MS = 3000
"""Of silence behind the recording."""
SHORTEST_FRAMES = 2
"""A single frame is no end of speech."""


@dataclass(slots=True, kw_only=True)
class HeardTurn:
    """`pcm16` at 16 kHz, with silence behind it; times are milliseconds of it."""

    name: str
    pcm16: bytes
    frame_ms: int
    voiced: str
    """A detector's verdict on each frame, "1" for speech."""
    texts: dict[str, str] = field(default_factory=dict)
    sounds: dict[str, float] = field(default_factory=dict)
    file: Path | None = None
    _changed: bool = field(default=True, init=False)

    @property
    def end_ms(self) -> int:
        """Where the person has finished: behind the last speech."""
        last = self.voiced.rfind("1" * SHORTEST_FRAMES)
        return (last + SHORTEST_FRAMES) * self.frame_ms if last >= 0 else 0

    def text(self, from_ms: int, to_ms: int) -> str:
        """What the recognizer makes of this part."""
        from_ms = max(from_ms, to_ms - int(TAIL_S * 1000))
        key = f"{from_ms}-{to_ms}"
        if key not in self.texts:
            (decoded,) = moonshine.decode([moonshine.Pass(pcm16=self._part(from_ms, to_ms))])
            self.texts[key] = decoded.text
            self._changed = True
        return self.texts[key]

    def sound(self, from_ms: int, to_ms: int) -> float:
        """How likely Smart Turn takes it for a turn that is over."""
        from_ms = max(from_ms, to_ms - int(HEARD_S * 1000))
        key = f"{from_ms}-{to_ms}"
        if key not in self.sounds:
            self.sounds[key] = smart_turn.likelihood(self._part(from_ms, to_ms))
            self._changed = True
        return self.sounds[key]

    def _part(self, from_ms: int, to_ms: int) -> bytes:
        return self.pcm16[from_ms * BYTES_PER_MS : to_ms * BYTES_PER_MS]

    def keep(self) -> None:
        """Write what was found out since the last time."""
        if self._changed and self.file is not None:
            kept = {"voiced": self.voiced, "texts": self.texts, "sounds": self.sounds}
            self.file.write_text(json.dumps(kept), encoding="utf-8")
            self._changed = False


def heard_turn(
    name: str, pcm16: bytes, detector: Detector, detector_name: str, kept: Path
) -> HeardTurn:
    """The turn, with what is known of it in the folder `kept`."""
    pcm16 += bytes(QUIET_MS * BYTES_PER_MS)
    frame_ms = detector.frame_samples * 1000 // detector.rate_hz
    digest = hashlib.sha256(pcm16).hexdigest()[:24]
    file = kept / f"{digest}-{detector_name}.json"
    known: dict[str, Any] = {}
    # Nothing, or a write that was cut off: it is found out again.
    with contextlib.suppress(OSError, ValueError):
        known = json.loads(file.read_text(encoding="utf-8"))
    voiced = known.get("voiced")
    if not isinstance(voiced, str):
        known, voiced = {}, _voiced(pcm16, detector)
    return HeardTurn(
        name=name,
        pcm16=pcm16,
        frame_ms=frame_ms,
        voiced=voiced,
        texts=known.get("texts", {}),
        sounds=known.get("sounds", {}),
        file=file,
    )


def _voiced(pcm16: bytes, detector: Detector) -> str:
    step = detector.frame_samples * 2
    detector.reset()
    ends = range(0, len(pcm16) - step + 1, step)
    return "".join("01"[detector.is_speech(pcm16[at : at + step])] for at in ends)


def load_engines(models_dir: str | None, smart_turn_model: str | None) -> None:
    """In this process. Raises ModelProblem, EngineFailure."""
    moonshine.load(str(ready_moonshine(None, models_dir)), threads=1)
    if smart_turn_model is not None:
        smart_turn.load(smart_turn_model)

"""The silences of a turn, as the server would meet them: detector, endpointer and recognizer, frame
by frame and in this process, without an end ever being decided.

What an engine thinks of a silence does not depend on what was decided at an earlier one, as long as
the turn was not cut: so each is asked once, and any windows can be tried on the answers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from ..audio.pcm import BYTES_PER_MS
from ..conversation.endpointer import Edge, Endpointer, EndpointerSettings
from ..engines.asr import pocketsphinx_worker as sphinx
from ..engines.turn.interface import HEARD_S, Pause
from ..engines.vad.interface import Detector

NEVER_MS = 3_600_000
HEARD_BYTES = int(HEARD_S * 1000) * BYTES_PER_MS
CALL = "turn"


@dataclass(slots=True, kw_only=True)
class Silence:
    """`heard` is what an engine is given. `counted_ms`: when, in ms of the turn's audio, each of
    its silent frames was counted, until speech went on or the audio ended."""

    heard: Pause
    counted_ms: list[float] = field(default_factory=list)

    def ends_turn_ms(self, window_ms: float, frame_ms: int) -> float | None:
        """When so long a silence would have ended the turn; None where it was shorter."""
        frame = -(-round(window_ms) // frame_ms) - 1
        return self.counted_ms[frame] if frame < len(self.counted_ms) else None


def silences_in(pcm16: bytes, detector: Detector, *, pause_ms: int, pad_ms: int) -> list[Silence]:
    """Those that last `pause_ms`, as they come. The recognizer is asked for its final text at each,
    as if the utterance were over; it hears `pad_ms` of what came before the onset. Needs
    `pocketsphinx_worker.load` to have been called. Raises EngineFailure."""
    frame_ms = detector.frame_samples * 1000 // detector.rate_hz
    endpointer = Endpointer(
        EndpointerSettings(
            frame_ms=frame_ms,
            silence_ms=NEVER_MS,
            min_speech_ms=0,
            max_utterance_ms=NEVER_MS,
            pause_ms=pause_ms,
        )
    )
    detector.reset()
    step = frame_ms * BYTES_PER_MS
    found: list[Silence] = []
    counted_ms: list[float] = []
    first: int | None = None
    try:
        for end in range(step, len(pcm16) + 1, step):
            frame = pcm16[end - step : end]
            edge = endpointer.push(detector.is_speech(frame))
            if edge is Edge.ONSET:
                first = max(0, end - (endpointer.onset_ms + pad_ms) * BYTES_PER_MS)
                sphinx.begin(CALL, sphinx.START_CMN)
                sphinx.feed(CALL, pcm16[first:end])
            elif first is not None:
                sphinx.feed(CALL, frame)
            if not endpointer.silent_ms:
                counted_ms = []
            elif endpointer.silent_ms > len(counted_ms) * frame_ms:
                counted_ms.append(end / BYTES_PER_MS)
            if edge is Edge.PAUSE and first is not None:
                text = sphinx.conclude(CALL)[0]
                heard = Pause(text=text, pcm16=pcm16[max(first, end - HEARD_BYTES) : end])
                found.append(Silence(heard=heard, counted_ms=counted_ms))
    finally:
        sphinx.release(CALL)
    return found

"""A detector says of one short frame whether it is speech. What follows from that is the
endpointer's business."""

from __future__ import annotations

from typing import Protocol, runtime_checkable


class Detector(Protocol):
    """One detector per session. It may keep state between frames.

    `rate_hz` is the sample rate it wants and `frame_samples` the exact length of a frame.
    """

    rate_hz: int
    frame_samples: int

    def is_speech(self, pcm16: bytes) -> bool:
        """Judge one frame: PCM16 little-endian mono, exactly `frame_samples` samples long."""
        ...

    def reset(self) -> None:
        """Forget what was learned of the stream so far."""
        ...


@runtime_checkable
class Tunable(Protocol):
    """What a detector may be besides: one that is told how sure it has to be."""

    def tune(self, threshold: float | None) -> None:
        """The probability from which a frame is speech, 0 to 1; None: as the detector was made."""
        ...

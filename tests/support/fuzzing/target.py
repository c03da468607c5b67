"""What a fuzz target is, and how the time of one input is measured.

A target is a plain function: bytes in, nothing out. What it raises is a finding, since it catches
what the code under it documents. It is run by hypothesis in the suite and by atheris in
`make fuzz`, from the same seeds.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

SLOW_S = 0.05
"""No input of a few kilobytes may take more CPU time than this."""
ATTEMPTS = 3
"""A slow input is measured so often, and the fastest counts: a collection of garbage is no fault
of the input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """`seeds` are whole valid inputs, `words` are what mutations put into them. `max_bytes` bounds
    an input. `least_runs` is how many executions `make fuzz` asks for."""

    name: str
    run: Callable[[bytes], object]
    seeds: Sequence[bytes]
    words: Sequence[bytes] = ()
    max_bytes: int = 4096
    least_runs: int = 1_000_000
    kept: Sequence[bytes] = ()
    """Inputs that were findings once. They are run first, always."""


@dataclass(slots=True)
class Slowest:
    """The input that took the most CPU time, of those that `run` was given."""

    seconds: float = 0.0
    data: bytes = b""
    runs: int = 0
    told: Callable[[Slowest], object] | None = field(default=None, repr=False)
    """Called with each new slowest one."""

    def run(self, target: Target, data: bytes) -> None:
        """Run one input and measure it. What the target raises comes out."""
        took_s = cpu_seconds(target, data)
        self.runs += 1
        if took_s <= max(self.seconds, SLOW_S / 50):
            return
        took_s = min(took_s, *(cpu_seconds(target, data) for _ in range(ATTEMPTS - 1)))
        if took_s > self.seconds:
            self.seconds, self.data = took_s, data
            if self.told is not None:
                self.told(self)


def cpu_seconds(target: Target, data: bytes) -> float:
    """What one execution takes of this thread's CPU time."""
    began_s = time.thread_time()
    target.run(data)
    return time.thread_time() - began_s


FRAME = b"\x1e"
"""Between the frames of an input: a control character that no JSON text holds."""
BINARY = b"\x1f"
"""What a binary frame begins with."""


def frames_of(data: bytes) -> Iterator[str | bytes]:
    """An input as WebSocket messages. The WebSocket layer lets no text through that is not
    UTF-8."""
    for piece in data.split(FRAME):
        if piece.startswith(BINARY):
            yield piece[1:]
        else:
            yield piece.decode("utf-8", "ignore")


def joined(frames: Sequence[str | bytes]) -> bytes:
    """Frames as one input; the inverse of `frames_of` where no frame holds FRAME."""
    return FRAME.join(
        frame.encode() if isinstance(frame, str) else BINARY + frame for frame in frames
    )


def pieces_of(data: bytes) -> list[bytes]:
    """An input in the pieces in which it might arrive. They depend on the input alone, so that
    each finding can be repeated."""
    if not data:
        return []
    step = 1 + data[len(data) // 2] % 61
    return [data[at : at + step] for at in range(0, len(data), step)]

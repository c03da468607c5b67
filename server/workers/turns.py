"""Which of several workers accepts the next connection. No I/O, no clock.

All wait for connections at one listening socket. Who has least to do takes the next one at once;
who is busier leaves it to the others for a moment, and one that lets nobody in leaves it to those
that do for as long as there are any. So long conversations are shared evenly, where the kernel
alone would give most to whoever wakes first.
"""

from __future__ import annotations

from collections.abc import Iterable

from .board import Standing

SLACK = 32
"""A worker counts as no busier than another while it has less than one part in so many more: among
hundreds of sessions nobody waits for an exact tie."""
MAX_WAIT_S = 0.25
"""For how long a connection is left to those that have less to do: they may be slow. On a machine
with room they take it within a millisecond."""
SILENT_S = 1.0
"""A worker whose beat has stood still for so long is waited for by nobody."""


def is_my_turn(mine: Standing, others: Iterable[Standing], waited_s: float) -> bool:
    """Whether this worker accepts what has waited for so long. `others` are those that live."""
    loads = [other.load for other in others if other.open]
    if not mine.open:
        return not loads  # nobody lets anybody in, and somebody has to say so
    least = min(loads, default=mine.load)
    return mine.load <= least + least // SLACK or waited_s >= MAX_WAIT_S

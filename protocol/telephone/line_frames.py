"""What our own end of a line puts among the frames of the service: that nothing came for a while,
and what the service told of the call by another way.

They travel as frames so that a recording has them, in their order. A service that sent them itself
would win a little silence by it.
"""

from __future__ import annotations

from ..commands import Command, LineTold

PREFIX = "parley:"

LONGEST_MS = 1000


def quiet(ms: int) -> str:
    """Nothing came for so long."""
    return f"{PREFIX}quiet {ms}"


def told(news: str) -> str:
    """The service says this of the call: "machine", "human", "beep"."""
    return f"{PREFIX}told {news}"


def quiet_ms_of(frame: str) -> int:
    """How long nothing came; 0: the frame says something else."""
    kind, _, value = frame.partition(" ")
    if kind != f"{PREFIX}quiet" or not (value.isascii() and value.isdigit()):
        return 0
    return min(int(value[:6]), LONGEST_MS)


def command_of(frame: str) -> Command | None:
    """What a frame of ours says beside that; None: nothing."""
    kind, _, value = frame.partition(" ")
    return LineTold(value[:40]) if kind == f"{PREFIX}told" and value else None

"""Who gives way in the lanes: requests over HTTP get what conversations leave.

Whoever works for somebody who does not talk says so once, around all of it. It holds for each call
of a lane in there, whichever engine makes it, and for the tasks that are started in there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_gives_way: ContextVar[bool] = ContextVar("gives_way", default=False)


def gives_way() -> bool:
    """Whether what this task asks of a lane waits until nobody who talks waits for that lane."""
    return _gives_way.get()


@contextmanager
def giving_way() -> Iterator[None]:
    """Within, this task gives way."""
    token = _gives_way.set(True)
    try:
        yield
    finally:
        _gives_way.reset(token)

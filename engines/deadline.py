"""A deadline around an engine's call: what overruns it has failed, even if it raised nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import trio

from ..turnstile import fail_after
from .failures import EngineTimeout


@contextmanager
def engine_deadline(seconds: float, what: str, told: str | None = None) -> Iterator[None]:
    """Raises EngineTimeout, which names `what` or says `told`, where the block takes longer."""
    try:
        with fail_after(seconds, what):
            yield
    except trio.TooSlowError:
        raise EngineTimeout(told or f"{what} took longer than {seconds:g} s") from None

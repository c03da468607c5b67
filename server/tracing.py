"""Whether a server makes traces: where they are wanted, and the library is there.

The library is an extra and is imported only where it is wanted: it has a thread and half a second
of imports.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ..config import Observing

if TYPE_CHECKING:
    from .traces import Traces

WHY = "the OpenTelemetry packages are not installed"
DO = "pip install 'parley-voice[traces]'"


def can_trace() -> bool:
    """Whether the packages are here."""
    return all(
        _is_here(name)
        for name in ("opentelemetry.sdk.trace", "opentelemetry.exporter.otlp.proto.http")
    )


def traces_wanted(observing: Observing, on_dropped: Callable[[], None]) -> Traces | None:
    """None where they are off. Where they cannot be made there are none either: start_checks tells
    people why."""
    if not observing.traces or not can_trace():
        return None
    from .traces import open_traces

    return open_traces(on_dropped)


def _is_here(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # a package above it is not
        return False

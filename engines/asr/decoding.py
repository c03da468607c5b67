"""How an engine decodes audio when it is asked: what the transcribers of on_demand.py are told.

One of these per engine and server, frozen. Its jobs go to a worker's `decode`, which takes a list
of them and gives a list of `Decoded`, in the same order.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Protocol, TypeAlias

from .decoded import Decoded, Guard
from .spoken_language import Look

Job: TypeAlias = Any
"""Whatever the engine's worker takes: it must be fit for another process."""

Decode: TypeAlias = Callable[[Sequence[Job]], list[Decoded]]
"""The worker's function. Raises EngineFailure where there is no model."""


class Decoding(Protocol):
    """PCM16 at 16 kHz goes in as bytes. `language` is a code, or "" for the one that is found;
    with a `look` it is looked for in any case, and told with what was decoded."""

    @property
    def late_ms(self) -> float:
        """A partial that took longer is the last one to look so far back: the next ones would take
        longer still, and what they say would be older."""
        ...

    @property
    def own_share(self) -> float:
        """Of a core: the most that the partials of one who talks may take."""
        ...

    def partial(
        self, pcm16: bytes, *, begins: tuple[int, ...], language: str, look: Look | None = None
    ) -> Job:
        """A quick look. `begins`: the tokens with which two looks in a row have begun."""
        ...

    def final(self, pcm16: bytes, *, language: str, again: bool, look: Look | None = None) -> Job:
        """A careful look; `again`: the first one was not believed, so look otherwise."""
        ...

    def alike(self, looked_s: float, begins: int) -> Hashable:
        """Equal for partials that may share a call, by how much they look at and with how many
        tokens they begin."""
        ...

    def guard(self, decoded: Decoded) -> Guard | None:
        """What is wrong with a text; None where nothing is."""
        ...

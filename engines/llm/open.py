"""Which responder the settings ask for, and how it is opened.

A further responder is one file in this folder, with an `opened` of its own, and one line in
RESPONDERS (and its name in the settings' `LlmEngine`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import TypeAlias

from ...config import Answering, Fallback, Settings
from .interface import AnswersMeanwhile, Responder
from .local import LocalResponder
from .second import WithSecond, open_second


def _openai(answering: Answering) -> AbstractAsyncContextManager[Responder]:
    from .openai import opened  # its SDK takes a second to import; only who uses it pays for that

    return opened(answering)


def _found(answering: Answering) -> AbstractAsyncContextManager[Responder]:
    from .found import opened  # so does this

    return nullcontext(opened(answering))


@asynccontextmanager
async def _gguf(answering: Answering) -> AsyncIterator[Responder]:
    from .gguf import opened

    yield opened(answering)


Opens: TypeAlias = Callable[[Answering], AbstractAsyncContextManager[Responder]]

RESPONDERS: dict[str, Opens] = {
    "local": lambda answering: nullcontext(LocalResponder()),
    "openai": _openai,
    "found": _found,
    "gguf": _gguf,
}


WHY = {
    "gguf": "STREAM_GGUF_MODEL is set",
    "openai": "an API key or base URL is set",
    "found": "a model server on this machine, or rules while there is none",
}
"""What `auto` was decided by."""


def open_responder(
    settings: Settings, own: Responder | None = None
) -> AbstractAsyncContextManager[Responder]:
    """The responder for as long as the context lasts: the embedder's own, or the one of the
    settings. Entering raises EngineUnavailable for a setting that cannot work."""
    if own is not None:
        return nullcontext(own)
    answering = settings.answering
    first = RESPONDERS[answering.engine]
    if settings.fallback.model is None or answering.engine == "local":
        return first(answering)
    return _with_second(first, answering, settings.fallback)


@asynccontextmanager
async def _with_second(
    first: Opens, answering: Answering, fallback: Fallback
) -> AsyncIterator[Responder]:
    async with open_second(answering, fallback) as second, first(answering) as responder:
        if isinstance(responder, AnswersMeanwhile):  # who names a model wants no rules meanwhile
            responder.meanwhile = second
        yield WithSecond(responder, second)


def chosen_name(settings: Settings) -> str:
    """The responder's name, and why it was chosen where the settings left that open."""
    engine = settings.answering.engine
    if settings.stream_llm_engine != "auto":
        return engine
    return f"{engine} (auto: {WHY[engine]})"

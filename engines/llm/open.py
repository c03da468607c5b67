"""Which responders there are, and how each is opened. A further one is one file in this folder and
one line in RESPONDERS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from ...config import Answering
from ..services.keys import plain_key
from .interface import Responder
from .local import LocalResponder


@asynccontextmanager
async def open_responder(answering: Answering, own: Responder | None) -> AsyncIterator[Responder]:
    """What answers: as the settings ask for, or the embedder's own. Raises EngineUnavailable."""
    if own is not None:
        yield own
        return
    async with RESPONDERS[answering.engine](answering) as responder:
        yield responder


@asynccontextmanager
async def _local(answering: Answering) -> AsyncIterator[Responder]:
    yield LocalResponder()


@asynccontextmanager
async def _openai(answering: Answering) -> AsyncIterator[Responder]:
    # The SDK takes a second to import; only those who use it pay for that.
    from .openai import open_openai

    async with open_openai(
        model=answering.model,
        max_tokens=answering.max_tokens,
        temperature=answering.temperature,
        base_url=answering.base_url,
        api_key=plain_key(answering.api_key),
    ) as responder:
        yield responder


RESPONDERS: dict[str, Callable[[Answering], AbstractAsyncContextManager[Responder]]] = {
    "local": _local,
    "openai": _openai,
}

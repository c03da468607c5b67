"""Which voices there are, and how each is opened. A further one is one file in this folder and one
line in SYNTHESIZERS."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeAlias

from ...config import Speaking
from ..lanes.lane import Lane, LanePool, lanes_of
from ..services.keys import plain_key
from . import piper, pyttsx3
from .choice import choose_voice
from .interface import Synthesizer

Voice: TypeAlias = tuple[Synthesizer, tuple[Lane, ...]]
"""A synthesizer, and its lanes; a service has none."""


@asynccontextmanager
async def open_synthesizer(speaking: Speaking, own: Synthesizer | None) -> AsyncIterator[Voice]:
    """The voice that the settings ask for, or the embedder's own. Raises EngineUnavailable."""
    if own is not None:
        yield own, ()
        return
    engine, _ = choose_voice(speaking)
    async with SYNTHESIZERS[engine](speaking) as voice:
        yield voice


@asynccontextmanager
async def _pyttsx3(speaking: Speaking) -> AsyncIterator[Voice]:
    load = pyttsx3.loader(rate_wpm=speaking.rate_wpm, voice=speaking.voice, volume=speaking.volume)
    lanes = lanes_of("tts", speaking.workers, load)
    yield pyttsx3.Pyttsx3Synthesizer(LanePool(lanes)), lanes


@asynccontextmanager
async def _piper(speaking: Speaking) -> AsyncIterator[Voice]:
    load = piper.loader(speaking.piper_voice or "", volume=speaking.volume)
    lanes = lanes_of("tts", speaking.workers, load)
    yield piper.PiperSynthesizer(LanePool(lanes)), lanes


@asynccontextmanager
async def _openai(speaking: Speaking) -> AsyncIterator[Voice]:
    # The SDK takes a second to import; only those who use it pay for that.
    from .openai import open_openai_tts

    async with open_openai_tts(
        model=speaking.model,
        voice=speaking.model_voice,
        base_url=speaking.base_url,
        api_key=plain_key(speaking.api_key),
    ) as voice:
        yield voice, ()


SYNTHESIZERS: dict[str, Callable[[Speaking], AbstractAsyncContextManager[Voice]]] = {
    "pyttsx3": _pyttsx3,
    "piper": _piper,
    "openai": _openai,
}

"""Speech from a pool of voice servers: each phrase is one server's, from its first sound on."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from ..pools.pool import Pool
from ..pools.streams import first_to_begin
from .interface import Speech
from .openai import SILENT_RATE_HZ, SOME_VOICES, OpenAISynthesizer, nothing
from .text import speakable


@dataclass(frozen=True, slots=True)
class PooledSynthesizer:
    """Satisfies Streams, ManyVoices and HasPools. The voice is asked for by its name at each place,
    so all of them should have it."""

    pool: Pool[OpenAISynthesizer] = field(repr=False)
    voice: str

    @property
    def pools(self) -> tuple[Pool[Any], ...]:
        return (self.pool,)

    @property
    def voices(self) -> tuple[str, ...]:
        return SOME_VOICES

    def with_voice(self, voice: str) -> PooledSynthesizer:
        return replace(self, voice=voice)

    async def speak(self, text: str) -> Speech:
        async with self.stream(text) as pieces:
            whole = [piece async for piece in pieces]
        return Speech(
            pcm16=b"".join(piece.pcm16 for piece in whole),
            rate_hz=whole[0].rate_hz if whole else SILENT_RATE_HZ,
            words=tuple(word for piece in whole for word in piece.words),
        )

    @asynccontextmanager
    async def stream(self, text: str) -> AsyncIterator[AsyncIterator[Speech]]:
        if not speakable(text):  # no server is asked for nothing
            yield nothing()
            return
        async with first_to_begin(
            self.pool, lambda place: place.with_voice(self.voice).stream(text)
        ) as pieces:
            yield pieces

"""The synthesizer for tests: its audio tells what it speaks. See `read_back`.

Time is Trio's, so it is exact under a virtual clock.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager

import trio

from .interface import Speech, WordTime


class ScriptedSynthesizer:
    """Each character lasts `ms_per_char`, and all its samples have its code as their value.

    `delays_s` and `failures` are by call, counted from 1; other calls take `delay_s` and work.
    A delay of math.inf lasts until the call is cancelled.
    """

    def __init__(
        self,
        *,
        ms_per_char: int = 50,
        rate_hz: int = 16_000,
        delay_s: float = 0.0,
        delays_s: Mapping[int, float] | None = None,
        failures: Mapping[int, Exception] | None = None,
    ) -> None:
        self.ms_per_char = ms_per_char
        self.rate_hz = rate_hz
        self._delay_s = delay_s
        self._delays_s = dict(delays_s or {})
        self._failures = dict(failures or {})
        self.texts: list[str] = []
        """What it was asked to speak, in order."""
        self.active = 0
        """Calls under way."""

    async def speak(self, text: str) -> Speech:
        self.texts.append(text)
        call = len(self.texts)
        self.active += 1
        try:
            await trio.sleep(self._delays_s.get(call, self._delay_s))
        finally:
            self.active -= 1
        if call in self._failures:
            raise self._failures[call]
        return Speech(pcm16=self._sound(text if text.strip() else ""), rate_hz=self.rate_hz)

    def _sound(self, text: str) -> bytes:
        samples = array("h")
        for character in text:
            samples.extend([min(ord(character), 0x7FFF)] * self._samples_per_char)
        return samples.tobytes()

    def read_back(self, pcm16: bytes) -> str:
        """The text that is spoken in `pcm16`, which may end within a character."""
        return "".join(map(chr, array("h", pcm16)[:: self._samples_per_char]))

    @property
    def _samples_per_char(self) -> int:
        return self.rate_hz * self.ms_per_char // 1000


class ScriptedStream(ScriptedSynthesizer):
    """The same, in pieces of `piece_chars` characters. Each takes `piece_s`, and the first one
    `delay_s` besides; `stops` is by call, counted from 1: after so many pieces it raises what
    stands there. `knows_words`: it tells when each word sounds."""

    def __init__(
        self,
        *,
        piece_chars: int = 5,
        piece_s: float = 0.1,
        stops: Mapping[int, tuple[int, Exception]] | None = None,
        knows_words: bool = False,
        ms_per_char: int = 50,
        delay_s: float = 0.0,
    ) -> None:
        super().__init__(ms_per_char=ms_per_char, delay_s=delay_s)
        self._piece_chars = piece_chars
        self._piece_s = piece_s
        self._stops = dict(stops or {})
        self._knows_words = knows_words

    @asynccontextmanager
    async def stream(self, text: str) -> AsyncIterator[AsyncIterator[Speech]]:
        self.texts.append(text)
        self.active += 1
        try:
            async with aclosing(self._pieces(text, len(self.texts))) as pieces:
                yield pieces
        finally:
            self.active -= 1

    async def _pieces(self, text: str, call: int) -> AsyncGenerator[Speech, None]:
        await trio.sleep(self._delay_s)
        after, failure = self._stops.get(call, (-1, None))
        for number, at in enumerate(range(0, len(text), self._piece_chars)):
            if number == after and failure is not None:
                raise failure
            await trio.sleep(self._piece_s)
            piece = text[at : at + self._piece_chars]
            yield Speech(
                pcm16=self._sound(piece), rate_hz=self.rate_hz, words=self._words(text, at)
            )

    def _words(self, text: str, at: int) -> tuple[WordTime, ...]:
        """Those that end in the piece that begins at `at`."""
        if not self._knows_words:
            return ()
        s = self.ms_per_char / 1000
        return tuple(
            WordTime(
                start=word.start(), end=word.end(), start_s=word.start() * s, end_s=word.end() * s
            )
            for word in re.finditer(r"\S+", text)
            if at < word.end() <= at + self._piece_chars
        )

"""The synthesizer for tests: its audio tells what it speaks. See `read_back`.

Time is Trio's, so it is exact under a virtual clock.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping

import trio

from .interface import Speech


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
        samples = array("h")
        for character in text if text.strip() else "":
            samples.extend([min(ord(character), 0x7FFF)] * self._samples_per_char)
        return Speech(pcm16=samples.tobytes(), rate_hz=self.rate_hz)

    def read_back(self, pcm16: bytes) -> str:
        """The text that is spoken in `pcm16`, which may end within a character."""
        return "".join(map(chr, array("h", pcm16)[:: self._samples_per_char]))

    @property
    def _samples_per_char(self) -> int:
        return self.rate_hz * self.ms_per_char // 1000

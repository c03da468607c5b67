"""The sound of one phrase as it leaves: at the client's rate, whole or still coming.

Owned by the turn's playlist, so that a phrase whose audio is still coming outlives a restart of its
playout. Entry and sound grow together.
"""

from __future__ import annotations

import trio

from ..audio.levels import sounding
from ..audio.resampler import Resampler
from ..conversation.ledger import Entry
from ..engines.tts.interface import Speech
from .messages import SpokenPhrase


class PhraseSound:
    """`rate_hz` None: as it was made."""

    def __init__(self, phrase: SpokenPhrase, rate_hz: int | None) -> None:
        made_hz = phrase.speech.rate_hz
        self.rate_hz = rate_hz or made_hz
        self.pcm16 = bytearray()
        self.seq = 0
        """The number under which it is being sent, until its end was told; 0: it has none."""
        self.generation = -1
        """In which generation of the reply it has that number."""
        self.begun = False
        """Whether audio was sent under that number."""
        self._rest = phrase.rest
        self._resample = None if self.rate_hz == made_hz else Resampler(made_hz, self.rate_hz)
        written = phrase.phrase
        self.entry = Entry(
            written.text,
            0.0,
            spoken=written.spoken,
            marks=written.marks,
            before=None if written.marks is None else written.before,
            aside=written.aside,
            whole=False,
        )
        self._take(phrase.speech)
        if self._rest is None:
            self._end()

    @property
    def whole(self) -> bool:
        """Whether nothing more of it will come."""
        return self.entry.whole

    async def more(self) -> None:
        """Wait until there is more of it, or it is whole."""
        if self._rest is None:
            return
        try:
            self._take(await self._rest.receive())
        except trio.EndOfChannel:
            self._rest.close()
            self._rest = None
            self._end()

    def close(self) -> None:
        """Nobody wants the rest any more."""
        if self._rest is not None:
            self._rest.close()

    def _take(self, speech: Speech) -> None:
        self._add(speech.pcm16 if self._resample is None else self._resample.push(speech.pcm16))
        self.entry.words += speech.words

    def _add(self, pcm16: bytes) -> None:
        self.pcm16 += pcm16
        # As it leaves: resampled speech may be a sample shorter, and its last word would be lost.
        self.entry.duration_s = len(self.pcm16) / 2 / self.rate_hz

    def _end(self) -> None:
        if self._resample is not None:
            self._add(self._resample.flush())
        self.entry.whole = True
        if self.entry.marks is not None and not self.entry.words:
            self.entry.sound_s = sounding(bytes(self.pcm16), self.rate_hz)

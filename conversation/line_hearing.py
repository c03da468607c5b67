"""What a telephone session hears besides speech: it takes tones and held notes out of the way.

Detectors that go by level or by noise take keys, signals and hold music for speech; a recognizer
makes words of them. Two rules stand in front of that. A frame in which there is nothing but a tone
is no speech. And an utterance in which every half second consists of lines that stay where they
are, as those of music do, is no utterance: a voice never holds its lines for so long.

Plain: no task, no clock. It is a function of the audio alone, so that a replay hears the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from ..audio.line_tone import LineTone
from ..audio.pcm import BYTES_PER_MS
from ..audio.tones import Tones

BLOCK_MS = 500
"""Of voiced sound that is no key, over which the share of lines that stay is averaged."""
STAYING, STAYING_LEAST = 0.28, 0.2
"""What the blocks of an utterance have in the mean, and each of them, where nobody speaks. Of some
800 utterances of people the block with the least had 0.18 at the most; music has 0.5 to 0.95."""
STAYING_BRIEFLY = 0.35
"""The mean of a sound without a whole block. People's had 0.22 at the most."""
BRIEF_MS = 90
"""What is shorter is not judged by that: a line must have been there for 100 ms to have stayed."""
EDGES_MS = 240
"""A key and not more than this beside it, which is not more than the key either, are the key and
its edges. So a key that is pressed while somebody says a word takes nothing of the word."""

TOLD_MOST = 64
"""Tones that nobody took: the oldest are forgotten."""


@dataclass(slots=True)
class LineHearing:
    """Told of every frame with the detector's verdict; gives what the endpointer is told."""

    tones: Tones = field(default_factory=Tones)
    watches: Callable[[], bool] = lambda: False
    """Whether tones are looked for also where no detector hears anything: a machine's beep."""
    _missed: bool = False
    _block: float = 0.0
    """The sum over the block that is being filled, in ms."""
    _block_ms: int = 0
    _blocks: int = 0
    _least: float = 1.0
    """The least mean of a whole block."""
    _sum: float = 0.0
    """Of the means of the whole blocks."""
    _key_ms: int = 0
    """Voiced sound that was a key, and is in no block: people press keys while they speak."""

    def speech(self, frame: bytes, voiced: bool, *, inside: bool) -> bool:
        """Whether this frame, PCM16 at 16 kHz, counts as speech. `voiced` is a detector's word,
        `inside` whether an utterance is open."""
        if not (voiced or inside or self.watches()):
            self._missed = True  # in silence there is nothing to look at
            self.forget()
            return False
        if self._missed:
            self.tones.reset()
            self._missed = False
        self.tones.push(frame)
        if len(self.tones.told) > TOLD_MOST:
            del self.tones.told[:-TOLD_MOST]
        if voiced:
            self._count(len(frame) // BYTES_PER_MS)
        elif not inside:
            self.forget()
        return voiced and not self.tones.only_tone

    def take_told(self, now_ms: int) -> list[LineTone]:
        """The tones that are over since the last call, keys among them. `now_ms` is the end of the
        newest frame on the session's audio clock; they are told on that clock."""
        late_ms = now_ms - self.tones.now_ms
        told = [replace(tone, ended_ms=tone.ended_ms + late_ms) for tone in self.tones.told]
        self.tones.told.clear()
        return told

    @property
    def tone_now(self) -> bool:
        """Whether a tone is heard that is not over."""
        return self.tones.only_tone

    @property
    def only_lines(self) -> bool:
        """Whether the sound since the utterance began, or seems to begin, is music or a signal."""
        if self._blocks:
            return self._least >= STAYING_LEAST and self._sum / self._blocks >= STAYING
        if self._key_ms and self._block_ms <= min(self._key_ms, EDGES_MS):
            return True
        return self._block_ms >= BRIEF_MS and self._block / self._block_ms >= STAYING_BRIEFLY

    def forget(self) -> None:
        """The next sound is another one."""
        self._block, self._block_ms, self._blocks, self._key_ms = 0.0, 0, 0, 0
        self._least, self._sum = 1.0, 0.0

    def reset(self) -> None:
        """What comes next has nothing to do with what was heard."""
        self.forget()
        self.tones.reset()

    def _count(self, ms: int) -> None:
        if self.tones.key:
            self._key_ms += ms
            return
        self._block += (1.0 if self.tones.only_tone else self.tones.staying) * ms
        self._block_ms += ms
        if self._block_ms >= BLOCK_MS:
            mean = self._block / self._block_ms
            self._least = min(self._least, mean)
            self._sum += mean
            self._blocks += 1
            self._block, self._block_ms = 0.0, 0

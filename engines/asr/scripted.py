"""The transcriber for tests: it hears what the script says, as fast as audio is fed.

Time is Trio's, so it is exact under a virtual clock. A call out of order, or one utterance too
many, raises RuntimeError or LookupError: the test's or the actor's fault, not an engine's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import trio

from ...audio.pcm import BYTES_PER_MS
from .interface import Hypothesis, Transcript

Call = str | tuple[str, int]
"""A kind of call ("begin", "feed", "hypothesis", "finish"), or one call of it, counted from 1 over
all utterances: ("feed", 3)."""

SOUND = 300
"""A sample that is louder is sound."""


class ScriptedTranscriber:
    """`script` has one entry per utterance: a text, which is heard word by word, or a sequence of
    hypotheses, of which the last is the final one. One more is heard per `word_ms` of audio.

    The script moves on when an utterance is finished. So after a failure, or when it was
    abandoned, the same words are heard again. `delays_s` says how long calls take (math.inf: until
    cancelled), `fail_on` which calls raise what, after their delay. One that wants to be `asked`
    tells its hypotheses by `hypothesis` and not by `feed`. An utterance with less sound than
    `shortest_ms` is a noise: it has no words and takes none from the script. `languages` has that
    of each utterance; the last one holds for all that follow.
    """

    def __init__(
        self,
        script: Sequence[str | Sequence[str]],
        *,
        word_ms: int = 300,
        delays_s: Mapping[Call, float] | None = None,
        fail_on: Mapping[tuple[str, int], Exception] | None = None,
        asked: bool = False,
        shortest_ms: int = 300,
        languages: Sequence[str | None] = (),
    ) -> None:
        self._script = [_hypotheses(entry) for entry in script]
        self._word_ms = word_ms
        self._delays_s = dict(delays_s or {})
        self._fail_on = dict(fail_on or {})
        self._asked = asked
        self._shortest_bytes = shortest_ms * BYTES_PER_MS
        self._languages = tuple(languages) or (None,)
        self._sound_bytes = 0
        self._decode_s = 0.0
        self._runs = 0
        self.calls: Counter[str] = Counter()
        """How often each method was called; "abandon" counts those that closed something."""
        self.heard: list[bytes] = []
        """The audio of each utterance that was begun."""
        self.transcripts: list[Transcript] = []
        """What was finished."""
        self.open = False
        self._concluded: Transcript | None = None

    def will_hear(self, text: str) -> None:
        """One more utterance for the script."""
        self._script.append(_hypotheses(text))

    async def begin(self) -> None:
        await self.abandon()
        self._concluded = None
        self.heard.append(b"")
        self._decode_s, self._runs, self._sound_bytes = 0.0, 0, 0
        await self._call("begin")
        self.open = True

    async def feed(self, pcm16: bytes) -> str | None:
        if self._asked:
            await trio.lowlevel.checkpoint()
        else:
            self._need_open("feed")
        self.heard[-1] += pcm16
        self._sound_bytes += _sound_bytes(pcm16)
        self._concluded = None
        if self._asked:
            return None
        await self._call("feed")
        return self._hypothesis()

    async def hypothesis(self) -> Hypothesis | None:
        covered = len(self.heard[-1])
        self.calls["hypothesis"] += 1
        call = ("hypothesis", self.calls["hypothesis"])
        delay_s = self._delays_s.get(call, self._delays_s.get("hypothesis", 0.0))
        await trio.sleep(delay_s)
        if call in self._fail_on:
            raise self._fail_on[call]
        self._decode_s += delay_s
        self._runs += 1
        return Hypothesis(self._hypothesis(covered), covered)

    async def conclude(self) -> Transcript:
        """What was heard so far: where there were fewer words than in the script, only these."""
        self._need_open("conclude")
        if self._concluded is None:
            self.calls["conclude"] += 1
            call = ("conclude", self.calls["conclude"])
            await trio.sleep(self._delays_s.get(call, self._delays_s.get("conclude", 0.0)))
            if call in self._fail_on:
                self.open = False
                raise self._fail_on[call]
            self._concluded = self._transcript(self._hypothesis())
        return self._concluded

    async def finish(self) -> Transcript:
        self._need_open("finish")
        await self._call("finish")
        self.open = False
        transcript = self._concluded
        if self._is_noise:
            return self._transcript("")
        if transcript is None:
            transcript = self._transcript(self._current()[-1] if self.heard[-1] else "")
        self.transcripts.append(transcript)
        return transcript

    @property
    def _is_noise(self) -> bool:
        return self._sound_bytes < self._shortest_bytes

    def _transcript(self, text: str) -> Transcript:
        return Transcript(
            text=text,
            decode_ms=self._decode_s * 1000,
            audio_ms=len(self.heard[-1]) / BYTES_PER_MS,
            runs=self._runs,
            language=self._languages[min(len(self.transcripts), len(self._languages) - 1)],
        )

    async def abandon(self) -> None:
        self.calls["abandon"] += self.open
        self.open = False
        await trio.lowlevel.checkpoint()

    async def _call(self, kind: str) -> None:
        """Lets time pass, or fails. A call that does not come to its end loses the utterance."""
        was_open, self.open = self.open, False
        self.calls[kind] += 1
        call = (kind, self.calls[kind])
        delay_s = self._delays_s.get(call, self._delays_s.get(kind, 0.0))
        await trio.sleep(delay_s)
        if call in self._fail_on:
            raise self._fail_on[call]
        self._decode_s += delay_s
        self._runs += kind != "begin"
        self.open = was_open

    def _need_open(self, kind: str) -> None:
        if not self.open:
            raise RuntimeError(f"{kind} without an open utterance")

    def _current(self) -> Sequence[str]:
        if len(self.transcripts) >= len(self._script):
            raise LookupError(f"more utterances than the {len(self._script)} in the script")
        return self._script[len(self.transcripts)]

    def _hypothesis(self, covered: int | None = None) -> str:
        if self._is_noise:
            return ""
        current = self._current()
        covered = len(self.heard[-1]) if covered is None else covered
        steps = covered // (self._word_ms * BYTES_PER_MS)
        return current[min(steps, len(current)) - 1] if steps else ""


def _sound_bytes(pcm16: bytes) -> int:
    samples = np.frombuffer(pcm16, dtype="<i2").astype(np.int32)
    return 2 * int(np.count_nonzero(np.abs(samples) > SOUND))


def _hypotheses(entry: str | Sequence[str]) -> Sequence[str]:
    if not isinstance(entry, str):
        return tuple(entry) or ("",)
    words = entry.split()
    return tuple(" ".join(words[:count]) for count in range(1, len(words) + 1)) or ("",)

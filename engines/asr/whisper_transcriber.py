"""Whisper's own: beside what is said it can write that in English, and tell when words sound."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from ...audio.pcm import BYTES_PER_MS
from .careful_decode import CarefulDecode
from .decoding import Job
from .interface import LanguageUnknown, TimedWord, Transcript
from .on_demand import OnDemandTranscriber
from .on_demand_utterance import TAIL_S
from .quiet_cuts import pieces
from .spoken_language import Look
from .whisper_worker import TRANSLATE, knows, word_times


class WhisperTranscriber(OnDemandTranscriber):
    """A Transcriber that is TimesWords and Translates, too."""

    _knows_language = False

    async def begin(self) -> None:
        """As others do it. Of a recording whose language was asked for it is made sure that the
        model knows it; only a worker can say. Raises LanguageUnknown."""
        if self._asked_for and not self._knows_language:
            language = self._shared.language
            if not await self._shared.pool.pick().call(knows, language):
                raise LanguageUnknown(f"this Whisper model hears English only, not {language!r}")
            self._knows_language = True
        await super().begin()

    @property
    def _asked_for(self) -> bool:
        return not self._urgent and self._shared.language not in ("", "en")

    async def word_times(self, pcm16: bytes, text: str, language: str) -> Sequence[TimedWord]:
        spoken = language or self._shared.language or "en"
        lane = self._shared.pool.pick()
        found = await lane.call(word_times, pcm16, text, spoken)
        return [TimedWord(word=word, start_s=start, end_s=end) for word, start, end in found]

    async def translated(self, pcm16: bytes) -> Transcript:
        shared, doubts, words, spoken = self._shared, Counter[str](), list[str](), ""
        ms, runs = 0.0, 0
        for piece in pieces(pcm16, TAIL_S):
            look = None if shared.language else Look(before=spoken, among=shared.languages)

            def job(again: bool, piece: bytes = piece, look: Look | None = look) -> Job:
                plain = shared.decoding.final(
                    piece, language=shared.language, again=again, look=look
                )
                return replace(plain, task=TRANSLATE)

            careful = CarefulDecode(job=job, guard=shared.decoding.guard, doubts=doubts)
            while (next_job := careful.next_job) is not None:
                decoded = await self._decode(next_job, urgent=self._urgent)
                ms, runs = ms + decoded.ms, runs + 1
                careful.take(decoded)
            if (believed := careful.believed) is not None:
                words += believed.text.split()
                spoken = believed.language or spoken
        return Transcript(
            text=" ".join(words),
            decode_ms=ms,
            audio_ms=len(pcm16) / BYTES_PER_MS,
            runs=runs,
            language=spoken or shared.language or None,
            doubts=dict(doubts),
        )

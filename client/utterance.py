"""What was heard of the server about one recording, and the latencies that follow from it.

Pure bookkeeping over times of Trio's clock: it is fed by `conversation` and read by `report`.

Latencies count from the moment the chunk that holds a sample **was sent**. A microphone has a
chunk complete only when its last sample was spoken, so a person waits up to one chunk longer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from ..audio.wav import NotAWav, parse_wav
from .incoming import (
    Final,
    Finalizing,
    Incoming,
    Info,
    Metrics,
    Partial,
    Phrase,
    Problem,
    ReplyComplete,
    Token,
)

WITHOUT_REPLY = frozenset({"ASR_TIMEOUT", "ASR_FAIL", "CANCELLED", "INTERNAL"})
"""After one of these errors no reply is to be expected. TTS_FAIL is not among them: it costs a
phrase, and the reply still ends as usual; so it does when the language model failed, behind what
was said of it and a sentence that says so."""

EDGE_MS = 300
"""By so much a server may see the end of speech earlier than the energy of the recording says."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A message and the moment it was received."""

    at: float
    message: Incoming


@dataclass(slots=True)
class SentLog:
    """Which samples of the session were sent when: (first sample, time) per chunk."""

    rate_hz: int
    samples: int = 0
    _chunks: list[tuple[int, float]] = field(default_factory=list)

    def add(self, samples: int, at: float) -> None:
        self._chunks.append((self.samples, at))
        self.samples += samples

    def sent_at(self, audio_ms: float) -> float:
        """When the chunk went out that holds the last sample before `audio_ms`.

        A position outside what was sent counts as the nearest chunk. LookupError where nothing
        was sent.
        """
        if not self._chunks:
            raise LookupError("nothing was sent")
        sample = max(0, round(audio_ms * self.rate_hz / 1000) - 1)
        low, high = 0, len(self._chunks)
        while high - low > 1:
            middle = (low + high) // 2
            if self._chunks[middle][0] <= sample:
                low = middle
            else:
                high = middle
        return self._chunks[low][1]


@dataclass(slots=True, kw_only=True)
class Utterance:
    """One recording (or a whole microphone session) and everything heard while it was current.

    `onset_ms` and `last_ms` place its speech on the session's audio clock, None where unknown.
    """

    name: str
    sent: SentLog
    onset_ms: float | None = None
    last_ms: float | None = None
    heard: list[Heard] = field(default_factory=list)

    @property
    def partials(self) -> list[tuple[float, Partial]]:
        return [(h.at, h.message) for h in self.heard if isinstance(h.message, Partial)]

    @property
    def finals(self) -> list[tuple[float, Final]]:
        """All of them: a server may cut one recording into several utterances."""
        return [(h.at, h.message) for h in self.heard if isinstance(h.message, Final)]

    @property
    def tokens(self) -> list[tuple[float, Token]]:
        return [(h.at, h.message) for h in self.heard if isinstance(h.message, Token)]

    @property
    def phrases(self) -> list[tuple[float, Phrase]]:
        return [(h.at, h.message) for h in self.heard if isinstance(h.message, Phrase)]

    @property
    def problems(self) -> list[Problem]:
        return [h.message for h in self.heard if isinstance(h.message, Problem)]

    @property
    def infos(self) -> list[Info]:
        return [h.message for h in self.heard if isinstance(h.message, Info)]

    @property
    def metrics(self) -> list[Metrics]:
        return [h.message for h in self.heard if isinstance(h.message, Metrics)]

    @property
    def completed_at(self) -> float | None:
        """When the (last) reply was complete."""
        return max((h.at for h in self.heard if isinstance(h.message, ReplyComplete)), default=None)

    @property
    def transcript(self) -> str:
        return " ".join(final.text for _, final in self.finals if final.text)

    @property
    def reply(self) -> str:
        return "".join(token.text for _, token in self.tokens)

    @property
    def answered(self) -> bool:
        """There was a final with words in it, and reply audio after it."""
        spoken = [at for at, final in self.finals if final.text]
        return bool(spoken) and any(at >= spoken[0] for at, _ in self.phrases)

    def settled(self) -> bool:
        """Nothing more is to be expected, once all of the recording has been sent."""
        hearing, replying = True, False
        for heard in self.heard:
            match heard.message:
                case Partial() | Finalizing():
                    hearing = True
                case Final(text=text, audio_ms=audio_ms):
                    # An empty final (a noise) has no reply, and it is not the last word on
                    # speech that lies behind it.
                    hearing = not text and self._before_the_end(audio_ms)
                    replying = replying or bool(text)
                case ReplyComplete():
                    replying = False
                case Problem(code=code) if code in WITHOUT_REPLY:
                    hearing = replying = False
                case _:
                    pass
        return not hearing and not replying

    def _before_the_end(self, audio_ms: float | None) -> bool:
        if audio_ms is None or self.last_ms is None:
            return False
        return audio_ms < self.last_ms - EDGE_MS

    def playback_ends_at(self) -> float:
        """When a client that plays phrases one after the other, as they come, falls silent."""
        end = 0.0
        for at, phrase in self.phrases:
            end = max(end, at) + _seconds(phrase)
        return end

    def partial_lags_ms(self) -> list[float]:
        """Per partial: from sending the last audio it covers to receiving it."""
        return [
            1000 * (at - self.sent.sent_at(partial.audio_ms))
            for at, partial in self.partials
            if partial.audio_ms is not None
        ]

    def first_partial_ms(self) -> float | None:
        """From sending the first speech sample to the first partial with words."""
        at = next((at for at, partial in self.partials if partial.text), None)
        return self._since(self.onset_ms, at)

    def final_ms(self) -> float | None:
        """From sending the last speech sample to the (last) final."""
        return self._since(self.last_ms, self.finals[-1][0] if self.finals else None)

    def decided_ms(self) -> float | None:
        """From sending the last speech sample to the news that the utterance has ended."""
        until = self._final_at
        told = [h.at for h in self.heard if isinstance(h.message, Finalizing) and h.at <= until]
        return self._since(self.last_ms, max(told, default=None))

    def first_token_ms(self) -> float | None:
        """From sending the last speech sample to the first token of the (last) reply."""
        replying = (at for at, _ in self.tokens if at >= self._final_at)
        return self._since(self.last_ms, next(replying, None))

    def first_audio_ms(self) -> float | None:
        """From sending the last speech sample to the first phrase of the (last) reply."""
        speaking = (at for at, _ in self.phrases if at >= self._final_at)
        return self._since(self.last_ms, next(speaking, None))

    @property
    def _final_at(self) -> float:
        """When the last final came; never, without any: then nothing came after it."""
        return self.finals[-1][0] if self.finals else math.inf

    def _since(self, audio_ms: float | None, at: float | None) -> float | None:
        if audio_ms is None or at is None:
            return None
        return 1000 * (at - self.sent.sent_at(audio_ms))


def _seconds(phrase: Phrase) -> float:
    try:
        return parse_wav(phrase.audio_b64).seconds
    except NotAWav:
        return 0.0

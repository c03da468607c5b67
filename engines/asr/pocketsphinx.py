"""Speech to text by pocketsphinx, in lanes, while the words are being spoken."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar

import trio

from ...audio.pcm import BYTES_PER_MS, HEARING_RATE_HZ
from ...config import Hearing, Transcribing
from ..failures import EngineFailure, LaneLost
from ..kit import SessionInfo
from ..lanes.lane import Lane
from ..lanes.pool import LanePool, numbered_lanes
from . import pocketsphinx_worker as worker
from .admission import Admission, Expected
from .interface import Hypothesis, LanguageUnknown, Transcript
from .recognizer import Recognizer

T = TypeVar("T")

FEED_BYTES = HEARING_RATE_HZ * 2
"""A second of audio per call, 0.15 s of work: a long feed lets other sessions in between."""


EXPECTED = Expected(rtf=0.15, final_s=0.1)
"""Before anything was heard: what a core of a small machine needs."""

_keys = count(1)
"""Unique in this server, and so in its workers, also where sessions have no or equal ids."""


@dataclass(slots=True)
class _Open:
    lane: Lane
    generation: int
    key: str
    audio_bytes: int = 0
    decode_ms: float = 0.0
    runs: int = 0
    concluded: Transcript | None = None
    """What it says, if nothing comes any more."""
    final_ms: float = 0.0
    cmn: str = ""
    """The cepstral mean that goes with it."""


class PocketsphinxTranscriber:
    """One per session. An utterance stays on the lane that it began on.

    The session's cepstral mean (what its voice and microphone sound like on average) goes from
    each utterance with words to the next; in 984 words of flite that left 30 errors of 56. Where
    a call fails or is cancelled the utterance is lost, and the worker is told to forget it.
    """

    def __init__(
        self,
        pool: LanePool,
        session_id: str = "",
        admission: Admission | None = None,
        *,
        patient: bool = False,
    ) -> None:
        """Sessions of a server share the `admission`; without one everybody may talk. `patient`:
        nobody waits at a microphone. It takes no talker's place, and nothing is learned from what
        it costs."""
        self._pool = pool
        self._patient = patient
        self._admission = admission or Admission(10**6, EXPECTED)
        self._session_id = session_id
        self._cmn = worker.START_CMN
        self._open: _Open | None = None

    def for_file(self, language: str | None) -> PocketsphinxTranscriber:
        """See HearsFiles."""
        if language not in (None, "", "en"):
            raise LanguageUnknown(f"the recognizer hears 'en' only, not {language!r}")
        return PocketsphinxTranscriber(self._pool, self._session_id, self._admission, patient=True)

    async def begin(self) -> None:
        await self.abandon()
        if not self._patient:
            self._admission.enter()
        lane = self._pool.pick()
        key = f"{self._session_id}/{next(_keys)}"
        utterance = self._open = _Open(lane, lane.generation, key)
        lane.held += not self._patient
        await self._call(utterance, worker.begin, self._cmn)

    async def feed(self, pcm16: bytes) -> str | None:
        utterance = self._utterance()
        text: str | None = None
        for start in range(0, len(pcm16), FEED_BYTES):
            piece = pcm16[start : start + FEED_BYTES]
            utterance.concluded = None
            text, ms = await self._call(utterance, worker.feed, piece)
            utterance.audio_bytes += len(piece)
            utterance.decode_ms += ms
            utterance.runs += 1
        return text

    async def hypothesis(self) -> Hypothesis | None:
        """Never asked: `feed` tells."""
        await trio.lowlevel.checkpoint()
        return None

    async def conclude(self) -> Transcript:
        utterance = self._utterance()
        if utterance.concluded is None:
            lane, key = utterance.lane, utterance.key
            try:
                answer = await lane.call(
                    worker.conclude, key, generation=utterance.generation, urgent=True
                )
            except EngineFailure:
                self._let_go()
                raise
            return self._conclude(utterance, *answer)
        await trio.lowlevel.checkpoint()
        return utterance.concluded

    async def finish(self) -> Transcript:
        utterance = self._utterance()
        transcript = utterance.concluded
        if transcript is None:
            answer = await self._call(utterance, worker.finish, urgent=True)
            transcript = self._conclude(utterance, *answer)
        else:
            await trio.lowlevel.checkpoint()
        self._let_go()
        if transcript.text:
            self._cmn = utterance.cmn
        if not self._patient:
            self._admission.learn(
                work_s=transcript.decode_ms / 1000,
                final_s=utterance.final_ms / 1000,
                audio_s=transcript.audio_ms / 1000,
            )
        return transcript

    def _conclude(
        self, utterance: _Open, text: str, confidence: float, ms: float, cmn: str
    ) -> Transcript:
        utterance.decode_ms += ms
        utterance.runs += 1
        utterance.final_ms = ms
        utterance.cmn = cmn
        utterance.concluded = Transcript(
            language="en",
            text=text,
            decode_ms=utterance.decode_ms,
            audio_ms=utterance.audio_bytes / BYTES_PER_MS,
            runs=utterance.runs,
            confidence=confidence,
        )
        return utterance.concluded

    async def abandon(self) -> None:
        self._let_go()
        await trio.lowlevel.checkpoint()

    async def _call(
        self, utterance: _Open, fn: Callable[..., T], *args: Any, urgent: bool = False
    ) -> T:
        try:
            return await utterance.lane.call(
                fn, utterance.key, *args, generation=utterance.generation, urgent=urgent
            )
        except BaseException:
            self._let_go()
            raise

    def _utterance(self) -> _Open:
        if self._open is None:
            raise LaneLost("no utterance is open")
        return self._open

    def _let_go(self) -> None:
        utterance, self._open = self._open, None
        if utterance is not None:
            if not self._patient:
                utterance.lane.held -= 1
                self._admission.leave()
            utterance.lane.post(worker.release, utterance.key, generation=utterance.generation)


@asynccontextmanager
async def opened(transcribing: Transcribing, hearing: Hearing) -> AsyncIterator[Recognizer]:
    """The recognizer as the settings describe it. Nothing can fail here: its lanes load it."""
    lanes = numbered_lanes("asr", transcribing.lanes, worker.load)
    admission = Admission(len(lanes), EXPECTED, most=len(lanes) * worker.DECODERS_MAX)
    pool = LanePool(lanes)

    def make(session: SessionInfo) -> PocketsphinxTranscriber:
        return PocketsphinxTranscriber(pool, session.session_id, admission)

    yield Recognizer(make=make, lanes=lanes, admission=admission)

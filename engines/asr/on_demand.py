"""Speech to text by a model that decodes when it is asked, in lanes.

The utterance and all that is decided about it are in on_demand_utterance.py; here its decodes are
taken to the lanes. Nothing of it lives in a worker: a lane that dies costs one decode.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import trio

from ..failures import EngineFailure, EngineUnavailable, LaneLost
from ..lanes.pool import LanePool
from .admission import Admission
from .careful_decode import CarefulDecode
from .decoded import Decoded
from .decoding import Decode, Decoding, Job
from .interface import Hypothesis, LanguageUnknown, Transcript
from .on_demand_utterance import PARTIAL_LIMIT_S, Cut, Utterance
from .spoken_language import SURE, Look, Piece, language_of, likelier, to_compare, wrongly_heard

ATTEMPTS = 2
"""A decode whose lane died is asked for again, once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What the transcribers of a server share."""

    pool: LanePool
    admission: Admission
    decoding: Decoding
    decode: Decode
    """The lanes' function."""
    language: str
    """A code, or "" to find out with each utterance."""
    languages: tuple[str, ...] = ()
    """Those that it may be then; empty: any."""
    only: str = ""
    """The one language that the model knows; empty where there are many."""


class OnDemandTranscriber:
    """One per session. A `Transcriber` of the kind that decodes when it is asked."""

    def __init__(self, shared: Shared, *, patient: bool = False) -> None:
        """`patient`: nobody waits at a microphone. It takes no talker's place, its final decodes
        are no more urgent than others' partials, and nothing is learned from what they cost."""
        self._shared = shared
        self._urgent = not patient
        self._before = ""
        """The language of what was said last, where it is to be found out."""
        self._open: Utterance | None = None

    def for_file(self, language: str | None) -> OnDemandTranscriber:
        """See HearsFiles."""
        shared = self._shared
        if language is not None and shared.only not in ("", language):
            raise LanguageUnknown(f"the recognizer hears {shared.only!r} only, not {language!r}")
        asked = shared if language is None else replace(shared, language=language)
        return type(self)(asked, patient=True)

    async def begin(self) -> None:
        await self.abandon()
        shared = self._shared
        if shared.pool.load_error is not None:
            raise EngineUnavailable(shared.pool.load_error)
        if self._urgent:
            shared.admission.enter()
        self._open = Utterance(
            language=shared.language,
            decoding=shared.decoding,
            look=Look(before=self._before, among=shared.languages),
        )

    async def feed(self, pcm16: bytes) -> None:
        await trio.lowlevel.checkpoint()  # first: one that is cancelled has taken nothing
        self._utterance().feed(pcm16)

    async def hypothesis(self) -> Hypothesis | None:
        utterance = self._utterance()
        talkers_per_lane = max(1, self._shared.admission.talking) / len(self._shared.pool.lanes)
        if not utterance.due(trio.current_time(), talkers_per_lane):
            await trio.lowlevel.checkpoint()
            return None
        utterance.asked_s = trio.current_time()
        found: Hypothesis | None = None
        with trio.move_on_after(PARTIAL_LIMIT_S):
            try:
                if (cut := utterance.to_settle()) is not None:
                    known = utterance.settled
                    piece = await self._sure(utterance, cut.pcm16, known, urgent=False)
                    utterance.settle(cut, piece)
                elif (cut := utterance.to_keep()) is not None:
                    await self._keep(utterance, cut)
                found = await self._partial(utterance)
            except EngineUnavailable:
                raise
            except EngineFailure:
                utterance.doubts["lost"] += 1  # the next one comes soon
        utterance.partial_s = trio.current_time() - utterance.asked_s
        return found

    async def conclude(self) -> Transcript:
        utterance = self._utterance()
        if utterance.concluded is None:
            believed, utterance.final_ms = len(utterance.confidences), 0.0
            try:
                utterance.concluded = await self._conclude(utterance)
            finally:
                del utterance.confidences[believed:]  # of words that will be heard again
        else:
            await trio.lowlevel.checkpoint()
        return utterance.concluded

    async def finish(self) -> Transcript:
        utterance = self._utterance()
        try:
            transcript = await self.conclude()
            if self._urgent:
                self._shared.admission.learn(
                    work_s=utterance.sure_ms / 1000,
                    final_s=utterance.final_ms / 1000,
                    audio_s=utterance.audio_s,
                )
            self._before = utterance.spoken_in or self._before
            return transcript
        finally:
            self._let_go()

    async def abandon(self) -> None:
        self._let_go()
        await trio.lowlevel.checkpoint()

    async def _conclude(self, utterance: Utterance) -> Transcript:
        said = list(utterance.settled)
        for pcm16 in utterance.final_pieces():
            said.append(await self._sure(utterance, pcm16, said, urgent=self._urgent))
        found = language_of(said)
        for at, piece in enumerate(said):
            if wrongly_heard(piece, found.language):
                said[at] = await self._sure(
                    utterance, piece.pcm16, language=found.language, urgent=self._urgent
                )
                if at < len(utterance.settled):
                    utterance.settled[at] = said[at]
        utterance.spoken_in = found.language if found.sure >= SURE else ""
        return utterance.transcript(said, found)

    async def _partial(self, utterance: Utterance) -> Hypothesis | None:
        covered = len(utterance.audio)

        def newest() -> Job:
            nonlocal covered
            covered = len(utterance.audio)
            return utterance.partial_job()

        lane = self._shared.pool.pick()
        decoded = await lane.call_late(self._shared.decode, newest, alike=utterance.partial_alike)
        return utterance.partial(decoded, covered)

    async def _keep(self, utterance: Utterance, cut: Cut) -> None:
        job = utterance.keep_job(cut)
        utterance.keep(cut, await self._call(job, urgent=False))

    async def _sure(
        self,
        utterance: Utterance,
        pcm16: bytes,
        before: Sequence[Piece] = (),
        *,
        language: str = "",
        urgent: bool,
    ) -> Piece:
        """What the final pass over some audio says; see `Utterance.careful`."""
        careful = utterance.careful(pcm16, before, language)
        believed = await self._carefully(utterance, careful, urgent=urgent)
        if believed is not None and (other := to_compare(believed)):
            careful = utterance.careful(pcm16, before, other)
            compared = await self._carefully(utterance, careful, urgent=urgent)
            believed = likelier(believed, compared)
        return utterance.believe(believed, pcm16)

    async def _carefully(
        self, utterance: Utterance, careful: CarefulDecode, *, urgent: bool
    ) -> Decoded | None:
        while (job := careful.next_job) is not None:
            decoded = await self._decode(job, urgent=urgent)
            utterance.note(decoded)
            utterance.sure_ms += decoded.ms
            if urgent:
                utterance.final_ms += decoded.ms
            careful.take(decoded)
        return careful.believed

    async def _decode(self, job: Job, *, urgent: bool) -> Decoded:
        for _ in range(ATTEMPTS - 1):
            try:
                return await self._call(job, urgent=urgent)
            except LaneLost:
                pass  # another lane, or the same one with its next worker
        return await self._call(job, urgent=urgent)

    async def _call(self, job: Job, *, urgent: bool) -> Decoded:
        lane = self._shared.pool.pick()
        return await lane.call_late(self._shared.decode, lambda: job, urgent=urgent)

    def _utterance(self) -> Utterance:
        if self._open is None:
            raise LaneLost("no utterance is open")
        return self._open

    def _let_go(self) -> None:
        if self._open is not None:
            self._open = None
            if self._urgent:
                self._shared.admission.leave()

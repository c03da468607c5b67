"""Speech to text by Whisper, in lanes: partials on tight windows, finals on wider ones.

The utterance's audio is kept here and every decode carries what it needs, so nothing of it lives
in a worker: a lane that dies costs one decode. What is decoded never grows with the utterance.
Beyond TAIL_S its beginning is decoded once, with the final's care, and kept; from then on only the
tail is looked at. So partials cost the same per second of speech however long one talks, and no
decode holds a lane for longer than one tail takes.

Where the model is slow for its machine, partials have a shorter way: as soon as one takes longer
than LATE_MS, what the tail begins with is decoded once more, greedily, and kept for partials alone.
So they stay young, and the final still has its whole tail.
"""

from __future__ import annotations

import functools
import math
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from ...config import Hearing, Transcribing
from ..failures import EngineFailure, EngineUnavailable, LaneLost
from ..lanes.pool import LanePool, numbered_lanes
from .admission import Admission, Expected
from .interface import Hypothesis, Transcript
from .recognizer import Recognizer
from .whisper_guards import Decoded, Guard, guard_of
from .whisper_window import (
    FULL_FRAMES,
    frames_of,
    pieces,
    quiet_point,
    seconds_of,
    token_cap,
)
from .whisper_worker import Pass, decode, load_named

TAIL_S = 12.0
"""The most that a partial looks at; of more, the beginning is settled."""
SETTLED_S = (5.0, 9.0)
"""Where a beginning may be cut off: behind enough words for a decode to make sense of, and far
enough from the end for the last words to keep their context."""

SHORTEST_S = 0.1
"""Less holds no word."""
LATE_MS = 140.0
"""A partial that took longer is the last one to look so far back: the next ones would take longer
still, and be told later than 250 ms after what they cover."""
KEPT_S = (1.5, 1.2)
"""What is kept for partials is at least so long, and ends at least so long before the newest audio:
a cut wants words on both sides."""
PARTIAL_MARGIN_S = 2.0
FINAL_MARGIN_S = 4.0
LEAST_WINDOW_S = 3.0
"""A model that was trained on 30 s gets at least so much."""

PARTIAL_LIMIT_S = 5.0
"""A partial that takes longer is given up: what it would say is old."""
PARTIAL_GAP_S = 0.25
"""Between the beginnings of two partials of an utterance, where there is time enough."""
SHARE = 0.6
"""Of the lanes' time for partials; the rest is the finals'."""

ATTEMPTS = 2
"""A decode whose lane died is asked for again, once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What the transcribers of a server share."""

    pool: LanePool
    admission: Admission
    language: str
    """A code, or "" to find out with the first words of each session."""
    beam: int
    """Of the final pass; partials are greedy."""
    guard: Callable[[Decoded], Guard | None] = guard_of
    tokens: Callable[[float], int] = token_cap
    """The most for so many seconds of audio."""


@dataclass(frozen=True, slots=True)
class _Kept:
    end: int
    """In bytes of the utterance."""
    words: list[str]


@dataclass(slots=True)
class _Open:
    audio: bytearray = field(default_factory=bytearray)
    cut: int = 0
    """Where the tail begins; what is before it is settled."""
    settled: list[str] = field(default_factory=list)
    """The words before the cut, as the final will have them."""
    kept: list[_Kept] = field(default_factory=list)
    """What partials know behind the cut, in order, without a gap."""
    partial_ms: float = 0.0
    """What the last partial took of the engine's time."""
    last: tuple[int, ...] = ()
    """The newest hypothesis for the tail, in tokens."""
    agreed: tuple[int, ...] = ()
    """What two hypotheses in a row began with: the next is told to begin with it."""
    asked_s: float = float("-inf")
    asked_bytes: int = 0
    partial_s: float = 0.0
    """What the last partial took, its wait included."""
    work_ms: float = 0.0
    """Of the engine's time, in all."""
    sure_ms: float = 0.0
    """Of that, for passes that cannot be left out."""
    final_ms: float = 0.0
    """Of that, after the utterance had ended."""
    confidences: list[tuple[float, int]] = field(default_factory=list)
    runs: int = 0
    doubts: Counter[str] = field(default_factory=Counter)
    concluded: Transcript | None = None
    """What it says, if nothing comes any more."""

    @property
    def audio_s(self) -> float:
        return seconds_of(len(self.audio))

    @property
    def tail_s(self) -> float:
        return seconds_of(len(self.audio) - self.cut)

    @property
    def looked_from(self) -> int:
        """Where the next partial begins to look."""
        return self.kept[-1].end if self.kept else self.cut

    @property
    def looked_s(self) -> float:
        return seconds_of(len(self.audio) - self.looked_from)

    def forget(self) -> None:
        """The next hypothesis begins with nothing: it looks at other audio, or the last was bad."""
        self.last = self.agreed = ()

    @property
    def confidence(self) -> float:
        """The likelihood of a token, as a geometric mean over all that was believed."""
        words = sum(count for _, count in self.confidences)
        if not words:
            return 0.0
        return math.exp(min(0.0, sum(p * count for p, count in self.confidences) / words))


FINAL_S = {"tiny": 0.1, "base": 0.2, "small": 0.5, "medium": 1.5, "large": 3.0, "turbo": 2.0}
"""About what a final pass takes on a core or two."""
USUAL_FINAL_S = 0.2


def expected(name: str) -> Expected:
    """What a model costs before it was heard to work, by the size in its name."""
    final_s = next((s for size, s in FINAL_S.items() if name.startswith(size)), USUAL_FINAL_S)
    return Expected(rtf=final_s / 4, final_s=final_s)


def lane_threads(wanted: int, lanes: int) -> int:
    """Threads of each lane; where nobody said, the cores are shared."""
    return wanted or max(1, (os.cpu_count() or 1) // lanes)


class WhisperTranscriber:
    """One per session."""

    def __init__(self, shared: Shared, session_id: str = "") -> None:
        self._shared = shared
        self._language = shared.language
        self._open: _Open | None = None

    async def begin(self) -> None:
        await self.abandon()
        if self._shared.pool.load_error is not None:
            raise EngineUnavailable(self._shared.pool.load_error)
        self._shared.admission.enter()
        self._open = _Open()

    async def feed(self, pcm16: bytes) -> None:
        utterance = self._utterance()
        utterance.audio += pcm16
        utterance.concluded = None
        await trio.lowlevel.checkpoint()

    async def hypothesis(self) -> Hypothesis | None:
        utterance = self._utterance()
        if not self._due(utterance):
            await trio.lowlevel.checkpoint()
            return None
        utterance.asked_s = trio.current_time()
        found: Hypothesis | None = None
        with trio.move_on_after(PARTIAL_LIMIT_S):
            try:
                if utterance.tail_s > TAIL_S:
                    await self._settle(utterance)
                elif self._late(utterance):
                    await self._keep(utterance)
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

    async def _conclude(self, utterance: _Open) -> Transcript:
        tail = bytes(utterance.audio[utterance.cut :])
        words = list(utterance.settled)
        if utterance.audio_s >= SHORTEST_S:
            for piece in pieces(tail, TAIL_S + 2):
                words += (await self._sure(utterance, piece, urgent=True)).split()
        return Transcript(
            text=" ".join(words),
            decode_ms=utterance.work_ms,
            audio_ms=utterance.audio_s * 1000,
            runs=utterance.runs,
            confidence=utterance.confidence,
            doubts=dict(utterance.doubts),
        )

    async def finish(self) -> Transcript:
        utterance = self._utterance()
        try:
            transcript = await self.conclude()
            self._shared.admission.learn(
                work_s=utterance.sure_ms / 1000,
                final_s=utterance.final_ms / 1000,
                audio_s=utterance.audio_s,
            )
            return transcript
        finally:
            self._let_go()

    async def abandon(self) -> None:
        self._let_go()
        await trio.lowlevel.checkpoint()

    # Decodes

    def _due(self, utterance: _Open) -> bool:
        """Whether another partial is worth its time, for this talker and beside the others."""
        fresh_s = seconds_of(len(utterance.audio) - utterance.asked_bytes)
        shared = self._shared
        # The more people talk, the longer each waits, so that all partials fit in their share.
        fair_s = (
            utterance.partial_s * max(1, shared.admission.talking) / len(shared.pool.lanes) / SHARE
        )
        wait_s = max(PARTIAL_GAP_S, min(fair_s, PARTIAL_LIMIT_S))
        return fresh_s >= PARTIAL_GAP_S / 2 and trio.current_time() >= utterance.asked_s + wait_s

    async def _partial(self, utterance: _Open) -> Hypothesis | None:
        covered = len(utterance.audio)

        def newest() -> Pass:
            nonlocal covered
            covered = utterance.asked_bytes = len(utterance.audio)
            tail = bytes(utterance.audio[utterance.looked_from :])
            return self._pass(tail, PARTIAL_MARGIN_S, beam=1, begins=utterance.agreed)

        # Windows of about one size share a call; another would be padded to the widest.
        alike = ("partial", int(utterance.looked_s // 2), len(utterance.agreed))
        decoded = await self._shared.pool.pick().call_late(decode, newest, alike=alike)
        self._note(utterance, decoded)
        utterance.partial_ms = decoded.ms
        if guard := self._shared.guard(decoded):
            utterance.doubts[guard.value] += 1
            utterance.forget()  # perhaps that was the trap
            return None
        # The last word of what agrees may be one that is just being said.
        utterance.agreed = _common(utterance.last, decoded.tokens)[:-1]
        utterance.last = decoded.tokens
        kept = [word for part in utterance.kept for word in part.words]
        words = [*utterance.settled, *kept, *decoded.text.split()]
        return Hypothesis(" ".join(words), covered)

    def _late(self, utterance: _Open) -> bool:
        """Whether partials should look less far back, and can."""
        return utterance.partial_ms > LATE_MS and utterance.looked_s > sum(KEPT_S)

    async def _keep(self, utterance: _Open) -> None:
        """Decode what partials begin with once more, and look at it in no other partial."""
        least_s, rest_s = KEPT_S
        looked = bytes(utterance.audio[utterance.looked_from :])
        at = quiet_point(looked, least_s, utterance.looked_s - rest_s)
        job = self._pass(looked[:at], PARTIAL_MARGIN_S, beam=1)
        decoded = await self._shared.pool.pick().call_late(decode, lambda: job)
        self._note(utterance, decoded)
        if guard := self._shared.guard(decoded):
            utterance.doubts[guard.value] += 1
            utterance.partial_ms = 0.0  # another place, when the next partial was slow
            return
        utterance.kept.append(_Kept(utterance.looked_from + at, decoded.text.split()))
        utterance.partial_ms = 0.0
        utterance.forget()

    async def _settle(self, utterance: _Open) -> None:
        """Decode the beginning of the tail with care, and look at it no more."""
        tail = bytes(utterance.audio[utterance.cut :])
        # Where partials were cut already the words behind are known, and it was quiet there.
        known = [part.end - utterance.cut for part in utterance.kept]
        first_s, last_s = SETTLED_S
        fit = [end for end in known if first_s <= seconds_of(end) <= last_s]
        at = fit[-1] if fit else quiet_point(tail, *SETTLED_S)
        text = await self._sure(utterance, tail[:at], urgent=False)
        utterance.settled += text.split()
        utterance.cut += at
        behind = [part for part in utterance.kept if part.end > utterance.cut]
        utterance.kept = behind if fit else []
        utterance.forget()

    async def _sure(self, utterance: _Open, pcm16: bytes, *, urgent: bool) -> str:
        """The final pass over some audio: what a guard does not believe is decoded again in the
        window that the model was trained on, and if that is not believed either, it is nothing or
        the likelier of the two."""
        first = await self._careful(utterance, pcm16, None, urgent)
        guard = self._shared.guard(first)
        if guard is None:
            return self._believed(utterance, first)
        utterance.doubts[guard.value] += 1
        if guard is Guard.SILENCE:
            return ""
        second = await self._careful(utterance, pcm16, FULL_FRAMES, urgent)
        guard = self._shared.guard(second)
        if guard is None:
            return self._believed(utterance, second)
        utterance.doubts[f"{guard.value}, padded"] += 1
        unsure = [d for d in (first, second) if self._shared.guard(d) is Guard.UNSURE]
        if not unsure:
            return ""  # loops and silence: nobody said that
        return self._believed(utterance, max(unsure, key=lambda d: d.log_probability))

    async def _careful(
        self, utterance: _Open, pcm16: bytes, frames: int | None, urgent: bool
    ) -> Decoded:
        job = self._pass(pcm16, FINAL_MARGIN_S, beam=self._shared.beam, frames=frames)
        for attempt in range(ATTEMPTS):
            try:
                lane = self._shared.pool.pick()
                decoded = await lane.call_late(decode, lambda: job, urgent=urgent)
                break
            except LaneLost:
                if attempt == ATTEMPTS - 1:
                    raise
        self._note(utterance, decoded)
        utterance.sure_ms += decoded.ms
        if urgent:
            utterance.final_ms += decoded.ms
        return decoded

    def _pass(
        self,
        pcm16: bytes,
        margin_s: float,
        *,
        beam: int,
        frames: int | None = None,
        begins: tuple[int, ...] = (),
    ) -> Pass:
        audio_s = seconds_of(len(pcm16))
        return Pass(
            pcm16=pcm16,
            frames=frames or frames_of(audio_s, margin_s, LEAST_WINDOW_S),
            beam=beam,
            tokens=self._shared.tokens(audio_s),
            language=self._language,
            begins=begins,
        )

    def _note(self, utterance: _Open, decoded: Decoded) -> None:
        utterance.work_ms += decoded.ms
        utterance.runs += 1
        if not self._language and decoded.text:
            self._language = decoded.language

    def _believed(self, utterance: _Open, decoded: Decoded) -> str:
        words = len(decoded.text.split())
        utterance.confidences.append((decoded.log_probability, words))
        return decoded.text

    def _utterance(self) -> _Open:
        if self._open is None:
            raise LaneLost("no utterance is open")
        return self._open

    def _let_go(self) -> None:
        if self._open is not None:
            self._open = None
            self._shared.admission.leave()


def _common(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    """What both begin with."""
    for index, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return one[:index]
    return min(one, other, key=len)


@asynccontextmanager
async def opened(transcribing: Transcribing, hearing: Hearing) -> AsyncIterator[Recognizer]:
    """The recognizer as the settings describe it. Nothing can fail here: its lanes load it."""
    threads = lane_threads(transcribing.threads, transcribing.lanes)
    load = functools.partial(
        load_named, transcribing.whisper_model, transcribing.models_dir, threads
    )
    lanes = numbered_lanes("asr", transcribing.lanes, load)
    admission = Admission(len(lanes), expected(transcribing.whisper_model))
    shared = Shared(
        pool=LanePool(lanes),
        admission=admission,
        language="" if transcribing.language == "auto" else transcribing.language,
        beam=transcribing.beam,
    )
    yield Recognizer(
        make=lambda session: WhisperTranscriber(shared), lanes=lanes, admission=admission
    )

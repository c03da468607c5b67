"""What is decided about an utterance that is decoded when it is asked for; needs neither Trio nor a
model.

The utterance's audio is kept here, and every decode carries what it needs. What is decoded never
grows with the utterance. Beyond TAIL_S its beginning is decoded once, with the final's care, and
kept (it is settled); from then on only the tail is looked at. So partials cost the same per second
of speech however long one talks, and no decode holds a lane for longer than one tail takes.

Where the model is slow for its machine, partials have a shorter way: as soon as one takes longer
than the engine's `late_ms`, what the tail begins with is decoded once more, greedily, and kept for
partials alone. So they stay young, and the final still has its whole tail.

Each decode is a job that is made here, and its result is given back here.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

from .careful_decode import CarefulDecode
from .decoded import Decoded, Guard, says_twice
from .decoding import Decoding, Job
from .interface import Hypothesis, Transcript
from .quiet_cuts import pieces, quiet_point, seconds_of
from .spoken_language import Found, Look, Piece, SpokenLanguage

TAIL_S = 12.0
"""The most that a partial looks at; of more, the beginning is settled."""
SETTLED_S = (5.0, 9.0)
"""Where a beginning may be cut off: behind enough words for a decode to make sense of, and far
enough from the end for the last words to keep their context."""

SHORTEST_S = 0.1
"""Less holds no word."""
KEPT_S = (1.5, 1.2)
"""What is kept for partials is at least so long, and ends at least so long before the newest audio:
a cut wants words on both sides."""
PARTIAL_LIMIT_S = 5.0
"""A partial that takes longer is given up: what it would say is old."""
PARTIAL_GAP_S = 0.3
"""Between the beginnings of two partials of an utterance, where there is time enough. Nobody reads
faster than three times a second, and each looks at all that was said."""
FIRST_GAP_S = 0.1
"""Before there were any words: half a second is decoded in no time, and somebody waits for a sign
that they are heard."""
SNIPPET_S = 2.0
"""Of less, models say what they heard twice ("Two, two,"): no partial says anything twice."""
SHARE = 0.6
"""Of the lanes' time for partials; the rest is the finals'."""


@dataclass(frozen=True, slots=True)
class Kept:
    """Words that partials need not look for again, of the audio up to `end`."""

    end: int
    """In bytes of the utterance."""
    words: list[str]


@dataclass(frozen=True, slots=True)
class Cut:
    """A piece at the beginning of the tail, or of what partials look at, that is to be decoded
    for good."""

    pcm16: bytes
    keeps_kept: bool = False
    """Whether it ends where kept words end, so that those behind it stay known."""


@dataclass(slots=True, kw_only=True)
class Utterance:
    """One utterance, from its first audio to its final text."""

    language: str
    """A code, or "" to find out."""
    decoding: Decoding
    look: Look = field(default_factory=Look)
    """How it is found out."""
    spoken_language: SpokenLanguage = field(init=False)

    audio: bytearray = field(default_factory=bytearray)
    cut: int = 0
    """Where the tail begins; what is before it is settled."""
    settled: list[Piece] = field(default_factory=list)
    """What was said before the cut, as the final will have it."""
    kept: list[Kept] = field(default_factory=list)
    """What partials know behind the cut, in order, without a gap."""
    told: bool = False
    """Whether a partial was believed yet."""
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
    spoken_in: str = ""
    """Its language, where that is sure enough to expect it of the next one."""
    concluded: Transcript | None = None
    """What it says, if nothing comes any more."""

    def __post_init__(self) -> None:
        self.spoken_language = SpokenLanguage(self.language, self.look)

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

    @property
    def confidence(self) -> float:
        """The likelihood of a token, as a geometric mean over all that was believed."""
        words = sum(count for _, count in self.confidences)
        if not words:
            return 0.0
        return math.exp(min(0.0, sum(p * count for p, count in self.confidences) / words))

    def feed(self, pcm16: bytes) -> None:
        self.audio += pcm16
        self.concluded = None

    def note(self, decoded: Decoded) -> None:
        """Count a decode, whatever it says."""
        self.work_ms += decoded.ms
        self.runs += 1

    # Partials

    def due(self, now_s: float, talkers_per_lane: float) -> bool:
        """Whether another partial is worth its time, for this talker and beside the others."""
        fresh_s = seconds_of(len(self.audio) - self.asked_bytes)
        # The more people talk, the longer each waits, so that all partials fit in their share; and
        # nobody takes more of a core for partials than is worth it, however long they talk.
        fair_s = self.partial_s * talkers_per_lane / SHARE
        own_s = self.partial_ms / 1000 / self.decoding.own_share if self.told else 0.0
        gap_s = PARTIAL_GAP_S if self.told else FIRST_GAP_S
        wait_s = max(gap_s, min(max(fair_s, own_s), PARTIAL_LIMIT_S))
        return fresh_s >= gap_s / 2 and now_s >= self.asked_s + wait_s

    def partial_job(self) -> Job:
        """The next partial's decode, with all the audio there is by now."""
        self.asked_bytes = len(self.audio)
        tail = bytes(self.audio[self.looked_from :])
        return self.decoding.partial(
            tail,
            begins=self.agreed,
            language=self.spoken_language.of_partials,
            look=self.spoken_language.look_of_partial(self.looked_s),
        )

    @property
    def partial_alike(self) -> Hashable:
        """Partials for which this is equal can share a call."""
        return self.decoding.alike(self.looked_s, len(self.agreed))

    def partial(self, decoded: Decoded, covered: int) -> Hypothesis | None:
        """What a partial's decode of the audio up to `covered` says; None where it is not
        believed."""
        self.note(decoded)
        self.partial_ms = decoded.ms
        looked_s = seconds_of(covered - self.looked_from)
        if self.spoken_language.seen(decoded.found, looked_s) and decoded.language != decoded.found:
            self.kept.clear()  # in the wrong language, all of it
            self._forget()
            return None
        guard = self.decoding.guard(decoded)
        if guard is None and seconds_of(covered) < SNIPPET_S and says_twice(decoded.text):
            guard = Guard.DOUBLED
        if guard:
            self.doubts[guard.value] += 1
            self._forget()  # perhaps that was the trap
            return None
        self.told = True
        # The last word of what agrees may be one that is just being said.
        self.agreed = (
            common(self.last, decoded.tokens)[:-1] if self.spoken_language.of_partials else ()
        )
        self.last = decoded.tokens
        words = [word for piece in self.settled for word in piece.words]
        words += [word for part in self.kept for word in part.words]
        return Hypothesis(" ".join([*words, *decoded.text.split()]), covered)

    # What is looked at no more

    def to_settle(self) -> Cut | None:
        """The beginning of a tail that is too long; None where it is not."""
        if self.tail_s <= TAIL_S:
            return None
        tail = bytes(self.audio[self.cut :])
        # Where partials were cut already the words behind are known, and it was quiet there.
        known = [part.end - self.cut for part in self.kept]
        first_s, last_s = SETTLED_S
        fit = [end for end in known if first_s <= seconds_of(end) <= last_s]
        at = fit[-1] if fit else quiet_point(tail, *SETTLED_S)
        return Cut(tail[:at], keeps_kept=bool(fit))

    def settle(self, cut: Cut, piece: Piece) -> None:
        """The beginning says that, for good."""
        self.settled.append(piece)
        self.cut += len(cut.pcm16)
        behind = [part for part in self.kept if part.end > self.cut]
        self.kept = behind if cut.keeps_kept else []
        self._forget()

    def to_keep(self) -> Cut | None:
        """What partials should look at no more, as the last one was slow; None where it was not,
        or where that is too short to be cut."""
        if self.partial_ms <= self.decoding.late_ms or self.looked_s <= sum(KEPT_S):
            return None
        least_s, rest_s = KEPT_S
        looked = bytes(self.audio[self.looked_from :])
        return Cut(looked[: quiet_point(looked, least_s, self.looked_s - rest_s)])

    def keep_job(self, cut: Cut) -> Job:
        return self.decoding.partial(
            cut.pcm16, begins=(), language=self.spoken_language.of_partials
        )

    def keep(self, cut: Cut, decoded: Decoded) -> None:
        """Partials begin behind `cut` from now on, unless its decode is not believed."""
        self.note(decoded)
        self.partial_ms = 0.0  # where it is doubted: another place, when the next partial was slow
        if guard := self.decoding.guard(decoded):
            self.doubts[guard.value] += 1
            return
        self.kept.append(Kept(self.looked_from + len(cut.pcm16), decoded.text.split()))
        self._forget()

    # Final words

    def careful(
        self, pcm16: bytes, before: Sequence[Piece] = (), language: str = ""
    ) -> CarefulDecode:
        """The final pass over some audio, behind pieces that are known. `language`: the one in
        which it is, where that is known now."""
        spoken = language or self.language
        look = None if spoken else self.spoken_language.look_of_piece(before)
        return CarefulDecode(
            job=lambda again: self.decoding.final(pcm16, language=spoken, again=again, look=look),
            guard=self.decoding.guard,
            doubts=self.doubts,
        )

    def believe(self, decoded: Decoded | None, pcm16: bytes) -> Piece:
        """What a final pass says, whose likelihood counts from now on; None: nothing."""
        if decoded is None:
            return Piece(pcm16, ())
        words = tuple(decoded.text.split())
        self.confidences.append((decoded.log_probability, len(words)))
        sure = decoded.sure if decoded.found == decoded.language else 1.0
        return Piece(pcm16, words, decoded.language or self.language, sure)

    def final_pieces(self) -> list[bytes]:
        """What a final has still to decode; nothing where the utterance holds no word."""
        tail = bytes(self.audio[self.cut :])
        return pieces(tail, TAIL_S + 2) if self.audio_s >= SHORTEST_S else []

    def transcript(self, said: Sequence[Piece], found: Found) -> Transcript:
        return Transcript(
            text=" ".join(word for piece in said for word in piece.words),
            language=found.language or None,
            decode_ms=self.work_ms,
            audio_ms=self.audio_s * 1000,
            runs=self.runs,
            confidence=self.confidence,
            doubts=dict(self.doubts),
        )

    def _forget(self) -> None:
        """The next hypothesis begins with nothing: it looks at other audio, or the last was bad."""
        self.last = self.agreed = ()


def common(one: tuple[int, ...], other: tuple[int, ...]) -> tuple[int, ...]:
    """What both begin with."""
    for index, (a, b) in enumerate(zip(one, other, strict=False)):
        if a != b:
            return one[:index]
    return min(one, other, key=len)

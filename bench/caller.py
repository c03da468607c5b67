"""One caller: a session that talks, listens, and notes how late everything was.

The microphone is always open: a frame leaves every `frame_ms`, of quiet or of speech. What is said
is a Line; the next one begins when the reply to the one before has been played. The caller plays
reply audio as a real one would, piece after piece, so that a piece which comes when nothing is
left to play is a gap.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

import trio

from ..client.wire import Unreachable, Wire, WireClosed, first_of
from .tongues import Tongue, Word

GAP_S = 0.005
"""A player's own buffer hides less than this."""
REPLY_LIMIT_S = 20.0
"""A reply that has not begun and ended by then never will."""
PAUSE_S = (0.2, 0.8)
"""Between a reply's end and the next words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """Something to say: frames, and what the final transcript must be."""

    frames: Sequence[bytes]
    words: str
    speech: range | None = None
    """Which of the frames hold speech; None: all of them."""

    def speaks_in(self, frame: int) -> bool:
        return self.speech is None or frame in self.speech


@dataclass(slots=True)
class Notes:
    """What one or many callers saw. Times in seconds, of what was seen while `counting`; failures
    and connections are noted always."""

    ready_s: list[float] = field(default_factory=list)
    """Connecting until the server's greeting."""
    frame_lag_s: list[float] = field(default_factory=list)
    """A frame was sent until a partial that covers it came."""
    final_s: list[float] = field(default_factory=list)
    """The last frame of speech was sent until its final came, silence window included."""
    first_audio_s: list[float] = field(default_factory=list)
    """The last frame of speech was sent until the first reply audio came."""
    audio_late_s: list[float] = field(default_factory=list)
    """A piece of reply audio came after the moment at which its lead asks for it."""
    gaps_s: list[float] = field(default_factory=list)
    """Silences in the playing of a reply."""
    pacing_s: list[float] = field(default_factory=list)
    """The caller's own frames left later than they should: its machine is too slow."""
    lines: int = 0
    complete: int = 0
    wrong: list[str] = field(default_factory=list)
    """Finals that are not what was said, each as "said | heard"."""
    failures: list[str] = field(default_factory=list)
    frames: int = 0
    """Of audio that were sent."""
    speech_frames: int = 0
    """Of these, such with speech."""
    sent_bytes: int = 0
    heard_bytes: int = 0
    """Payload of messages in both directions."""
    heard_messages: int = 0
    reply_s: float = 0.0
    """Seconds of reply audio that came."""

    def add(self, other: Notes) -> None:
        for name in self.__slots__:
            mine, theirs = getattr(self, name), getattr(other, name)
            setattr(self, name, mine + theirs)


@dataclass(slots=True, kw_only=True)
class Caller:
    connect: Callable[[], AbstractAsyncContextManager[Wire]]
    """Opens the connection; raises Unreachable."""
    tongue: Tongue
    frame_ms: int
    lead_s: float
    next_line: Callable[[], Line]
    rng: random.Random
    frame_of_partial: Callable[[str], int] = lambda text: -1
    """Which frame of the line a partial has got to; -1 where its text does not tell."""
    may_talk: Callable[[], bool] = lambda: True
    """Whether this caller may begin a line now."""
    talked: Callable[[], None] = lambda: None
    """Called when a line has been said and answered."""
    hush: str | None = None
    """Sent when the final has come, to hear no reply; None: the reply is heard to its end."""
    counting: bool = False
    notes: Notes = field(default_factory=Notes)
    greeted: trio.Event = field(default_factory=trio.Event)

    _line: Line | None = None
    _said: int = 0
    _sent_s: list[float] = field(default_factory=list)
    _said_s: list[float] = field(default_factory=list)
    _counted: bool = False
    _final: str | None = None
    _over: bool = False
    _first_audio_s: float = math.inf
    _played_until_s: float = -math.inf
    _audio_s: float = 0.0
    _asked_s: float = 0.0

    @property
    def between_lines(self) -> bool:
        """Whether nothing that it said waits for its answer."""
        return self._line is None

    @property
    def said_frames(self) -> int:
        """How much of its line it has said; 0 between lines."""
        return self._said if self._line is not None else 0

    async def run(self) -> None:
        """Until cancelled. A connection that is lost is noted, and ends it."""
        began_s = trio.current_time()
        try:
            async with self.connect() as wire, trio.open_nursery() as nursery:
                nursery.start_soon(self._listen, wire, began_s)
                await self.greeted.wait()
                for frame in self.tongue.opening():
                    await wire.send(frame)
                await self._talk(wire)
        except* (WireClosed, Unreachable) as lost:
            self.notes.failures.append(str(first_of(lost)))
            self.greeted.set()

    async def _talk(self, wire: Wire) -> None:
        period_s = self.frame_ms / 1000
        quiet = bytes(self.tongue.rate_hz * self.frame_ms // 1000 * 2)
        next_s = trio.current_time() + self.rng.uniform(0, period_s)
        resume_s = next_s + self.rng.uniform(*PAUSE_S)
        while True:
            await trio.sleep_until(next_s)
            now_s = trio.current_time()
            if self.counting:
                self.notes.pacing_s.append(now_s - next_s)
            next_s += period_s
            if self._line is None and now_s >= resume_s and self.may_talk():
                self._begin(now_s)
            frame = quiet
            if self._line is not None:
                if self._said < len(self._line.frames):
                    frame = self._line.frames[self._said]
                    self.notes.speech_frames += self.counting and self._line.speaks_in(self._said)
                    self._said += 1
                    self._said_s.append(now_s)
                elif self._answered(now_s):
                    resume_s = now_s + self.rng.uniform(*PAUSE_S)
            if self.hush is not None and self._line is not None and self._final is not None:
                await wire.send(self.hush)
                self._over, self._played_until_s = True, now_s
            self._sent_s.append(now_s)
            message = self.tongue.audio(frame)
            if self.counting:
                self.notes.frames += 1
                self.notes.sent_bytes += len(message)
            await wire.send(message)

    def _begin(self, now_s: float) -> None:
        self._line = self.next_line()
        self._said, self._said_s = 0, []
        self._counted = self.counting
        self._final, self._over = None, False
        self._first_audio_s, self._played_until_s, self._audio_s = math.inf, -math.inf, 0.0
        self._asked_s = now_s
        self.notes.lines += self._counted

    def _answered(self, now_s: float) -> bool:
        """Whether the line is done with: answered and played, or given up."""
        done = self._over and now_s >= self._played_until_s
        late = now_s > self._said_s[-1] + REPLY_LIMIT_S + self._audio_s
        if not (done or late):
            return False
        if self._counted:
            self.notes.complete += done
            if not done:
                self.notes.failures.append(f"no whole reply to {self._line!s:.60}")
        self._line = None
        self.talked()
        return True

    async def _listen(self, wire: Wire, began_s: float) -> None:
        while True:
            frame = await wire.receive()
            now_s = trio.current_time()
            word = self.tongue.hear(frame)
            if self.counting:
                self.notes.heard_messages += 1
                self.notes.heard_bytes += len(frame)
                self.notes.reply_s += word.audio_s
            match word.kind:
                case "greeting" if not self.greeted.is_set():
                    self.notes.ready_s.append(now_s - began_s)
                    self.greeted.set()
                case "partial":
                    self._partial(word, now_s)
                case "final":
                    self._finalized(word.text, now_s)
                case "audio":
                    self._audio(word.audio_s, now_s)
                case "over":
                    self._over = True
                case "failure" if not (self.hush and word.text.startswith("CANCELLED")):
                    self.notes.failures.append(word.text)

    def _partial(self, word: Word, now_s: float) -> None:
        if not self._counted:
            return
        times_s, frame = self._said_s, self.frame_of_partial(word.text)
        if word.covers_ms is not None:
            # The newest sample that the partial covers lies in this frame of all that were sent.
            times_s, frame = self._sent_s, math.ceil(word.covers_ms / self.frame_ms) - 1
        if 0 <= frame < len(times_s):
            self.notes.frame_lag_s.append(now_s - times_s[frame])

    def _finalized(self, text: str, now_s: float) -> None:
        if self._line is None:
            return
        if self._final is not None:
            text = f"{self._final} {text}"
        self._final = text
        if not self._counted:
            return
        if self._line.words and text != self._line.words:
            self.notes.wrong.append(f"{self._line.words} | {text}")
        if self._said_s:
            self.notes.final_s.append(now_s - self._said_s[-1])

    def _audio(self, audio_s: float, now_s: float) -> None:
        if self._first_audio_s == math.inf:
            self._first_audio_s = self._played_until_s = now_s
            if self._counted and self._said_s:
                self.notes.first_audio_s.append(now_s - self._said_s[-1])
        elif self._counted:
            due_s = max(self._first_audio_s, self._first_audio_s + self._audio_s - self.lead_s)
            self.notes.audio_late_s.append(max(0.0, now_s - due_s))
            if now_s > self._played_until_s + GAP_S:
                self.notes.gaps_s.append(now_s - self._played_until_s)
        self._audio_s += audio_s
        self._played_until_s = max(self._played_until_s, now_s) + audio_s

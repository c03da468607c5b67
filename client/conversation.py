"""A conversation from the client's side: audio out in real time, messages in. An `End` says how the
protocol spells them.

    async with conversation(wire, pace) as talk:
        utterance = await talk.play("weather", pcm16)

The microphone stays open: after a recording silence is sent until the reply has completed and
been played, so a server that counts audio, not seconds, goes on hearing time pass. One task reads
the wire all the time and stamps what it gets; the caller's task is the only one that sends.

ClosedEarly where the server goes away or stops reading, NoGreeting where it never says hello.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from .ends import End, PromptVoiceEnd
from .incoming import Info, Phrase, Problem, Unreadable
from .speech_edges import speech_edges
from .utterance import Heard, SentLog, Utterance
from .wire import Wire, WireClosed

GREETING_S = 10.0
"""A server may load a model for a session's lane before it says hello."""
STALL_S = 10.0
"""A server that reads nothing for so long will not read any more."""


class ClosedEarly(Exception):
    """The conversation ended before its time. The text is one line for a person."""


class NoGreeting(Exception):
    """What answers at this address does not speak the protocol."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How audio goes out: `speed` 1.0 is real time, 6.0 six times as fast."""

    rate_hz: int = 16_000
    chunk_ms: int = 100
    speed: float = 1.0
    reply_timeout_s: float = 30.0
    """How long after the recording's last sample its reply may take to complete."""

    def __post_init__(self) -> None:
        if self.rate_hz <= 0 or self.chunk_ms <= 0 or self.speed <= 0 or self.reply_timeout_s <= 0:
            raise ValueError("rate_hz, chunk_ms, speed and reply_timeout_s must be over 0")

    @property
    def chunk_bytes(self) -> int:
        return 2 * (self.rate_hz * self.chunk_ms // 1000)

    @property
    def chunk_s(self) -> float:
        """Seconds between two chunks."""
        return self.chunk_ms / 1000 / self.speed


def ignore(_: Heard) -> None:
    """The listener of a conversation that nobody watches."""


@asynccontextmanager
async def conversation(
    wire: Wire,
    pace: Pace,
    listener: Callable[[Heard], None] = ignore,
    end: End | None = None,
) -> AsyncIterator[Conversation]:
    """A conversation that has been greeted and started, and is stopped on the way out.

    `listener` is called with every message as it comes, from the reading task. `end` speaks the
    protocol; None: dialect A.
    """
    failure: Exception | None = None
    async with trio.open_nursery() as nursery:
        talk = Conversation(wire, pace, listener, end or PromptVoiceEnd())
        nursery.start_soon(talk._listen)
        try:
            await talk._open()
            yield talk
            await talk._stop()
        except Exception as error:
            # Raised again below, outside the nursery: callers get it bare, not in a group.
            failure = error
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure


@dataclass(slots=True)
class Conversation:
    """Made by `conversation`. Its methods are for one task."""

    _wire: Wire
    _pace: Pace
    _listener: Callable[[Heard], None]
    _end: End
    sent: SentLog = field(init=False)
    session_id: str = ""
    _current: Utterance = field(init=False)
    _greeted: trio.Event = field(default_factory=trio.Event)
    _closed: WireClosed | Unreadable | None = None
    _last_problem: Problem | None = None
    _next_at: float = 0.0
    _keep_audio: bool = True
    _to_say: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sent = SentLog(self._pace.rate_hz)
        self._current = Utterance(name="", sent=self.sent)

    async def play(self, name: str, pcm16: bytes) -> Utterance:
        """Speak a recording (mono, at the pace's rate) and wait for its reply to be over.

        The reply is over when it is complete and, in real time, played. After
        `reply_timeout_s` the result is what was heard until then.
        """
        edges = speech_edges(pcm16, self._pace.rate_hz)
        start_ms = 1000 * self.sent.samples / self._pace.rate_hz
        utterance = Utterance(
            name=name,
            sent=self.sent,
            onset_ms=start_ms + edges.onset_ms if edges else None,
            last_ms=start_ms + edges.last_ms if edges else None,
        )
        self._current = utterance
        size = self._pace.chunk_bytes
        for start in range(0, len(pcm16), size):
            # The last one is filled up: every chunk is as long as the pace says.
            await self.send_audio(pcm16[start : start + size].ljust(size, b"\0"))
        deadline = trio.current_time() + self._pace.reply_timeout_s
        while not self._over(utterance) and trio.current_time() < deadline:
            await self.send_audio(bytes(size))
        return utterance

    async def stream(self, frames: AsyncIterator[bytes], name: str = "microphone") -> Utterance:
        """Send frames as they come, until they end; for sources that pace themselves.

        What is heard is kept without its audio, so that an evening's talk stays small; the
        listener gets everything.
        """
        self._current = Utterance(name=name, sent=self.sent)
        self._keep_audio = False
        async for frame in frames:
            await self._send(frame)
        return self._current

    async def send_audio(self, pcm16: bytes) -> None:
        """One chunk when it is due. Late chunks follow at once, none is left out."""
        now = trio.current_time()
        if now - self._next_at > 1.0:
            self._next_at = now  # a pause between recordings is not a backlog
        await trio.sleep_until(self._next_at)
        self._next_at += self._pace.chunk_s
        await self._send(pcm16)

    def say_soon(self, frame: str) -> None:
        """Have a frame sent before the next audio, or at the end. For listeners, which must not
        wait."""
        self._to_say.append(frame)

    async def _say(self) -> None:
        while self._to_say:
            await self._send_frame(self._to_say.pop(0))

    def _over(self, utterance: Utterance) -> bool:
        if not utterance.settled():
            return False
        return self._pace.speed != 1.0 or trio.current_time() >= utterance.playback_ends_at()

    async def _open(self) -> None:
        with trio.move_on_after(GREETING_S):
            await self._greeted.wait()
        self._check()
        if not self._greeted.is_set():
            raise NoGreeting(f"the server did not greet within {GREETING_S:.0f} s")
        for frame in self._end.opening(self._pace.rate_hz):
            await self._send_frame(frame)
        self._next_at = trio.current_time()

    async def _stop(self) -> None:
        await self._say()
        for frame in self._end.closing():
            await self._send_frame(frame)

    async def _send(self, pcm16: bytes) -> None:
        await self._say()
        at = trio.current_time()
        await self._send_frame(self._end.audio(pcm16))
        self.sent.add(len(pcm16) // 2, at)

    async def _send_frame(self, frame: str | bytes) -> None:
        self._check()
        # A frame cut in the middle spoils the connection, so this ends the conversation.
        with trio.move_on_after(STALL_S) as limit:
            try:
                await self._wire.send(frame)
            except WireClosed as closed:
                self._closed = self._closed or closed
                self._check()
        if limit.cancelled_caught:
            raise ClosedEarly(f"the server has read nothing for {STALL_S:.0f} s")

    def _check(self) -> None:
        if self._closed is None:
            return
        if isinstance(self._closed, Unreadable):
            raise NoGreeting(f"the server does not speak Parley's {self._end.path}: {self._closed}")
        why = f"the server {self._closed}"
        if self._last_problem is not None:
            why += f" after {self._last_problem.code} ({self._last_problem.message})"
        raise ClosedEarly(why)

    async def _listen(self) -> None:
        while True:
            try:
                frame = await self._wire.receive()
                now_s = trio.current_time()
                messages = self._end.read(frame)
            except (WireClosed, Unreadable) as end:
                self._closed = end
                self._greeted.set()
                return
            for message in messages:
                self._take(Heard(now_s, message))

    def _take(self, heard: Heard) -> None:
        match heard.message:
            case Info(session_id=session_id) if session_id:
                self.session_id = session_id
                self._greeted.set()
            case Problem() as problem if not problem.recoverable:
                self._last_problem = problem
            case _:
                pass
        self._listener(heard)
        if isinstance(heard.message, Phrase) and not self._keep_audio:
            heard = Heard(heard.at, Phrase(seq=heard.message.seq, audio_b64=b""))
        self._current.heard.append(heard)

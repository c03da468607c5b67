"""Audio from outside to a session's client: a server's broadcast, an embedder's own.

In a session that does one thing at a time (see `parley.turnstile`) it is let in like everything
else, by a task of the session, so that a recording has it and a replay plays it again.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from ..engines.tts.interface import Speech
from ..protocol.dialect import Profile
from ..protocol.events import PhraseDone, ReplyAudio
from ..turnstile import Turnstile
from .outbox import Outbox
from .speech_pieces import at_rate, pieces


@dataclass(frozen=True, slots=True)
class _Play:
    speech: Speech
    over: trio.Event = field(default_factory=trio.Event)


class Announcer:
    """One per session. `run` is a child of sessions that have a turnstile, and of no other."""

    def __init__(
        self,
        *,
        outbox: Outbox,
        next_seq: Callable[[], int],
        profile: Profile,
        turnstile: Turnstile | None,
    ) -> None:
        self._outbox = outbox
        self._next_seq = next_seq
        self._profile = profile
        self._turnstile = turnstile
        # No bound of its own: each caller waits for its own audio to be sent.
        self._queue: tuple[trio.MemorySendChannel[_Play], trio.MemoryReceiveChannel[_Play]]
        self._queue = trio.open_memory_channel(math.inf)
        self._waiting: set[_Play] = set()
        self._number = 0

    async def play(self, pcm16: bytes, rate_hz: int) -> None:
        """Returns when it was sent, or the session is over."""
        if self._turnstile is None:
            await self._send(Speech(pcm16=pcm16, rate_hz=rate_hz))
        else:
            await self.queue(pcm16, rate_hz).wait()

    def queue(self, pcm16: bytes, rate_hz: int) -> trio.Event:
        """Have it played by `run`; what is set when that is over."""
        play = _Play(Speech(pcm16=pcm16, rate_hz=rate_hz))
        try:
            self._queue[0].send_nowait(play)
            self._waiting.add(play)
        except trio.BrokenResourceError:
            play.over.set()  # the session is over
        return play.over

    async def run(self) -> None:
        turnstile = self._turnstile
        while turnstile is not None:
            play = await self._queue[1].receive()
            self._number += 1
            source = f"play#{self._number}"
            await turnstile.admit(source)
            turnstile.note_audio(source, {"rate_hz": play.speech.rate_hz}, play.speech.pcm16)
            try:
                await self._send(play.speech)
            finally:  # whoever waits for it does not wait for what crashed over it
                self._waiting.discard(play)
                play.over.set()

    def end(self) -> None:
        """The session is over: nobody waits any longer."""
        self._queue[1].close()
        for play in self._waiting:
            play.over.set()

    async def _send(self, speech: Speech) -> None:
        speech = at_rate(speech, self._profile.reply_rate_hz)
        seq = self._next_seq()
        with contextlib.suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            for piece in pieces(speech, self._profile.reply_frame_ms):
                await self._outbox.send(
                    ReplyAudio(seq=seq, pcm16=piece.pcm16, rate_hz=piece.rate_hz)
                )
            await self._outbox.send(PhraseDone(seq=seq))

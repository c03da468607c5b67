"""How what the VAD actor says comes into the utterance in hand, also while the recognizer is asked.

Whatever has come at one moment is taken together: one call of the recognizer is fed all of it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import trio

from ..conversation.spoken import Spoken
from ..conversation.utterance import UtteranceInHand
from ..engines.asr.interface import Transcript
from ..turnstile import turn


@dataclass(slots=True)
class Intake:
    """Of one session's recognizer."""

    inbox: trio.MemoryReceiveChannel[Spoken]
    utterance: UtteranceInHand[Transcript]

    async def absorb(self, message: Spoken) -> None:
        """Take a message, and all that came at the same moment."""
        self.utterance.absorb(message)
        await self.absorb_what_came_with_it()

    async def absorb_what_came_with_it(self) -> None:
        await turn()  # all that came at this moment is there now
        while not self.utterance.complete:
            try:
                self.utterance.absorb(self.inbox.receive_nowait())
            except (trio.WouldBlock, trio.EndOfChannel):
                return


@dataclass(slots=True)
class Coming:
    """What is said while the recognizer is asked, until that is over. Only the waiting is cut then:
    of audio that was just being fed, nobody could say whether the recognizer has taken it. Fed
    again it would be heard twice, and left out it would be lost."""

    inbox: trio.MemoryReceiveChannel[Spoken]
    stopped: bool = False
    _waiting: trio.CancelScope = field(default_factory=trio.CancelScope)

    async def next(self) -> Spoken | None:
        """None: the asking is over, or the inbox is closed."""
        self._waiting = trio.CancelScope()
        if self.stopped:
            return None
        with self._waiting:
            try:
                return await self.inbox.receive()
            except trio.EndOfChannel:
                return None
        return None

    def stop(self) -> None:
        self.stopped = True
        self._waiting.cancel()

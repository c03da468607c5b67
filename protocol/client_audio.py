"""The audio of a client as commands, for the dialects whose clients send PCM16 of their own making.

Each dialect says what a chunk may be; what the bytes really are is found out here, and told once.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..audio.client_sound import ClientSound, Refused
from .codes import Breach, Violation
from .commands import Audio, Command, Remark, TellClient
from .events import Info


class ClientAudio:
    """One per session. `begin` is for each start and each stop: what follows is looked at anew."""

    def __init__(self) -> None:
        self._sound = ClientSound()

    def begin(self) -> None:
        self._sound.begin()

    def commands(self, data: bytes) -> Sequence[Command]:
        """What a chunk asks for. Raises Violation (FOREIGN_AUDIO), once for each thing that is no
        sound; the rest of it is only counted."""
        try:
            pcm16 = self._sound.push(data)
        except Refused as refused:
            if refused.told:
                return (Remark(breach=Breach.FOREIGN_AUDIO),)
            raise Violation(Breach.FOREIGN_AUDIO, refused.message) from None
        audio = (Audio(pcm16, rate_hz=self._sound.rate_hz),) if pcm16 else ()
        if self._sound.news:
            return (TellClient(event=Info(message=self._sound.news)), *audio)
        return audio

"""The microphone of a caller in a test: never silent on the wire, and it says what it is told to.

It sends a piece of sound every 100 ms for as long as the call lasts, as a browser does; words are
sound that the scripted recognizer hears as these words.
"""

from __future__ import annotations

from collections import deque

from ..audio.pcm import BYTES_PER_MS
from ..client.in_memory import InMemoryClient
from ..engines.asr.scripted import ScriptedTranscriber
from ..transport import PeerGone
from .sessions import silence, speech

PIECE_MS = 100
WORD_MS = 300


class ScriptedMicrophone:
    def __init__(self, client: InMemoryClient) -> None:
        self.ear = ScriptedTranscriber([], word_ms=WORD_MS)
        """The recognizer that hears it."""
        self._client = client
        self._sound: deque[bytes] = deque()

    async def run(self) -> None:
        """To the end of the call."""
        quiet = silence(PIECE_MS)
        try:
            while self._client.closed is None:
                await self._client.speak(self._sound.popleft() if self._sound else quiet)
        except PeerGone:
            return

    async def speak(self, text: str) -> None:
        """Begin to say this, behind what is being said."""
        self.ear.will_hear(text)
        sound = speech(WORD_MS * max(1, len(text.split())))
        piece = PIECE_MS * BYTES_PER_MS
        self._sound.extend(sound[at : at + piece] for at in range(0, len(sound), piece))

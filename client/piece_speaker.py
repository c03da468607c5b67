"""A loudspeaker for replies that come in short pieces (dialect D): one device stream per reply.

When the person speaks, or the server says that the reply was cut, what is not yet played is thrown
away, and `on_cut` is told how much of which item was played: the server's memory of the
conversation is to hold what was heard.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import trio

from ..audio.wav import NotAWav, parse_wav
from .incoming import Interrupted, ReplyComplete, Sound, SpeechBegan
from .microphone import NoMicrophone, Speaker, sound_library
from .realtime import RATE_HZ
from .utterance import Heard

MAX_PIECES = 400
"""Half a minute of 80 ms pieces; the server sends each a quarter of a second before it is due."""


def _tell_nobody(item: str, played_ms: int) -> None:
    return


@dataclass(slots=True)
class PieceSpeaker(Speaker):
    on_cut: Callable[[str, int], None] = _tell_nobody
    """Called with an item and the milliseconds of it that were played."""
    _pieces: list[bytes] = field(default_factory=list)
    _item: str = ""
    """The reply that is being played; empty: none is."""
    _whole: bool = False
    """Whether all of it has come."""
    _played_ms: float = 0.0

    def heard(self, heard: Heard) -> None:
        match heard.message:
            case Sound(audio_b64=data, item=item):
                self._take(item, data)
            case SpeechBegan() | Interrupted():
                self._cut()
            case ReplyComplete():
                self._whole = True
                self._news.set()
            case _:
                return

    def give_up(self) -> None:
        self.deaf = True
        self._over()

    async def quiet(self) -> None:
        while self._item:
            self._silent = trio.Event()
            await self._silent.wait()
        await trio.lowlevel.checkpoint()

    async def run(self) -> None:
        library = sound_library()
        while True:
            while not self._pieces:
                self._news = trio.Event()
                await self._news.wait()
            await self._play_reply(library)

    def _take(self, item: str, data: bytes) -> None:
        if self.deaf:
            return
        try:
            pcm16 = parse_wav(data).pcm16
        except NotAWav:
            self.dropped += 1
            return
        if len(self._pieces) >= MAX_PIECES:
            self.dropped += 1
            return
        if item != self._item:
            self._item, self._played_ms = item, 0.0
        self._whole = False
        self._pieces.append(pcm16)
        self._news.set()

    def _cut(self) -> None:
        if not self._item:
            return
        item, played_ms = self._item, int(self._played_ms)
        self._generation += 1
        self._over()
        self.on_cut(item, played_ms)

    def _over(self) -> None:
        self._pieces.clear()
        self._item = ""
        self._news.set()
        self._silent.set()

    async def _play_reply(self, library: Any) -> None:
        generation = self._generation
        try:
            stream = library.RawOutputStream(samplerate=RATE_HZ, channels=1, dtype="int16")
            stream.start()
        except library.PortAudioError as error:
            raise NoMicrophone(f"the loudspeaker cannot be opened ({error})") from None
        try:
            while generation == self._generation:
                if self._pieces:
                    piece = self._pieces.pop(0)
                    await trio.to_thread.run_sync(stream.write, piece)
                    if generation == self._generation:
                        self._played_ms += len(piece) / 2 * 1000 / RATE_HZ
                elif self._whole:
                    # Returns once all of it was heard.
                    await trio.to_thread.run_sync(stream.stop)
                    if generation == self._generation and not self._pieces:
                        self._over()
                    return
                else:
                    self._news = trio.Event()
                    await self._news.wait()
        finally:
            # What the device still holds is dropped too.
            if generation != self._generation:
                stream.abort()
            stream.close()

"""The computer's own microphone and loudspeaker, through sounddevice (an optional extra).

PortAudio calls back in a thread of its own that must never wait: frames go over to Trio's thread
and into a bounded channel; what does not fit is dropped and counted. There is no echo
cancellation, so without headphones the reply would be heard as speech (HEADPHONES says so).

NoMicrophone is raised where sounddevice, PortAudio or a device is missing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import trio

from ..audio.wav import NotAWav, Wav, parse_wav
from .incoming import Partial, Phrase, Unknown
from .utterance import Heard

HEADPHONES = "wear headphones: through loudspeakers Parley hears itself and falls silent"

INSTALL = "pip install sounddevice"

MAX_FRAMES = 50
"""5 s of 100 ms frames: a hiccup of the network; behind more than that nobody talks on."""
MAX_PHRASES = 64
"""A reply has no more; each is a few seconds of audio."""
SLICE_MS = 60
"""The loudspeaker is fed in pieces this long, so it falls silent within one of them."""


class NoMicrophone(Exception):
    """Sound in or out cannot be had. The text says what to do about it."""


def sound_library() -> Any:
    """The sounddevice module, imported only here. Raises NoMicrophone."""
    try:
        import sounddevice
    except ImportError:
        raise NoMicrophone(f"sound needs sounddevice: {INSTALL}") from None
    except OSError as error:
        raise NoMicrophone(
            "sound needs the PortAudio library: apt-get install libportaudio2, "
            f"or brew install portaudio ({error})"
        ) from None
    return sounddevice


@dataclass(slots=True)
class Microphone:
    """Made by `open_microphone`. Iterate `frames()` for PCM16 mono."""

    _receive: trio.MemoryReceiveChannel[bytes]
    _send: trio.MemorySendChannel[bytes]
    _token: trio.lowlevel.TrioToken
    dropped: int = 0
    """Frames that found the channel full."""
    _offered: int = 0
    _taken: int = 0

    async def frames(self) -> AsyncIterator[bytes]:
        """Frames as they are recorded, until `stop`."""
        async for frame in self._receive:
            yield frame

    def stop(self) -> None:
        """No more frames; those already recorded are still given out."""
        self._send.close()

    def _recorded(self, data: Any, frames: int, time: Any, status: Any) -> None:
        """PortAudio's callback, in its thread. `data` is only valid during the call."""
        # While Trio's loop is held up, calls queue without bound: hence the count. Each counter
        # has one writing thread.
        if self._offered - self._taken >= MAX_FRAMES:
            self.dropped += 1
            return
        self._offered += 1
        try:
            self._token.run_sync_soon(self._deliver, bytes(data))
        except trio.RunFinishedError:
            return

    def _deliver(self, frame: bytes) -> None:
        self._taken += 1
        try:
            self._send.send_nowait(frame)
        except trio.WouldBlock:
            self.dropped += 1
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return


@contextmanager
def open_microphone(rate_hz: int, chunk_ms: int) -> Iterator[Microphone]:
    """The default input device, recording while the block runs. Raises NoMicrophone."""
    library = sound_library()
    send, receive = trio.open_memory_channel[bytes](MAX_FRAMES)
    microphone = Microphone(receive, send, trio.lowlevel.current_trio_token())
    try:
        stream = library.RawInputStream(
            samplerate=rate_hz,
            channels=1,
            dtype="int16",
            blocksize=rate_hz * chunk_ms // 1000,
            callback=microphone._recorded,
        )
        stream.start()
    except library.PortAudioError as error:
        raise NoMicrophone(f"the microphone cannot be opened ({error})") from None
    with send, receive:
        try:
            yield microphone
        finally:
            stream.close()


@dataclass(slots=True)
class Speaker:
    """Plays reply phrases one after the other; its `heard` is a conversation's listener.

    When the person speaks (a partial, a barge-in) what is not yet played is thrown away.
    """

    _waiting: list[Wav] = field(default_factory=list)
    _news: trio.Event = field(default_factory=trio.Event)
    _generation: int = 0
    deaf: bool = False
    """It takes nothing, and so never plays."""
    _playing: bool = False
    _silent: trio.Event = field(default_factory=trio.Event)
    """Set when the newest phrase has been played, or thrown away."""
    dropped: int = 0
    """Phrases that were no WAV, or more than anybody waits for."""

    def heard(self, heard: Heard) -> None:
        match heard.message:
            case Phrase(audio_b64=data):
                self._offer(data)
            case Partial() | Unknown(type="barge_in"):
                self._waiting.clear()
                self._generation += 1
            case _:
                return

    def give_up(self) -> None:
        """Nothing will be played any more."""
        self.deaf = True
        self._waiting.clear()
        self._playing = False
        self._silent.set()

    async def quiet(self) -> None:
        """Wait until all phrases that came were played."""
        while self._waiting or self._playing:
            self._silent = trio.Event()
            await self._silent.wait()
        await trio.lowlevel.checkpoint()

    def _offer(self, data: bytes) -> None:
        if self.deaf:
            return
        try:
            phrase = parse_wav(data)
        except NotAWav:
            self.dropped += 1
            return
        if len(self._waiting) >= MAX_PHRASES:
            self.dropped += 1
            return
        self._waiting.append(phrase)
        self._news.set()

    async def run(self) -> None:
        """Play until cancelled. Raises NoMicrophone where there is no output device."""
        library = sound_library()
        while True:
            while not self._waiting:
                self._news = trio.Event()
                await self._news.wait()
            self._playing = True
            await self._play(library, self._waiting.pop(0))
            self._playing = False
            self._silent.set()

    async def _play(self, library: Any, phrase: Wav) -> None:
        generation = self._generation
        size = 2 * (phrase.rate_hz * SLICE_MS // 1000)
        try:
            stream = library.RawOutputStream(samplerate=phrase.rate_hz, channels=1, dtype="int16")
            stream.start()
        except library.PortAudioError as error:
            raise NoMicrophone(f"the loudspeaker cannot be opened ({error})") from None
        try:
            for start in range(0, len(phrase.pcm16), size):
                if generation != self._generation:
                    return
                await trio.to_thread.run_sync(stream.write, phrase.pcm16[start : start + size])
            # Returns once all of it was heard.
            await trio.to_thread.run_sync(stream.stop)
        finally:
            # At a barge-in what the device still holds is dropped too.
            if generation != self._generation:
                stream.abort()
            stream.close()


def no_loudspeaker() -> str | None:
    """Why nothing can be played here, in words; None where it can."""
    try:
        library = sound_library()
        library.query_devices(kind="output")
    except NoMicrophone as problem:
        return str(problem)
    except Exception as error:  # PortAudioError or ValueError: there is no output device
        return f"there is no loudspeaker ({error})"
    return None


async def play(pcm16: bytes, rate_hz: int) -> None:
    """Play this to its end. Raises NoMicrophone where that cannot be."""
    if problem := no_loudspeaker():
        raise NoMicrophone(problem)
    await Speaker()._play(sound_library(), Wav(pcm16=pcm16, rate_hz=rate_hz))

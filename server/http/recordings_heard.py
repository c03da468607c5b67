"""Whole recordings, heard a window at a time, for every route that takes one.

A recording is nobody who talks: it takes no talker's place, its work gives way in the lanes, and no
piece of it is long. So a client that hangs up leaves a window at the most, and a talker waits for
none. Each window takes its turn among the requests.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator

import trio

from ...config import Settings
from ...engines.asr.interface import HearsFiles, LanguageUnknown, Transcriber, Transcript
from ...engines.asr.long_audio import NEXT_S, Window, Windows
from ...engines.asr.quiet_cuts import BYTES_PER_S
from ...engines.failures import EngineBusy
from ...engines.kit import Engines, SessionInfo
from .engine_calls import EngineCalls
from .places import Places

BUSY_LIMIT_S = 60.0
"""How long a recording waits, in its middle, for a recognizer whose places are all taken."""
BUSY_PAUSE_S = 1.0

WAITS = 4
"""A decode for a recording may take so many times as long as a talker's: it waits for them."""

WHOLE_S = 14.0
"""What is no longer is heard as one utterance: recognizers here decode as much at once."""


class RecordingsHeard:
    """One per server and kind of route."""

    def __init__(
        self, engines: Engines, settings: Settings, calls: EngineCalls, places: Places
    ) -> None:
        self._engines = engines
        self._language = settings.transcribing.language
        self._limit_s = settings.transcribing.timeout_s * WAITS
        self._caller = SessionInfo.outside("http", settings.hearing)
        self._calls = calls
        self._places = places

    @property
    def spoken(self) -> str:
        """The language that is set; "" where it is found out."""
        return "" if self._language == "auto" else self._language

    def transcriber(self, language: str | None = None) -> Transcriber:
        """One for a recording in this language; None: in the one that is set. Raises
        LanguageUnknown."""
        transcriber = self._engines.transcriber(self._caller)
        if isinstance(transcriber, HearsFiles):
            return transcriber.for_file(language)
        if language and self._language not in ("auto", language):
            raise LanguageUnknown(f"the recognizer hears {self._language!r} only")
        return transcriber

    async def transcript(self, pcm16: bytes) -> str:
        """What is said in a recording that is here whole."""
        transcriber, said = self.transcriber(), list[str]()
        async with self._places.whole_recordings:
            for window in windows_of(pcm16):
                if not window.silent:
                    heard = await self.window(transcriber, window)
                    said.append(heard.text.strip())
        return " ".join(filter(None, said))

    async def window(self, transcriber: Transcriber, window: Window) -> Transcript:
        """One window, as an utterance of its own."""

        async def hear(window: Window) -> Transcript:
            return await self._calls.transcript(transcriber, window.pcm16, self._limit_s)

        return await self.patiently(hear, window)

    async def patiently(
        self, hear: Callable[[Window], Awaitable[Transcript]], window: Window
    ) -> Transcript:
        """A recording that is being heard waits for a place; one that was not begun is refused."""
        busy_until_s = trio.current_time() + (BUSY_LIMIT_S if window.start_s else 0)
        while True:
            try:
                async with self._places.recording_turn():
                    return await hear(window)
            except EngineBusy:
                if trio.current_time() >= busy_until_s:
                    raise
            await trio.sleep(BUSY_PAUSE_S)


def windows_of(pcm16: bytes) -> Iterator[Window]:
    """A recording's windows, found one after the other as they are asked for. One that is short is
    a window."""
    if len(pcm16) <= WHOLE_S * BYTES_PER_S:
        yield Window(start_s=0.0, pcm16=pcm16, sound_from_s=0.0, sound_to_s=0.0, silent=not pcm16)
        return
    windows, at = Windows(first_s=NEXT_S), 0
    while at < len(pcm16):
        size = windows.wanted
        yield from windows.push(pcm16[at : at + size])
        at += size
    yield from windows.flush()

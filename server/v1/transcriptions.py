"""Recordings in, words out.

    POST /v1/audio/transcriptions    what is said
    POST /v1/audio/translations      that in English

A recording may last hours. It lies in a file, is decoded piece by piece by the media lane, cut
where it is quiet, and each window is an utterance for the recognizer. So memory does not grow with
it, and with `stream` its words leave while the rest is still to be heard. Each window takes its
turn among the requests that use engines; a client that hangs up ends its own work.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import trio

from ...config import Settings
from ...engines.asr.interface import TimedWord, TimesWords, Transcript, Translates
from ...engines.asr.long_audio import Window, Windows
from ...engines.kit import Engines
from ...engines.lanes.lane import Lane
from ...engines.media.recording_file import REOPEN_LIMIT_S, RecordingFile
from ..http.engine_calls import EngineCalls
from ..http.front import Answer
from ..http.head import BadRequest, Head
from ..http.places import Places
from ..http.recordings_heard import WAITS, RecordingsHeard
from ..http.request_stream import while_connected
from ..http.responses import Send, StreamedResponse
from . import sse
from .failures import refused
from .transcription_answers import Tell, tell_events, whole_answer
from .transcription_form import FIELDS, FILE, TranscriptionRequest, transcription_request
from .transcription_texts import (
    Segment,
    Transcription,
)
from .uploads import Upload, received

READ_LIMIT_S = 3 * REOPEN_LIMIT_S
TRANSLATION_FACTOR = 2
"""A translation is decoded as a whole: it takes no longer than two utterances may."""

NO_WORDS = "the recognizer does not know when each word sounds; Whisper does"
NO_TRANSLATION = "the recognizer does not translate; Whisper's models of many languages do"


async def _nobody(segment: Segment) -> None:
    """Nobody waits for the words on the way."""


class Transcriptions:
    """The two handlers, for a Front."""

    def __init__(
        self,
        engines: Engines,
        settings: Settings,
        media_lane: Lane,
        calls: EngineCalls,
        places: Places,
    ) -> None:
        self._limit_s = settings.transcribing.timeout_s * WAITS
        self._serving = settings.serving
        self._recordings = RecordingsHeard(engines, settings, calls, places)
        self._media_lane = media_lane
        self._calls = calls
        self._places = places

    async def transcribe(self, head: Head, stream: trio.abc.Stream) -> Answer:
        return await self._serve(head, stream, translation=False)

    async def translate(self, head: Head, stream: trio.abc.Stream) -> Answer:
        return await self._serve(head, stream, translation=True)

    async def _serve(self, head: Head, stream: trio.abc.Stream, *, translation: bool) -> Answer:
        async with AsyncExitStack() as stack:
            stack.enter_context(self._places.taken(status=429, recording=True))
            upload = await stack.enter_async_context(
                received(
                    stream,
                    head,
                    file_field=FILE,
                    fields=FIELDS,
                    limit_mb=self._serving.upload_mb,
                )
            )
            request = transcription_request(upload, translation=translation)
            with refused():
                hear = self._hearing(upload, request, translation=translation)
                if not request.stream:
                    heard = await while_connected(stream, functools.partial(hear, _nobody))
                    return whole_answer(
                        heard, request, "translate" if translation else "transcribe"
                    )
            kept = stack.pop_all()

        async def write(send: Send) -> None:
            async with kept:
                await tell_events(send, hear)

        return StreamedResponse(sse.HEADERS, write)

    def _hearing(
        self, upload: Upload, request: TranscriptionRequest, *, translation: bool
    ) -> Callable[[Tell], Awaitable[Transcription]]:
        """What hears the recording. Raises BadRequest for what the recognizer cannot do, and
        EngineFailure."""
        transcriber = self._recordings.transcriber(None if translation else request.language)
        hear = functools.partial(self._recordings.window, transcriber)
        if translation:
            if not isinstance(transcriber, Translates):
                raise BadRequest(400, NO_TRANSLATION, param="model")
            hear = functools.partial(self._translated, transcriber)
        if request.words and (translation or not isinstance(transcriber, TimesWords)):
            raise BadRequest(400, NO_WORDS, param="timestamp_granularities")
        recording = RecordingFile(self._media_lane, upload.path, int(self._serving.upload_s * 1000))
        words = transcriber if request.words and isinstance(transcriber, TimesWords) else None
        return functools.partial(self._heard, recording, hear, words)

    async def _heard(
        self,
        recording: RecordingFile,
        hear: Callable[[Window], Awaitable[Transcript]],
        words: TimesWords | None,
        tell: Tell,
    ) -> Transcription:
        whole, windows = Transcription(), Windows()
        try:
            while True:
                async with self._places.recording_turn():
                    with self._calls.call("media", READ_LIMIT_S, "reading the recording"):
                        piece = await recording.more(windows.wanted)
                for window in windows.push(piece) if piece else windows.flush():
                    segment = await self._segment(window, hear, words, whole)
                    if segment is not None:
                        whole.segments.append(segment)
                        await tell(segment)
                whole.duration_s = windows.duration_s
                if not piece:
                    return whole
        finally:
            recording.close()

    async def _segment(
        self,
        window: Window,
        hear: Callable[[Window], Awaitable[Transcript]],
        words: TimesWords | None,
        whole: Transcription,
    ) -> Segment | None:
        """What is said in a window; None: nothing."""
        if window.silent:
            return None
        transcript = await hear(window)
        text = transcript.text.strip()
        whole.language = transcript.language or whole.language or self._recordings.spoken
        if not text:
            return None
        timed = await self._times(words, window, text, transcript.language) if words else ()
        return Segment(
            start_s=window.sound_from_s,
            end_s=window.sound_to_s,
            text=text,
            confidence=transcript.confidence,
            words=timed,
        )

    async def _translated(self, transcriber: Translates, window: Window) -> Transcript:
        limit_s = TRANSLATION_FACTOR * self._limit_s

        async def hear(window: Window) -> Transcript:
            with self._calls.call("asr", limit_s, "the translation"):
                return await transcriber.translated(window.pcm16)

        return await self._recordings.patiently(hear, window)

    async def _times(
        self, words: TimesWords, window: Window, text: str, language: str | None
    ) -> list[TimedWord]:
        async with self._places.recording_turn():
            with self._calls.call("asr", self._limit_s, "the times of words"):
                timed = await words.word_times(
                    window.pcm16, text, language or self._recordings.spoken
                )
        return [
            TimedWord(
                word=one.word,
                start_s=window.start_s + one.start_s,
                end_s=window.start_s + one.end_s,
            )
            for one in timed
        ]

"""POST /v1/audio/speech: a text in, sound out, while it is being made.

The text is spoken sentence by sentence, by the engines that speak for the sessions. Each piece is
brought to OpenAI's rate, paced, encoded in a thread and sent, so the first sound leaves when the
first sentence is spoken, or its beginning where the voice streams.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing
from functools import partial
from typing import TypeVar

import trio

from ...audio.resampler import Resampler
from ...config import Settings
from ...conversation.pace import PhraseTime
from ...engines.deadline import closing_in_time
from ...engines.failures import EngineTimeout
from ...engines.media.encoder import CONTENT_TYPES, RATE_HZ, Encoder, encoder_for
from ...engines.media.tempo import Tempo
from ...engines.tts.interface import Paced, Speech, Streams, Synthesizer
from ...session.phrasing import Phrasing
from ..http.engine_calls import EngineCalls
from ..http.front import Answer
from ..http.head import BadRequest, Head
from ..http.places import Places
from ..http.refusals import error_body
from ..http.request_body import read_body
from ..http.responses import Send, StreamedResponse
from . import sse
from .failures import refused
from .speech_body import SpeechRequest, speech_request
from .voices import KnownVoices

BODY_LIMIT_BYTES = 256 * 1024
BODY_LIMIT_S = 20.0
TEXT_PIECE_CHARS = 400
"""Cut into phrases at once: some 4 ms."""
THREADS = 4
"""Pieces that are encoded at once: a thread each, for milliseconds."""

T = TypeVar("T")
Tell = Callable[[bytes], Awaitable[None]]


class SpeechMaking:
    """The handler, for a Front."""

    def __init__(
        self, voices: KnownVoices, settings: Settings, calls: EngineCalls, places: Places
    ) -> None:
        self._voices = voices
        self._speaking = settings.speaking
        self._calls = calls
        self._places = places
        self._threads = trio.CapacityLimiter(THREADS)

    async def speak(self, head: Head, stream: trio.abc.Stream) -> Answer:
        async with AsyncExitStack() as stack:
            stack.enter_context(self._places.taken(status=429))
            request = speech_request(await read_body(stream, head, BODY_LIMIT_BYTES, BODY_LIMIT_S))
            voice = self._voices.of(request.voice)
            phrases = await self._phrases(request.text)
            if not phrases:
                raise BadRequest(400, "nothing of the input can be spoken", param="input")
            kept = stack.pop_all()

        async def write(send: Send) -> None:
            async with kept:
                await self._write(send, request, voice, phrases)

        headers = {"Content-Type": CONTENT_TYPES[request.format], "Cache-Control": "no-store"}
        return StreamedResponse(sse.HEADERS if request.events else headers, write)

    async def _phrases(self, text: str) -> list[str]:
        """The text as the voice is given it. A long one takes the processor for a tenth of a
        second, so others get their turn in between."""
        splitter = Phrasing.of(self._speaking, short=False).splitter()
        phrases: list[str] = []
        for at in range(0, len(text), TEXT_PIECE_CHARS):
            pieces = splitter.push(text[at : at + TEXT_PIECE_CHARS])
            phrases += [phrase.spoken for phrase in pieces]
            await trio.lowlevel.checkpoint()
        return [*phrases, *(phrase.spoken for phrase in splitter.flush())]

    async def _write(
        self, send: Send, request: SpeechRequest, voice: Synthesizer, phrases: list[str]
    ) -> None:
        if not request.events:
            with refused():
                await self._spoken(voice, phrases, request, send)
            return
        begun = False

        async def tell(piece: bytes) -> None:
            nonlocal begun
            begun = True
            audio = base64.b64encode(piece).decode("ascii")
            await send(sse.event({"type": "speech.audio.delta", "audio": audio}))

        try:
            with refused():
                await self._spoken(voice, phrases, request, tell)
        except BadRequest as problem:
            if not begun:
                raise
            body = error_body(problem.status, problem.message, param=problem.param)
            await send(sse.event({"type": "error", **body}))
            return
        await send(sse.event({"type": "speech.audio.done"}))

    async def _spoken(
        self, voice: Synthesizer, phrases: list[str], request: SpeechRequest, tell: Tell
    ) -> None:
        """All phrases, one after the other. Raises EngineFailure."""
        voice, stretch = _paced(voice, request.speed)
        line = await self._in_thread(lambda: _Line(encoder_for(request.format), stretch))
        for phrase in phrases:
            async with aclosing(self._pieces(voice, phrase)) as pieces:
                async for piece in pieces:
                    if made := await self._in_thread(partial(line.take, piece)):
                        await tell(made)
        if made := await self._in_thread(line.finish):
            await tell(made)

    async def _in_thread(self, make: Callable[[], T]) -> T:
        return await trio.to_thread.run_sync(make, limiter=self._threads)

    async def _pieces(self, voice: Synthesizer, phrase: str) -> AsyncGenerator[Speech, None]:
        """A phrase's sound. The turn of a voice that works here is not held while it is sent."""
        limit_s = self._speaking.timeout_s
        if not isinstance(voice, Streams):
            async with self._places.turn():
                with self._calls.call("tts", limit_s, "the synthesis of a phrase"):
                    speech = await voice.speak(phrase)
            yield speech
            return
        async with AsyncExitStack() as stack:
            pieces: AsyncIterator[Speech] | None = None
            time = PhraseTime(limit_s)
            while True:
                began_s = trio.current_time()
                with self._calls.call("tts", time.left_s, "the voice", time.overrun):
                    if pieces is None:
                        stream = closing_in_time(voice.stream(phrase), "the voice")
                        pieces = await stack.enter_async_context(stream)
                    piece = await anext(pieces, None)
                    sound_s = piece.duration_s if piece else 0.0
                    time.came(trio.current_time() - began_s, sound_s)
                    if time.over and piece is not None:
                        raise EngineTimeout(time.overrun)
                if piece is None:
                    return
                if sound_s:
                    yield piece


class _Line:
    """From a voice's samples to a file's bytes. Blocks; one per answer."""

    def __init__(self, encoder: Encoder, stretch: float) -> None:
        self._encoder = encoder
        self._tempo = None if stretch == 1.0 else Tempo(stretch, RATE_HZ)
        self._resampler: Resampler | None = None
        self._rate_hz = RATE_HZ

    def take(self, speech: Speech) -> bytes:
        pcm16 = b""
        if speech.pcm16 and speech.rate_hz != self._rate_hz:
            pcm16 = self._rest()
            self._rate_hz = speech.rate_hz
            same = speech.rate_hz == RATE_HZ
            self._resampler = None if same else Resampler(speech.rate_hz, RATE_HZ)
        pcm16 += self._resampler.push(speech.pcm16) if self._resampler else speech.pcm16
        return self._encoder.encode(self._tempo.push(pcm16) if self._tempo else pcm16)

    def finish(self) -> bytes:
        pcm16 = self._rest()
        if self._tempo is not None:
            pcm16 = self._tempo.push(pcm16) + self._tempo.flush()
        return self._encoder.encode(pcm16) + self._encoder.finish()

    def _rest(self) -> bytes:
        """What a resampler still holds."""
        return self._resampler.flush() if self._resampler else b""


def _paced(voice: Synthesizer, speed: float) -> tuple[Synthesizer, float]:
    """The voice at that speed, as far as it can by itself, and by how much its sound is to be
    stretched."""
    if speed == 1.0 or not isinstance(voice, Paced):
        return voice, speed
    slowest, fastest = voice.speeds
    own = min(max(speed, slowest), fastest)
    return voice.at_speed(own), speed / own

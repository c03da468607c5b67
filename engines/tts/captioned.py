"""Speech with the times of its words, from a service that tells them.

The contract is `/dev/captioned_speech` of Kokoro-FastAPI and of servers that speak like it: the
body is a row of JSON objects, each with a piece of a WAV in base64 (`audio`) and the words that
sound in it (`timestamps`: `word`, `start_time`, `end_time` in seconds of the phrase).
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from ...audio.wav import NotAWav
from ...audio.wav_stream import WavStream
from ..failures import EngineFailure
from ..services.openai_client import Blame
from .interface import Speech, WordTime
from .openai import LIMIT_BYTES, OpenAISynthesizer, nothing
from .text import speakable_at

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

AHEAD_CHARS = 80
"""How far behind the last word the next one is looked for: a service may leave words out."""


class _Word(msgspec.Struct):
    word: str
    start_time: float
    end_time: float


class _Piece(msgspec.Struct):
    audio: str = ""
    timestamps: list[_Word] | None = None


@dataclass(frozen=True, slots=True)
class CaptionedSynthesizer(OpenAISynthesizer):
    """As OpenAISynthesizer, which says who closes the client and how it fails."""

    async def speak(self, text: str) -> Speech:
        async with self.stream(text) as pieces:
            whole = [piece async for piece in pieces]
        if not whole:
            return await OpenAISynthesizer.speak(self, text)
        return Speech(
            pcm16=b"".join(piece.pcm16 for piece in whole),
            rate_hz=whole[0].rate_hz,
            words=tuple(word for piece in whole for word in piece.words),
        )

    @asynccontextmanager
    async def stream(self, text: str) -> AsyncIterator[AsyncIterator[Speech]]:
        sayable, begins = speakable_at(text)
        if not sayable:
            yield nothing()
            return
        asked = {
            "model": self.model,
            "input": sayable,
            "voice": self.voice,
            "response_format": "wav",
            "stream": True,
            "return_timestamps": True,
        }
        async with (
            self.client.stream(_request(self.client.sdk, asked)) as (_, chunks),
            aclosing(_spoken(chunks, Captions(sayable, begins), self.client.blame)) as pieces,
        ):
            yield pieces


@dataclass(frozen=True, slots=True)
class _Answer:
    """As the SDK wraps its own streamed answers."""

    http_response: httpx2.Response


@dataclass(slots=True)
class Captions:
    """Finds the words that a service tells in the text that it was given."""

    text: str
    begins: int
    """Where `text` begins in the caller's."""
    _at: int = 0

    def found(self, words: list[_Word]) -> tuple[WordTime, ...]:
        times = []
        for told in words:
            word = told.word.strip().lower()
            at = self.text.lower().find(word, self._at, self._at + AHEAD_CHARS) if word else -1
            if at < 0 or not 0 <= told.start_time <= told.end_time:
                continue
            self._at = at + len(word)
            times.append(
                WordTime(
                    start=self.begins + at,
                    end=self.begins + self._at,
                    start_s=told.start_time,
                    end_s=told.end_time,
                )
            )
        return tuple(times)


@dataclass(slots=True)
class Objects:
    """A row of JSON objects, however its bytes were cut, with or without lines between them."""

    _text: str = ""
    _bytes: bytearray = field(default_factory=bytearray)
    _decoder: json.JSONDecoder = field(default_factory=json.JSONDecoder)

    def feed(self, chunk: bytes) -> list[Any]:
        """Those that `chunk` completes. Raises ValueError for what cannot become one."""
        self._bytes += chunk
        if b"}" not in chunk:
            return []
        self._text += self._bytes.decode("utf-8", "replace")
        self._bytes.clear()
        found: list[Any] = []
        while text := self._text.lstrip():
            if text[0] != "{":
                raise ValueError(f"no object: {text[:40]!r}")
            try:
                one, end = self._decoder.raw_decode(text)
            except ValueError:
                break
            found.append(one)
            self._text = text[end:]
        return found


async def _spoken(
    chunks: AsyncIterator[bytes], captions: Captions, blame: Blame
) -> AsyncGenerator[Speech, None]:
    from httpx2 import HTTPError

    wav, objects = WavStream(f"the WAV from {blame.place}"), Objects()
    read, heard = 0, False
    while True:
        try:
            chunk = await anext(chunks, None)
            if chunk is None:
                rest = wav.finish() if wav.rate_hz else b""
                break
            read += len(chunk)
            if read > LIMIT_BYTES:
                raise EngineFailure(f"{blame.place} sent more than {LIMIT_BYTES} bytes")
            for told in objects.feed(chunk):
                piece = msgspec.convert(told, _Piece)
                sound = wav.feed(base64.b64decode(piece.audio, validate=True))
                words = captions.found(piece.timestamps or [])
                if sound and wav.rate_hz:
                    heard = heard or any(sound)
                    yield Speech(pcm16=sound, rate_hz=wav.rate_hz, words=words)
        except HTTPError as error:
            raise blame.for_error(error) from None
        except NotAWav as problem:
            raise EngineFailure(str(problem)) from None
        except (ValueError, binascii.Error, RecursionError) as problem:
            told = blame.clean(str(problem))
            raise EngineFailure(
                f"{blame.place} did not answer as /dev/captioned_speech does ({told}); "
                "OPENAI_TTS_CAPTIONS=0 asks /v1/audio/speech",
                retryable=False,
            ) from None
    if rest and wav.rate_hz:
        heard = heard or any(rest)
        yield Speech(pcm16=rest, rate_hz=wav.rate_hz)
    if not heard:
        raise EngineFailure(f"{blame.place} answered with no sound")


@asynccontextmanager
async def _request(sdk: AsyncOpenAI, asked: dict[str, Any]) -> AsyncIterator[Any]:
    """The request as the SDK makes its own streamed ones; the answer's body is not read yet."""
    import httpx2

    root = str(sdk.base_url).rstrip("/").removesuffix("/v1")
    response = await sdk.with_options(base_url=f"{root}/dev").post(
        "/captioned_speech",
        cast_to=httpx2.Response,
        body=asked,
        options={"headers": {"X-Stainless-Raw-Response": "stream"}},
    )
    try:
        yield _Answer(response)
    finally:
        await response.aclose()

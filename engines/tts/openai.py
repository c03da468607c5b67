"""Speech from OpenAI, or from any server that speaks its `/audio/speech`: a request per phrase.

The sound is passed on as it comes, so that a slow voice is heard with its first piece. WAV is asked
for, not bare samples: with a server of one's own only the file knows its rate. An answer without
sound is a failure, since nobody would hear that the reply is gone.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace

from ...audio.wav import NotAWav
from ...audio.wav_stream import WavStream
from ...config import Speaking
from ..failures import EngineFailure
from ..pools.opening import Address, addresses_of, open_pool
from ..services.openai_client import Client, SettingNames, open_client
from .interface import Speech
from .text import speakable
from .voice import Voice

NAMES = SettingNames(
    model="OPENAI_TTS_MODEL and OPENAI_TTS_VOICE",
    base_url="OPENAI_TTS_BASE_URL or OPENAI_BASE_URL",
    api_key="OPENAI_TTS_API_KEY or OPENAI_API_KEY",
)

SILENT_RATE_HZ = 24_000
"""What empty speech says its rate is: that of OpenAI's voices, so that nobody resamples nothing."""

SOME_VOICES = ("alloy", "ash", "coral", "echo", "fable", "nova", "onyx", "sage", "shimmer")
"""OpenAI's own; another server may have others."""

LIMIT_BYTES = 16 << 20
"""Nearly six minutes at 24 kHz. The longest phrase, 1,000 characters, lasts some 80 s."""

HEAD_BYTES = 400
"""So much of an answer that is no WAV is looked at, to say what it is."""

PIECE_S = 0.02
"""Less than this is not passed on by itself: servers' bodies come in pieces of any size."""


@dataclass(frozen=True, slots=True)
class OpenAISynthesizer:
    """Shared by all sessions, on a client that somebody else closes; see `open_openai_tts`."""

    client: Client = field(repr=False)
    model: str
    voice: str

    @property
    def voices(self) -> tuple[str, ...]:
        return SOME_VOICES

    def with_voice(self, voice: str) -> OpenAISynthesizer:
        return replace(self, voice=voice)

    async def speak(self, text: str) -> Speech:
        async with self.stream(text) as pieces:
            whole = [piece async for piece in pieces]
        rate_hz = whole[0].rate_hz if whole else SILENT_RATE_HZ
        return Speech(pcm16=b"".join(piece.pcm16 for piece in whole), rate_hz=rate_hz)

    @asynccontextmanager
    async def stream(self, text: str) -> AsyncIterator[AsyncIterator[Speech]]:
        text = speakable(text)
        if not text:
            yield nothing()
            return
        request = self.client.sdk.audio.speech.with_streaming_response.create(
            input=text, model=self.model, voice=self.voice, response_format="wav"
        )
        async with (
            self.client.stream(request) as (content_type, chunks),
            aclosing(self._pieces(content_type, chunks)) as pieces,
        ):
            yield pieces

    async def _pieces(
        self, content_type: str, chunks: AsyncIterator[bytes]
    ) -> AsyncGenerator[Speech, None]:
        from httpx2 import HTTPError

        place = self.client.blame.place
        wav = WavStream(f"the WAV from {place}")
        head, read, sound, heard, said_s = b"", 0, b"", False, 0.0
        while True:
            try:
                chunk = await anext(chunks, None)
            except HTTPError as error:
                raise self.client.blame.for_error(error) from None
            if chunk is not None:
                read += len(chunk)
                if read > LIMIT_BYTES:
                    told = f"{place} sent more than {LIMIT_BYTES} bytes"
                    raise EngineFailure(told, retryable=False)
                if len(head) < HEAD_BYTES:
                    head += chunk[:HEAD_BYTES]
                    self._check_kind(content_type, head)
            try:
                sound += wav.feed(chunk) if chunk is not None else _end_of(wav, read)
            except NotAWav as problem:
                wrong_format = problem.why.startswith(("holds", "has"))
                raise EngineFailure(str(problem), retryable=not wrong_format) from None
            rate_hz = wav.rate_hz or SILENT_RATE_HZ
            if sound and (chunk is None or len(sound) >= PIECE_S * rate_hz * 2):
                heard = heard or any(sound)
                said_s += len(sound) / 2 / rate_hz
                yield Speech(pcm16=sound, rate_hz=rate_hz)
                sound = b""
            if chunk is None:
                break
        if not heard:
            what = "sent silence" if said_s else "answered with a WAV that holds no audio"
            raise EngineFailure(f"{place} {what if read else 'answered with no audio'}")

    def _check_kind(self, content_type: str, head: bytes) -> None:
        """Raises EngineFailure, which says what came, where it is no WAV. Many servers call a WAV
        something else, so its bytes decide."""
        if b"RIFF".startswith(head[:4]) or head[:4] == b"RIFF":
            return
        blame = self.client.blame
        kind = blame.clean(content_type) or "bytes of no kind"
        said = ""
        if kind.startswith("text/") or kind.endswith("json"):
            said = f": {blame.clean(head.decode('utf-8', 'replace'))}"
        raise EngineFailure(
            f"{blame.place} answered with {kind} where a WAV was asked for{said}", retryable=False
        )


def _end_of(wav: WavStream, read: int) -> bytes:
    """The body is over: the sound that is left. Raises NotAWav where it was none."""
    return wav.finish() if read else b""


async def nothing() -> AsyncGenerator[Speech, None]:
    for piece in tuple[Speech, ...]():
        yield piece


@asynccontextmanager
async def open_openai_tts(
    *,
    model: str,
    voice: str,
    base_url: str | None = None,
    api_key: str | None = None,
    captions: bool = False,
) -> AsyncIterator[OpenAISynthesizer]:
    """The synthesizer for as long as its client is open; see `open_client`. EngineUnavailable.
    `captions`: the server tells when each word sounds (captioned.py)."""
    async with open_client(model=model, base_url=base_url, api_key=api_key, names=NAMES) as client:
        _ = client.sdk.audio.speech.with_streaming_response  # its imports now, not at a phrase
        if captions:
            from .captioned import CaptionedSynthesizer

            yield CaptionedSynthesizer(client=client, model=model, voice=voice)
        else:
            yield OpenAISynthesizer(client=client, model=model, voice=voice)


@asynccontextmanager
async def opened(speaking: Speaking) -> AsyncIterator[Voice]:
    """The voice as the settings describe it, of one server or of a pool. Raises
    EngineUnavailable."""

    def opens(address: Address) -> AbstractAsyncContextManager[OpenAISynthesizer]:
        return open_openai_tts(
            model=speaking.model,
            voice=speaking.model_voice,
            base_url=address.base_url,
            api_key=address.api_key,
            captions=speaking.captions,
        )

    addresses = addresses_of(speaking.base_url, speaking.api_key)
    if len(addresses) > 1:
        from .openai_pool import PooledSynthesizer

        async with open_pool("tts", addresses, opens, lambda place: place.client.look) as pool:
            yield Voice(synthesizer=PooledSynthesizer(pool, speaking.model_voice), pools=(pool,))
    else:
        async with opens(addresses[0]) as synthesizer:
            yield Voice(synthesizer=synthesizer)

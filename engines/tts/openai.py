"""Speech from OpenAI, or from any server that speaks its `/audio/speech`: a request per phrase.

WAV is asked for, not bare samples: with a server of one's own only the file knows its rate. An
answer without sound is a failure, since nobody would hear that the reply is gone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from ...audio.wav import NotAWav, parse_wav
from ...config import Speaking
from ..failures import EngineFailure
from ..services.keys import plain_text
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

RATES_HZ = range(8000, 48_001)

LIMIT_BYTES = 16 << 20
"""Nearly six minutes at 24 kHz. The longest phrase, 500 characters, lasts some 40 s."""


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
        text = speakable(text)
        if not text:
            return Speech(pcm16=b"", rate_hz=SILENT_RATE_HZ)
        request = self.client.sdk.audio.speech.with_streaming_response.create(
            input=text, model=self.model, voice=self.voice, response_format="wav"
        )
        content_type, body = await self.client.fetch(request, limit_bytes=LIMIT_BYTES)
        return self._speech(content_type, body)

    def _speech(self, content_type: str, body: bytes) -> Speech:
        """The sound in the answer. Raises EngineFailure, which says what came instead."""
        blame = self.client.blame
        if not body:
            raise EngineFailure(f"{blame.place} answered with no audio")
        if body[:4] != b"RIFF":  # many servers call a WAV something else, so its bytes decide
            kind = blame.clean(content_type) or "bytes of no kind"
            said = ""
            if kind.startswith("text/") or kind.endswith("json"):
                said = f": {blame.clean(body[:400].decode('utf-8', 'replace'))}"
            raise EngineFailure(
                f"{blame.place} answered with {kind} where a WAV was asked for{said}",
                retryable=False,
            )
        try:
            sound = parse_wav(body, name=f"the WAV from {blame.place}")
        except NotAWav as problem:
            raise EngineFailure(str(problem)) from None
        if sound.rate_hz not in RATES_HZ:
            raise EngineFailure(f"{blame.place} sent a WAV of {sound.rate_hz} Hz", retryable=False)
        return Speech(pcm16=sound.pcm16, rate_hz=sound.rate_hz)


@asynccontextmanager
async def open_openai_tts(
    *, model: str, voice: str, base_url: str | None = None, api_key: str | None = None
) -> AsyncIterator[OpenAISynthesizer]:
    """The synthesizer for as long as its client is open; see `open_client`. EngineUnavailable."""
    async with open_client(model=model, base_url=base_url, api_key=api_key, names=NAMES) as client:
        _ = client.sdk.audio.speech.with_streaming_response  # its imports now, not at a phrase
        yield OpenAISynthesizer(client=client, model=model, voice=voice)


@asynccontextmanager
async def opened(speaking: Speaking) -> AsyncIterator[Voice]:
    """The voice as the settings describe it. Raises EngineUnavailable."""
    async with open_openai_tts(
        model=speaking.model,
        voice=speaking.model_voice,
        base_url=speaking.base_url,
        api_key=plain_text(speaking.api_key),
    ) as synthesizer:
        yield Voice(synthesizer=synthesizer)

"""Speech over plain HTTP, for who has no WebSocket: one request, one answer, no session.

    POST /speech/stt    {"audio": base64}       what was said
    POST /speech/tts    {"text"}                that, spoken
    POST /transcribe    a form with `file`      what was said
    POST /api/voice     a recorded blob         what was said, the reply, and that spoken

They share engines and lanes with the sessions; what bodies mean is in `speech_bodies`. Handlers
raise BadRequest where the peer is at fault, and answer 503 where an engine is. An id by which the
client traces its request comes back in every answer, and refusals are then answered here.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from typing import TypeAlias

import structlog
import trio

from ...config import Settings
from ...conversation.items import Items
from ...conversation.writing import LLMDeadlines, Writing
from ...engines.deadline import closing_in_time, engine_deadline
from ...engines.failures import EngineBusy, EngineFailure
from ...engines.kit import Engines
from ...engines.lanes.lane import Lane
from ...engines.llm.interface import Alive, Responder, SayLater, last_of, second_of
from ...engines.media.decode_worker import decode
from ...session.phrasing import spoken_phrases
from ...telemetry import Telemetry
from .engine_calls import EngineCalls
from .front import HttpHandler
from .head import BadRequest, Head
from .places import RETRY_AFTER_S, Places
from .recordings_heard import RecordingsHeard
from .request_body import read_body
from .request_stream import while_connected
from .responses import Response, json_response
from .speech_bodies import (
    TEXT_LIMIT_CHARS,
    event_id_of,
    form_blob,
    holds_a_file,
    joined,
    raw_pcm16,
    stt_audio,
    tts_text,
    voice_blob,
)

NO_LATER = " I can only do that while a call lasts, and this is none."
"""Behind a reply that promises to say something later: over plain HTTP nobody would hear it."""

BODY_LIMIT_BYTES = 10 * 1024 * 1024
BODY_LIMIT_S = 30.0

AUDIO_LIMIT_UTTERANCES = 4
"""A recording may hold as much audio as so many of the longest utterances."""

DECODE_LIMIT_S = 10.0
"""Reading a blob takes some 10 ms."""

ENGINES_LIMIT_S = 120.0
"""A whole request's time, once its body is here: for its turn, and for all engines together."""

WAV_MIME = "audio/wav"
TEXT_PATH = "/speech/tts"
"""The one route that takes no recording."""
Asked: TypeAlias = Callable[[Head, bytes], Awaitable[Mapping[str, str]]]


def _echo(event_id: str | None) -> Mapping[str, str]:
    return {} if event_id is None else {"event_id": event_id}


def _refused(
    status: int, message: str, headers: Mapping[str, str], event_id: str | None
) -> Response:
    body = {"ok": False, "error": message, **_echo(event_id)}
    return json_response(body, status, headers)


class SpeechEndpoints:
    """The handlers of `routes`, for a Front. `media_lane` decodes blobs."""

    def __init__(
        self,
        engines: Engines,
        settings: Settings,
        media_lane: Lane,
        telemetry: Telemetry | None = None,
        places: Places | None = None,
    ) -> None:
        self._engines = engines
        self._answering = settings.answering
        self._speaking = settings.speaking
        self._limit_ms = settings.stream_max_utterance_ms * AUDIO_LIMIT_UTTERANCES
        self._media_lane = media_lane
        self._telemetry = telemetry or Telemetry()
        self._calls = EngineCalls(self._telemetry)
        self._log = structlog.get_logger()
        self._places = places or Places()
        self._recordings = RecordingsHeard(engines, settings, self._calls, self._places)

    @property
    def routes(self) -> dict[tuple[str, str], HttpHandler]:
        return {
            ("POST", "/speech/stt"): self.stt,
            ("POST", TEXT_PATH): self.tts,
            ("POST", "/transcribe"): self.transcribe,
            ("POST", "/api/voice"): self.voice,
        }

    async def stt(self, head: Head, stream: trio.abc.Stream) -> Response:
        async def answer(head: Head, body: bytes) -> Mapping[str, str]:
            audio = stt_audio(body)
            if holds_a_file(audio):
                pcm16 = await self.decode(audio)
            else:
                pcm16 = raw_pcm16(audio, self._limit_ms)
            return {"transcript": await self._recordings.transcript(pcm16)}

        return await self._serve(head, stream, answer)

    async def tts(self, head: Head, stream: trio.abc.Stream) -> Response:
        async def answer(head: Head, body: bytes) -> Mapping[str, str]:
            audio_b64 = await self._speech_b64(tts_text(body))
            return {"audio_url": f"data:{WAV_MIME};base64,{audio_b64}"}

        return await self._serve(head, stream, answer)

    async def transcribe(self, head: Head, stream: trio.abc.Stream) -> Response:
        async def answer(head: Head, body: bytes) -> Mapping[str, str]:
            blob = form_blob(head.header("content-type") or "", body)
            return {"transcript": await self._recordings.transcript(await self.decode(blob))}

        return await self._serve(head, stream, answer)

    async def voice(self, head: Head, stream: trio.abc.Stream) -> Response:
        async def answer(head: Head, body: bytes) -> Mapping[str, str]:
            blob = voice_blob(head.header("content-type") or "", body)
            transcript = await self._recordings.transcript(await self.decode(blob))
            reply = await self._reply(transcript) if transcript else ""
            audio_b64 = await self._speech_b64(reply) if reply else ""
            return {
                "transcript": transcript,
                "reply": reply,
                "audio_b64": audio_b64,
                "mime": WAV_MIME,
            }

        return await self._serve(head, stream, answer)

    async def _serve(self, head: Head, stream: trio.abc.Stream, answer: Asked) -> Response:
        again = {"Retry-After": str(RETRY_AFTER_S)}
        traced_by = head.header("x-event-id")
        event_id = event_id_of(traced_by)

        async def answered() -> Mapping[str, str]:
            with engine_deadline(ENGINES_LIMIT_S, "the request"):
                return await answer(head, body)

        try:
            with self._places.taken(recording=head.path != TEXT_PATH):
                body = await read_body(stream, head, BODY_LIMIT_BYTES, BODY_LIMIT_S)
                event_id = event_id_of(traced_by, body)
                found = await while_connected(stream, answered)
                return json_response({"ok": True, **found, **_echo(event_id)})
        except BadRequest as refusal:
            if event_id is None:
                raise
            return _refused(refusal.status, refusal.message, dict(refusal.headers), event_id)
        except EngineFailure as failure:
            self._log.warning("request_failed", path=head.path, error=str(failure))
            later = failure.retryable or isinstance(failure, EngineBusy)
            return _refused(503, str(failure), again if later else {}, event_id)

    async def decode(self, blob: bytes) -> bytes:
        """A recording as PCM16 mono at 16 kHz. Raises EngineFailure, and BadRequest for what cannot
        be read."""
        async with self._places.recording_turn():
            with self._calls.call("media", DECODE_LIMIT_S, "reading the recording"):
                return await self._media_lane.call(decode, blob, self._limit_ms)

    async def _reply(self, transcript: str) -> str:
        """What a session would answer to its first words, under the same deadlines."""
        responder = self._engines.responder
        second = second_of(responder)
        try:
            async with self._places.turn():
                return await self._reply_of(responder, transcript)
        except EngineFailure as failure:
            if second is None:
                raise
            self._telemetry.count("second_models")
            self._log.warning("second_model_asked", error=str(failure))
        async with self._places.turn():
            return await self._reply_of(second, transcript)

    async def _reply_of(self, responder: Responder, transcript: str) -> str:
        memory = Items(self._answering.system_prompt, 1)
        writing = Writing(
            LLMDeadlines(
                first_token_s=self._answering.first_token_timeout_s,
                gap_s=self._answering.gap_timeout_s,
                total_s=self._answering.timeout_s,
                first_word_s=self._answering.first_word_timeout_s,
            )
        )
        text, later = "", ""
        async with AsyncExitStack() as stack:
            parts = None
            while len(text) < TEXT_LIMIT_CHARS:
                began_s = trio.current_time()
                with self._calls.call(
                    "llm", writing.limit_s, "the language model", writing.overrun
                ):
                    if parts is None:
                        reply = responder.reply(memory.request(transcript))
                        parts = await stack.enter_async_context(
                            closing_in_time(reply, "the language model")
                        )
                    part = await anext(parts, None)
                    if part is None:
                        text += "".join(last_of(writing))
                        break
                writing.waited(trio.current_time() - began_s)
                match part:
                    case str():
                        text += "".join(writing.take(part))
                    case Alive():
                        writing.sign()
                    case SayLater():
                        later = NO_LATER
        return f"{text}{later}"[:TEXT_LIMIT_CHARS].strip()

    async def _speech_b64(self, text: str) -> str:
        return base64.b64encode(await self.speech(text)).decode("ascii")

    async def speech(self, text: str) -> bytes:
        """A text, spoken: a WAV. Raises EngineFailure."""
        speeches = []
        for phrase in spoken_phrases(text, self._speaking):
            async with self._places.turn():
                with self._calls.call("tts", self._speaking.timeout_s, "the synthesis of a phrase"):
                    speeches.append(await self._engines.synthesizer.speak(phrase))
        return joined(speeches)

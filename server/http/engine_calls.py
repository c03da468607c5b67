"""Calls of engines on behalf of a request: their deadlines, and whose fault a failure is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import trio

from ...audio.pcm import HEARING_RATE_HZ
from ...engines.asr.interface import Transcriber, Transcript
from ...engines.deadline import CLOSE_LIMIT_S, engine_deadline
from ...engines.failures import EngineFailure
from ...engines.media.decode_worker import NotAudio, TooMuchAudio
from ...engines.spending import Unit, spent
from ...telemetry import Telemetry
from .head import BadRequest


class EngineCalls:
    """What engines do for requests. One per server."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.telemetry = telemetry

    @contextmanager
    def call(
        self, engine: str, seconds: float, what: str, told: str | None = None
    ) -> Iterator[None]:
        """Raises BadRequest for a recording that cannot be read, EngineFailure for the rest."""
        try:
            with engine_deadline(seconds, what, told):
                yield
        except TooMuchAudio as error:
            raise BadRequest(413, str(error)) from None
        except NotAudio as error:
            raise BadRequest(415, str(error)) from None
        except EngineFailure as failure:
            self.telemetry.engine_failed(engine, failure)
            raise

    async def transcript(
        self, transcriber: Transcriber, pcm16: bytes, limit_s: float
    ) -> Transcript:
        """One utterance, a second of audio per call, so that sessions get in between."""
        try:
            with self.call("asr", limit_s, "opening the recognizer"):
                await transcriber.begin()
            for start in range(0, len(pcm16), HEARING_RATE_HZ * 2):
                with self.call("asr", limit_s, "decoding a second of audio"):
                    await transcriber.feed(pcm16[start : start + HEARING_RATE_HZ * 2])
            with self.call("asr", limit_s, "the final decode"):
                heard = await transcriber.finish()
            spent(Unit.AUDIO, heard.audio_ms / 1000)
            return heard
        finally:
            with trio.move_on_after(CLOSE_LIMIT_S):
                await transcriber.abandon()

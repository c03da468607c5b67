"""ASRActor: an utterance's audio in, partials and one final out. One per session, permanent.

A restart goes on with the utterance in hand: the recognizer is fed again from its audio, and the
client notices at most a delay. After the second failure on one utterance it is given up with
ASR_FAIL or ASR_TIMEOUT, and the next utterance gets its chance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import trio

from ..engines.asr.interface import Transcriber, Transcript
from ..engines.deadline import engine_deadline
from ..engines.failures import EngineFailure, EngineTimeout, EngineUnavailable
from ..protocol.codes import Code
from ..protocol.events import Finalizing, Partial
from ..telemetry import Telemetry
from .messages import Report, Spoken, UtteranceFailed, UtteranceHeard
from .outbox import Outbox
from .utterance import UtteranceInHand


@dataclass(slots=True, kw_only=True)
class ASRActor:
    """While a call is under way audio gathers in the channel; the next call takes all of it. So a
    slow recognizer makes fewer, larger calls, and never falls behind by its own queue."""

    inbox: trio.MemoryReceiveChannel[Spoken]
    reports: trio.MemorySendChannel[Report]
    outbox: Outbox
    transcriber: Transcriber
    utterance: UtteranceInHand
    timeout_s: float
    partial_interval_s: float
    partial_min_gap_s: float
    telemetry: Telemetry

    async def run(self) -> None:
        await self.transcriber.abandon()
        if self.utterance.present:
            await self._resume()
        while True:
            message: Spoken | None = None
            with trio.move_on_at(self._withheld_until_s()):
                try:
                    message = await self.inbox.receive()
                except trio.EndOfChannel:
                    return
            if message is None:
                await self._partial(self.utterance.hypothesis)
            else:
                self.utterance.absorb(message)
                self._absorb_waiting()
                await self._work()

    def _absorb_waiting(self) -> None:
        """Take whatever else waits for this utterance, so that one call can feed all of it."""
        while not self.utterance.complete:
            try:
                self.utterance.absorb(self.inbox.receive_nowait())
            except (trio.WouldBlock, trio.EndOfChannel):
                return

    async def _resume(self) -> None:
        self.utterance.feed_again()
        if self.utterance.spent:
            await self._give_up(EngineFailure("the recognizer crashed twice on this utterance"))
        await self._work()

    async def _work(self) -> None:
        utterance = self.utterance
        if utterance.present:
            try:
                await self._decode()
            except EngineFailure as failure:
                self.telemetry.engine_failed("asr", failure)
                if failure.retryable and not utterance.spent:
                    raise
                await self._give_up(failure)
        if utterance.complete:
            marker = utterance.marker
            utterance.clear()
            if marker is not None:
                await self.reports.send(marker)

    async def _decode(self) -> None:
        """Feed what is there, and finish where the end is known."""
        utterance = self.utterance
        if utterance.dropped:
            await self.transcriber.abandon()
            return
        if utterance.given_up:
            return
        if utterance.fed == 0 and utterance.audio:
            utterance.attempts += 1
            with engine_deadline(self.timeout_s, "opening the recognizer"):
                await self.transcriber.begin()
        while pcm16 := utterance.next_slice():
            with engine_deadline(self.timeout_s, "decoding a second of audio"):
                text = await self.transcriber.feed(pcm16)
            utterance.was_fed(pcm16)
            if text:
                await self._partial(text)
        if utterance.ended is not None:
            await self._finish(too_long=utterance.ended.too_long)

    async def _partial(self, text: str) -> None:
        """A changed hypothesis, at most every `partial_min_gap_s`; an unchanged one again after
        `partial_interval_s`, the longest that a talker waits for a fresh one."""
        utterance = self.utterance
        if utterance.ended is not None or utterance.fed_audio_ms <= utterance.last_partial_ms:
            return  # the final says it all; or it is fed again, and the client knows more already
        utterance.hypothesis = text
        now_s = trio.current_time()
        changed = text != utterance.last_partial
        wait_s = self.partial_min_gap_s if changed else self.partial_interval_s
        if now_s < utterance.last_partial_s + wait_s:
            return
        utterance.last_partial = text
        utterance.last_partial_s = now_s
        utterance.last_partial_ms = utterance.fed_audio_ms
        if utterance.first_partial_s is None:
            utterance.first_partial_s = now_s
            self.telemetry.stage("first_partial", now_s - utterance.first_sample_s)
        await self.outbox.offer_partial(Partial(text=text, audio_ms=utterance.fed_audio_ms))

    def _withheld_until_s(self) -> float:
        """When a hypothesis that came too soon after the one before may be told."""
        utterance = self.utterance
        if utterance.present and utterance.hypothesis != utterance.last_partial:
            return utterance.last_partial_s + self.partial_min_gap_s
        return math.inf

    async def _finish(self, *, too_long: bool) -> None:
        utterance = self.utterance
        if not utterance.finalizing_told:
            utterance.finalizing_told = True
            await self.outbox.send(Finalizing())
        asked_s = trio.current_time()
        if utterance.audio:
            with engine_deadline(self.timeout_s, "the final decode"):
                transcript = await self.transcriber.finish()
        else:
            transcript = Transcript(text="", decode_ms=0.0, audio_ms=0.0, runs=0)
        self.telemetry.stage("final", trio.current_time() - asked_s)
        await self.reports.send(
            UtteranceHeard(
                number=utterance.number,
                transcript=transcript,
                audio_ms=utterance.audio_ms,
                first_sample_s=utterance.first_sample_s,
                first_partial_s=utterance.first_partial_s,
                too_long=too_long,
            )
        )

    async def _give_up(self, failure: EngineFailure) -> None:
        self.utterance.give_up()
        await self.transcriber.abandon()
        await self.reports.send(
            UtteranceFailed(
                number=self.utterance.number, code=_code_of(failure), message=str(failure)
            )
        )


def _code_of(failure: EngineFailure) -> Code:
    if isinstance(failure, EngineTimeout):
        return Code.ASR_TIMEOUT
    if isinstance(failure, EngineUnavailable):
        return Code.MODEL_LOAD_FAIL
    return Code.ASR_FAIL

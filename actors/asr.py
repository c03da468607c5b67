"""ASRActor: an utterance's audio in, partials and one final out. One per session, permanent.

A recognizer that fails is fed again here, in the actor, from the audio of the utterance in hand,
and the client notices at most a delay. After the second failure on one utterance it is given up
with ASR_FAIL or ASR_TIMEOUT, and the next utterance gets its chance. However many utterances fail,
the actor does not crash. A bug does crash it: the restart goes on with the utterance and the marker
in hand, and counts the crash as one of the utterance's attempts.

What is told meanwhile is in `partials.py`, what a short silence means in `short_silences.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import trio

from ..conversation.spoken import Spoken, UtteranceEnded
from ..conversation.utterance import Failed, UtteranceInHand
from ..engines.asr.interface import Hypothesis, Transcriber, Transcript
from ..engines.deadline import engine_deadline
from ..engines.failures import EngineBusy, EngineFailure, EngineTimeout, EngineUnavailable
from ..engines.spending import Unit, spent
from ..protocol.codes import Code
from ..protocol.events import Info
from ..telemetry import Telemetry
from ..turnstile import SendsItems, current_time, move_on_at
from .messages import Report, UtteranceFailed, UtteranceFinalizing, UtteranceHeard
from .outbox import Outbox
from .partials import Partials
from .short_silences import ShortSilences
from .utterance_intake import Coming, Intake

SLOW_RTF = 1.5
SLOW_TIMES = 2
"""Twice in a row is no accident of a busy moment. Source: requirements of dialect A."""


@dataclass(slots=True, kw_only=True)
class ASRActor:
    """While a call is under way audio gathers in the channel; the next call takes all of it. So a
    slow recognizer makes fewer, larger calls, and never falls behind by its own queue."""

    intake: Intake
    reports: SendsItems[Report]
    outbox: Outbox
    transcriber: Transcriber
    partials: Partials
    silences: ShortSilences | None = None
    """None where the length of a silence alone decides whether it is the end."""
    timeout_s: float
    telemetry: Telemetry

    @property
    def utterance(self) -> UtteranceInHand[Transcript]:
        return self.intake.utterance

    async def run(self) -> None:
        await self._let_go()
        await self._resume()
        while True:
            message: Spoken | None = None
            with move_on_at(self.partials.withheld_until_s(), "partial"):
                try:
                    message = await self.intake.inbox.receive()
                except trio.EndOfChannel:
                    return
            if message is None:
                await self.partials.tell()
            else:
                await self.intake.absorb(message)
                await self._work()

    async def _resume(self) -> None:
        """Go on with what an incarnation before this one had in hand when it crashed."""
        utterance = self.utterance
        if utterance.present and utterance.final is None:
            utterance.feed_again()
            if utterance.spent and not utterance.given_up and not utterance.dropped:
                self._give_up(EngineFailure("the recognizer crashed twice on this utterance"))
        await self._work()

    async def _work(self) -> None:
        utterance = self.utterance
        while utterance.present and not utterance.given_up:
            try:
                await self._decode()
                break
            except EngineFailure as failure:
                self.telemetry.engine_failed("asr", failure)
                await self._let_go()
                utterance.feed_again()
                if not failure.retryable or utterance.spent:
                    await self.intake.absorb_what_came_with_it()
                    self._give_up(failure)
        if utterance.failure is not None:
            await self._tell_failure(utterance.failure)
        if utterance.complete:
            utterance.clear()
            await self._pass_marker_on()

    async def _let_go(self) -> None:
        """Have the recognizer forget the utterance. One that hangs even there costs this time."""
        try:
            with engine_deadline(self.timeout_s, "letting go of an utterance"):
                await self.transcriber.abandon()
        except EngineFailure as failure:
            self.telemetry.engine_failed("asr", failure)

    async def _pass_marker_on(self) -> None:
        """It is in hand until the dialogue has it."""
        utterance = self.utterance
        if utterance.marker is not None:
            await self.reports.send(utterance.marker)
            utterance.marker = None

    async def _decode(self) -> None:
        """Feed what is there, ask for a hypothesis, and finish where the end is known."""
        utterance = self.utterance
        while True:
            if self.silences is not None:
                await self.silences.void_what_was_foreseen()
            if not utterance.dropped and utterance.final is None:
                await self._begin()
                if not await self._feed() and not utterance.complete and not utterance.pause:
                    await self._ask()
                    await self._feed()
            if utterance.dropped:
                await self._let_go()
            elif utterance.ended is not None:
                await self._finish(utterance.ended)
            elif self.silences is not None and utterance.pause and not utterance.pause_judged:
                await self.silences.judge()
                continue
            return

    async def _begin(self) -> None:
        utterance = self.utterance
        if utterance.fed == 0 and utterance.audio:
            utterance.attempts += 1
            with engine_deadline(self.timeout_s, "opening the recognizer"):
                await self.transcriber.begin()

    async def _feed(self) -> bool:
        """True where the recognizer told its hypothesis, or had nothing to be fed with."""
        utterance = self.utterance
        told = True
        while pcm16 := utterance.next_slice():
            with engine_deadline(self.timeout_s, "decoding a second of audio"):
                text = await self.transcriber.feed(pcm16)
            utterance.was_fed(pcm16)
            told = text is not None
            if text:
                await self.partials.heard(text, utterance.fed)
        return told

    async def _ask(self) -> None:
        """Ask for a hypothesis. Audio goes on coming meanwhile and is fed, so that a decode which
        had to wait its turn begins with all of it; the utterance's end ends the asking."""
        hypothesis: Hypothesis | None = None
        failure: EngineFailure | None = None  # raised below, bare and not in a group
        coming = Coming(self.intake.inbox)

        async def go_on_feeding() -> None:
            nonlocal failure
            try:
                await self._feed_what_comes(coming)
            except EngineFailure as error:
                failure = error
            if not coming.stopped:
                nursery.cancel_scope.cancel()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(go_on_feeding)
            try:
                with engine_deadline(self.timeout_s, "a partial transcript"):
                    hypothesis = await self.transcriber.hypothesis()
            except EngineFailure as error:
                failure = error
            coming.stop()
        if failure is not None:
            raise failure
        if hypothesis is not None and hypothesis.text:
            await self.partials.heard(hypothesis.text, hypothesis.audio_bytes)

    async def _feed_what_comes(self, coming: Coming) -> None:
        utterance = self.utterance
        while not utterance.complete and not utterance.pause:
            message = await coming.next()
            if message is None:
                return
            await self.intake.absorb(message)
            await self._feed()

    async def _finish(self, ended: UtteranceEnded) -> None:
        utterance = self.utterance
        if not utterance.finalizing_told and not ended.unsure:
            await self.reports.send(UtteranceFinalizing(utterance.number))
            utterance.finalizing_told = True
        transcript = utterance.final or await self._final()
        await self.reports.send(
            UtteranceHeard(
                number=utterance.number,
                transcript=transcript,
                audio_ms=utterance.audio_ms,
                first_sample_s=utterance.first_sample_s,
                first_partial_s=utterance.first_partial_s,
                last_sample_s=ended.last_sample_s,
                decided_s=ended.decided_s,
                too_long=ended.too_long,
                unfinished=ended.unfinished,
                by_hand=ended.by_hand,
            )
        )
        spent(Unit.AUDIO, transcript.audio_ms / 1000)  # its words are answered still

    async def _final(self) -> Transcript:
        """The final decode. Its result is in hand until the dialogue has it."""
        utterance, asked_s = self.utterance, current_time()
        if utterance.audio:
            with engine_deadline(self.timeout_s, "the final decode"):
                transcript = await self.transcriber.finish()
        else:
            transcript = Transcript(text="", decode_ms=0.0, audio_ms=0.0, runs=0)
        utterance.final = transcript
        self.telemetry.stage("final", current_time() - asked_s)
        for reason, times in transcript.doubts.items():
            self.telemetry.doubted(reason, times)
        await self._mind_the_pace(transcript.rtf)
        return transcript

    async def _mind_the_pace(self, rtf: float) -> None:
        """Advise a smaller model, once each time that this one begins to be too slow."""
        utterance = self.utterance
        utterance.slow = utterance.slow + 1 if rtf > SLOW_RTF else 0
        if utterance.slow == SLOW_TIMES:
            await self.outbox.send(
                Info(
                    message=f"transcribing takes {rtf:.1f} times as long as speaking: "
                    "a smaller model (STREAM_MODEL_WHISPER) or another engine would keep up"
                )
            )

    def _give_up(self, failure: EngineFailure) -> None:
        """Nothing more is heard of this utterance. Its end is told once: as failed, unless it was
        dropped meanwhile, and the VAD actor has told of that."""
        self.utterance.give_up(Failed(code=_code_of(failure), message=str(failure)))

    async def _tell_failure(self, failure: Failed) -> None:
        """It is in hand until the dialogue has it."""
        utterance = self.utterance
        await self.reports.send(
            UtteranceFailed(number=utterance.number, code=failure.code, message=failure.message)
        )
        utterance.failure = None


def _code_of(failure: EngineFailure) -> Code:
    if isinstance(failure, EngineTimeout):
        return Code.ASR_TIMEOUT
    if isinstance(failure, EngineBusy):
        return Code.BACKPRESSURE
    if isinstance(failure, EngineUnavailable):
        return Code.MODEL_LOAD_FAIL
    return Code.ASR_FAIL

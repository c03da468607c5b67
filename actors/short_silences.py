"""A short silence within an utterance: how likely it is the end, and what will be heard if it is.

The VAD actor, which counts the silence, waits for the first (`Pauses`); the dialogue may begin to
think of an answer by the second, before the silence is long enough to be sure. Where the person
goes on speaking, what was foreseen is void.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import trio

from ..audio.pcm import BYTES_PER_MS
from ..conversation.patience import NO_OPINION
from ..engines.asr.interface import Transcriber, Transcript
from ..engines.deadline import engine_deadline
from ..engines.failures import EngineFailure
from ..engines.turn.interface import HEARD_S, Pause, TurnEndEngine
from ..telemetry import Telemetry
from ..turnstile import SendsItems, current_time
from .messages import Report, SpeechResumed, UtteranceForeseen
from .pauses import ANSWER_LIMIT_S, Pauses
from .utterance_intake import Intake

ASKED_LIMIT_S = 2 * ANSWER_LIMIT_S
"""The end-of-turn engine is asked no longer: the silence has decided by then, and the final waits
behind the question."""


@dataclass(slots=True, kw_only=True)
class ShortSilences:
    """Of one session's utterances. A recognizer's EngineFailure comes out; the end-of-turn
    engine's is told to `telemetry`, and the silence alone decides."""

    intake: Intake
    reports: SendsItems[Report]
    transcriber: Transcriber
    engine: TurnEndEngine
    pauses: Pauses
    timeout_s: float
    telemetry: Telemetry
    foresees: bool
    """Whether the dialogue wants to know what will be heard if this is the end."""
    said_before: Callable[[], str] = str
    """What the person has said before this utterance, in the same turn."""
    asked: Callable[[], str] = str
    """What the agent said last."""
    language: Callable[[str | None], str] = lambda told: told or ""
    """The language of an utterance, by what the recognizer tells of it."""

    async def judge(self) -> None:
        """Judge the silence that goes on. Speech that goes on ends the asking; the utterance's end
        does not, for what is asked is its final."""
        utterance = self.intake.utterance
        failure: EngineFailure | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._until_speech_goes_on, nursery.cancel_scope)
            try:
                await self._judge(utterance.pause)
                utterance.pause_judged = True
            except EngineFailure as error:
                failure = error  # raised below, bare and not in a group
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure

    async def void_what_was_foreseen(self) -> None:
        """Tell the dialogue, where the person went on speaking."""
        utterance = self.intake.utterance
        if utterance.foreseen and not utterance.pause:
            await self.reports.send(SpeechResumed(number=utterance.number))
            utterance.foreseen = False

    async def _until_speech_goes_on(self, judging: trio.CancelScope) -> None:
        utterance = self.intake.utterance
        pause = utterance.pause
        while not utterance.complete and utterance.pause == pause:
            try:
                message = await self.intake.inbox.receive()
            except trio.EndOfChannel:
                return
            await self.intake.absorb(message)
        if utterance.ended is None:
            judging.cancel()

    async def _judge(self, pause: int) -> None:
        if self.engine.needs_text:
            transcript = await self._foresee(wanted=True)
            newest = self.intake.utterance.hypothesis.text
            if transcript is None:
                await self._ask_engine(pause, newest, None)
            else:
                await self._ask_engine(pause, transcript.text, transcript.language)
            return
        failure: EngineFailure | None = None
        async with trio.open_nursery() as nursery:
            newest = self.intake.utterance.hypothesis.text
            nursery.start_soon(self._ask_engine, pause, newest, None)
            try:
                await self._foresee(wanted=self.foresees)
            except EngineFailure as error:
                failure = error
        if failure is not None:
            raise failure

    async def _foresee(self, *, wanted: bool) -> Transcript | None:
        """The final that it would be; None where nobody was asked. What is foreseen once is the
        final, if the silence goes on: the recognizer knows it and is not asked again."""
        utterance = self.intake.utterance
        if not wanted or not utterance.audio:
            return None
        with engine_deadline(self.timeout_s, "the final decode"):
            transcript = await self.transcriber.conclude()
        if self.foresees and transcript.text:
            utterance.foreseen = True
            await self.reports.send(
                UtteranceForeseen(
                    number=utterance.number,
                    transcript=transcript,
                    first_sample_s=utterance.first_sample_s,
                    first_partial_s=utterance.first_partial_s,
                    spoken_ms=utterance.audio_ms_at(utterance.paused_at) - utterance.began_ms,
                )
            )
        return transcript

    async def _ask_engine(self, pause: int, text: str, told: str | None) -> None:
        """`told`: what the recognizer told of its language."""
        utterance = self.intake.utterance
        newest = max(0, utterance.paused_at - int(HEARD_S * 1000) * BYTES_PER_MS)
        asked_s = current_time()
        likelihood = NO_OPINION
        try:
            with engine_deadline(min(self.timeout_s, ASKED_LIMIT_S), "the end of the turn"):
                likelihood = await self.engine.likelihood(
                    Pause(
                        text=" ".join(filter(None, (self.said_before(), text))),
                        pcm16=bytes(utterance.audio[newest : utterance.paused_at]),
                        asked=self.asked(),
                        language=self.language(told),
                    )
                )
        except EngineFailure as failure:
            self.telemetry.engine_failed("turn", failure)
        self.telemetry.stage("turn_end", current_time() - asked_s)
        self.pauses.answer(pause, likelihood)

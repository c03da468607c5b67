"""ASRActor: an utterance's audio in, partials and one final out. One per session, permanent.

A recognizer that fails is fed again here, in the actor, from the audio of the utterance in hand,
and the client notices at most a delay. After the second failure on one utterance it is given up
with ASR_FAIL or ASR_TIMEOUT, and the next utterance gets its chance. However many utterances fail,
the actor does not crash. A bug does crash it: the restart goes on with the utterance and the marker
in hand, and counts the crash as one of the utterance's attempts.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from ..audio.pcm import BYTES_PER_MS
from ..conversation.patience import NO_OPINION
from ..conversation.spoken import Spoken, UtteranceEnded
from ..conversation.utterance import Failed, UtteranceInHand
from ..engines.asr.interface import Hypothesis, Transcriber, Transcript
from ..engines.deadline import engine_deadline
from ..engines.failures import EngineBusy, EngineFailure, EngineTimeout, EngineUnavailable
from ..engines.spending import Unit, spent
from ..engines.turn.interface import HEARD_S, Pause, TurnEndEngine
from ..protocol.codes import Code
from ..protocol.events import Info, Partial
from ..telemetry import Telemetry
from ..turnstile import SendsItems, current_time, move_on_at, turn
from .messages import (
    Report,
    SpeechResumed,
    UtteranceFailed,
    UtteranceFinalizing,
    UtteranceForeseen,
    UtteranceHeard,
    WordsHeard,
)
from .outbox import Outbox
from .pauses import ANSWER_LIMIT_S, Pauses

TURN_END_LIMIT_S = 2 * ANSWER_LIMIT_S
"""The end-of-turn engine is asked no longer: the silence has decided by then, and the final waits
behind the question."""

SLOW_RTF = 1.5
SLOW_TIMES = 2
"""Twice in a row is no accident of a busy moment. Source: requirements of dialect A."""


@dataclass(slots=True)
class Coming:
    """What is said while the recognizer is asked, until that is over. Only the waiting is cut then:
    of audio that was just being fed, nobody could say whether the recognizer has taken it. Fed
    again it would be heard twice, and left out it would be lost."""

    inbox: trio.MemoryReceiveChannel[Spoken]
    stopped: bool = False
    _waiting: trio.CancelScope = field(default_factory=trio.CancelScope)

    async def next(self) -> Spoken | None:
        """None: the asking is over, or the inbox is closed."""
        self._waiting = trio.CancelScope()
        if self.stopped:
            return None
        with self._waiting:
            try:
                return await self.inbox.receive()
            except trio.EndOfChannel:
                return None
        return None

    def stop(self) -> None:
        self.stopped = True
        self._waiting.cancel()


@dataclass(slots=True, kw_only=True)
class ASRActor:
    """While a call is under way audio gathers in the channel; the next call takes all of it. So a
    slow recognizer makes fewer, larger calls, and never falls behind by its own queue."""

    inbox: trio.MemoryReceiveChannel[Spoken]
    reports: SendsItems[Report]
    outbox: Outbox
    transcriber: Transcriber
    utterance: UtteranceInHand[Transcript]
    timeout_s: float
    partial_interval_s: float
    partial_min_gap_s: float
    telemetry: Telemetry
    turn_end: TurnEndEngine | None = None
    """Asked at every short silence; None where the silence alone decides."""
    pauses: Pauses = field(default_factory=Pauses)
    tells_words: Callable[[], bool] = lambda: False
    """Whether the dialogue is told every hypothesis now."""
    said_before: Callable[[], str] = str
    """What the person has said before this utterance, in the same turn."""
    language: Callable[[str | None], str] = lambda told: told or ""
    """The language of an utterance, by what the recognizer tells of it."""
    asked: Callable[[], str] = str
    """What the agent said last."""
    foresees: bool = False
    """Whether the dialogue wants to know at a short silence what will be heard if it is the end."""

    async def run(self) -> None:
        await self._let_go()
        await self._resume()
        while True:
            message: Spoken | None = None
            with move_on_at(self._withheld_until_s(), "partial"):
                try:
                    message = await self.inbox.receive()
                except trio.EndOfChannel:
                    return
            if message is None:
                await self._partial()
            else:
                self.utterance.absorb(message)
                await turn()  # all that came at this moment is there now
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
                    await turn()  # all that came at this moment is there now
                    self._absorb_waiting()
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
            await self._void_what_was_foreseen()
            if not utterance.dropped and utterance.final is None:
                await self._begin()
                if not await self._feed() and not utterance.complete and not utterance.pause:
                    await self._ask()
                    await self._feed()
            if utterance.dropped:
                await self._let_go()
            elif utterance.ended is not None:
                await self._finish(utterance.ended)
            elif utterance.pause and not utterance.pause_judged:
                await self._judge_pause()
                continue
            return

    async def _void_what_was_foreseen(self) -> None:
        utterance = self.utterance
        if utterance.foreseen and not utterance.pause:
            await self.reports.send(SpeechResumed(number=utterance.number))
            utterance.foreseen = False

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
                await self._heard(text, utterance.fed)
        return told

    async def _ask(self) -> None:
        """Ask for a hypothesis. Audio goes on coming meanwhile and is fed, so that a decode which
        had to wait its turn begins with all of it; the utterance's end ends the asking."""
        hypothesis: Hypothesis | None = None
        failure: EngineFailure | None = None  # raised below, bare and not in a group
        coming = Coming(self.inbox)

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
            await self._heard(hypothesis.text, hypothesis.audio_bytes)

    async def _feed_what_comes(self, coming: Coming) -> None:
        utterance = self.utterance
        while not utterance.complete and not utterance.pause:
            message = await coming.next()
            if message is None:
                return
            utterance.absorb(message)
            await turn()
            self._absorb_waiting()
            await self._feed()

    async def _judge_pause(self) -> None:
        """A short silence: say how likely it is the end, and what would be heard then. Speech that
        goes on ends the asking; the utterance's end does not, for what is asked is its final."""
        utterance = self.utterance
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

    async def _until_speech_goes_on(self, judging: trio.CancelScope) -> None:
        utterance, pause = self.utterance, self.utterance.pause
        while not utterance.complete and utterance.pause == pause:
            try:
                utterance.absorb(await self.inbox.receive())
            except trio.EndOfChannel:
                return
            await turn()
            self._absorb_waiting()
        if utterance.ended is None:
            judging.cancel()

    async def _judge(self, pause: int) -> None:
        engine = self.turn_end
        if engine is None:
            return
        if engine.needs_text:
            transcript = await self._foresee(wanted=True)
            newest = self.utterance.hypothesis.text
            if transcript is None:
                await self._ask_turn_end(engine, pause, newest, None)
            else:
                await self._ask_turn_end(engine, pause, transcript.text, transcript.language)
            return
        failure: EngineFailure | None = None
        async with trio.open_nursery() as nursery:
            newest = self.utterance.hypothesis.text
            nursery.start_soon(self._ask_turn_end, engine, pause, newest, None)
            try:
                await self._foresee(wanted=self.foresees)
            except EngineFailure as error:
                failure = error
        if failure is not None:
            raise failure

    async def _foresee(self, *, wanted: bool) -> Transcript | None:
        """The final that it would be; None where nobody was asked. What is foreseen once is the
        final, if the silence goes on: the recognizer knows it and is not asked again."""
        utterance = self.utterance
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

    async def _ask_turn_end(
        self, engine: TurnEndEngine, pause: int, text: str, told: str | None
    ) -> None:
        """`told`: what the recognizer told of its language."""
        utterance = self.utterance
        newest = max(0, utterance.paused_at - int(HEARD_S * 1000) * BYTES_PER_MS)
        asked_s = current_time()
        likelihood = NO_OPINION
        try:
            with engine_deadline(min(self.timeout_s, TURN_END_LIMIT_S), "the end of the turn"):
                likelihood = await engine.likelihood(
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

    async def _heard(self, text: str, audio_bytes: int) -> None:
        """A hypothesis for the first `audio_bytes` of the utterance."""
        utterance = self.utterance
        audio_ms = utterance.audio_ms_at(audio_bytes)
        if audio_ms <= utterance.hypothesis_ms:
            return  # it is fed again, and the client knows more already
        utterance.hypothesis_ms = audio_ms
        utterance.hypothesis = utterance.agreement.update(text, audio_ms)
        if self.tells_words():
            spoken_ms = audio_ms - utterance.began_ms
            await self.reports.send(
                WordsHeard(number=utterance.number, text=text, spoken_ms=spoken_ms)
            )
        await self._partial()

    async def _partial(self) -> None:
        """A changed hypothesis, at most every `partial_min_gap_s`; an unchanged one again after
        `partial_interval_s`, the longest that a talker waits for a fresh one."""
        utterance = self.utterance
        if utterance.ended is not None or utterance.hypothesis_ms <= utterance.last_partial_ms:
            return  # the final says it all
        shown = utterance.hypothesis
        now_s = current_time()
        changed = shown.text != utterance.last_partial
        wait_s = self.partial_min_gap_s if changed else self.partial_interval_s
        if now_s < utterance.last_partial_s + wait_s:
            return
        utterance.last_partial = shown.text
        utterance.last_partial_s = now_s
        utterance.last_partial_ms = utterance.hypothesis_ms
        if utterance.first_partial_s is None:
            utterance.first_partial_s = now_s
            self.telemetry.stage("first_partial", now_s - utterance.first_sample_s)
        await self.outbox.offer_partial(
            Partial(
                text=shown.text,
                audio_ms=utterance.hypothesis_ms,
                stable_chars=shown.stable_chars,
                utterance=utterance.number,
            )
        )

    def _withheld_until_s(self) -> float:
        """When a hypothesis that came too soon after the one before may be told."""
        utterance = self.utterance
        if utterance.present and utterance.hypothesis.text != utterance.last_partial:
            return utterance.last_partial_s + self.partial_min_gap_s
        return math.inf

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

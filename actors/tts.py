"""TTSActor: phrases in, speech out. One per turn, transient; the turn's end is its end.

A synthesizer that fails is asked once more here, in the actor. A phrase whose synthesis fails
twice, or overruns its deadline, is reported (TTS_FAIL) and skipped. So is every phrase where no
voice can be loaded at all (MODEL_LOAD_FAIL): the reply is then there to read, and the session goes
on. However many phrases fail, the actor does not crash. A bug does crash it: the restart goes on
with the phrase in hand, and counts the crash as one of its attempts.
"""

from __future__ import annotations

from dataclasses import dataclass

import trio

from ..conversation.attempts import Attempts
from ..conversation.phrases import Phrase
from ..engines.deadline import engine_deadline
from ..engines.failures import EngineFailure, EngineTimeout, EngineUnavailable
from ..engines.tts.interface import Synthesizer
from ..protocol.codes import Code
from ..protocol.events import Failure, Outbound
from ..telemetry import Telemetry
from ..turnstile import SendsItems, current_time
from .messages import EndOfReply, SpokenPhrase


@dataclass(slots=True, kw_only=True)
class TTSActor:
    inbox: trio.MemoryReceiveChannel[Phrase | EndOfReply]
    speech: trio.MemorySendChannel[SpokenPhrase | EndOfReply]
    outbox: SendsItems[Outbound]
    synthesizer: Synthesizer
    attempts: Attempts[Phrase]
    turn: int
    phrase_timeout_s: float
    telemetry: Telemetry

    async def run(self) -> None:
        if self.attempts.item is not None:
            await self._phrase(self.attempts.item)
        async for message in self.inbox:
            if isinstance(message, EndOfReply):
                break
            await self._phrase(self.attempts.take(message))
        await self.speech.send(EndOfReply())

    async def _phrase(self, phrase: Phrase) -> None:
        failure = await self._attempt(phrase)
        if failure is not None:
            await self._skip(phrase, failure)
        self.attempts.put_down()

    async def _attempt(self, phrase: Phrase) -> EngineFailure | None:
        """Speak it, in as many attempts as there are left. Gives why it is not spoken, or None."""
        failure = EngineFailure("the synthesizer crashed twice on a phrase")
        while not self.attempts.spent:
            self.attempts.attempt()
            try:
                await self._speak(phrase)
            except EngineFailure as error:
                self.telemetry.engine_failed("tts", error)
                failure = error
                # A phrase that overran has taken its time; a second try would double the pause.
                if isinstance(failure, EngineTimeout) or not failure.retryable:
                    break
            else:
                return None
        return failure

    async def _speak(self, phrase: Phrase) -> None:
        began_s = current_time()
        with engine_deadline(self.phrase_timeout_s, "speaking a phrase"):
            speech = await self.synthesizer.speak(phrase.text)
        self.telemetry.stage("speak", current_time() - began_s)
        if speech.pcm16:
            await self.speech.send(
                SpokenPhrase(number=phrase.number, text=phrase.text, speech=speech)
            )
        else:
            self.telemetry.count("silent_phrases")

    async def _skip(self, phrase: Phrase, failure: EngineFailure) -> None:
        unavailable = isinstance(failure, EngineUnavailable)
        await self.outbox.send(
            Failure(
                code=Code.MODEL_LOAD_FAIL if unavailable else Code.TTS_FAIL,
                message=f"phrase {phrase.number} of the reply is skipped: {failure}",
                recoverable=True,  # without a voice too: Parley still hears and answers
                turn=self.turn,
            )
        )

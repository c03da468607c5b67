"""TTSActor: phrases in, speech out. One per turn, transient; the turn's end is its end.

A restart goes on with the phrase in hand. A phrase whose synthesis fails twice, or overruns its
deadline, is reported (TTS_FAIL) and skipped. So is every phrase where no voice can be loaded at all
(MODEL_LOAD_FAIL): the reply is then there to read, and the session goes on.
"""

from __future__ import annotations

from dataclasses import dataclass

import trio

from ..conversation.attempts import Attempts
from ..engines.deadline import engine_deadline
from ..engines.failures import EngineFailure, EngineTimeout, EngineUnavailable
from ..engines.tts.interface import Synthesizer
from ..protocol.codes import Code
from ..protocol.events import Failure, Outbound
from ..telemetry import Telemetry
from ..turnstile import SendsItems, current_time
from .messages import EndOfReply, Phrase, SpokenPhrase


@dataclass(slots=True, kw_only=True)
class TTSActor:
    inbox: trio.MemoryReceiveChannel[Phrase | EndOfReply]
    speech: trio.MemorySendChannel[SpokenPhrase | EndOfReply]
    outbox: SendsItems[Outbound]
    synthesizer: Synthesizer
    hand: Attempts[Phrase]
    turn: int
    phrase_timeout_s: float
    telemetry: Telemetry

    async def run(self) -> None:
        if self.hand.item is not None:
            await self._phrase(self.hand.item)
        async for message in self.inbox:
            if isinstance(message, EndOfReply):
                break
            await self._phrase(self.hand.take(message))
        await self.speech.send(EndOfReply())

    async def _phrase(self, phrase: Phrase) -> None:
        if self.hand.spent:
            await self._skip(phrase, EngineFailure("the synthesizer crashed twice on a phrase"))
        else:
            self.hand.attempt()
            try:
                await self._speak(phrase)
            except EngineFailure as failure:
                self.telemetry.engine_failed("tts", failure)
                # A phrase that overran has taken its time; a second try would double the pause.
                timed_out = isinstance(failure, EngineTimeout)
                if failure.retryable and not timed_out and not self.hand.spent:
                    raise
                await self._skip(phrase, failure)
        self.hand.put_down()

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

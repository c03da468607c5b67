"""TTSActor: phrases in, speech out. One per turn, transient; the turn's end is its end.

A synthesizer that streams is heard with its first piece: the phrase goes to playout with it, and a
channel that gives the rest. One that fails is asked once more here, in the actor, while nothing of
the phrase has left; after that the phrase ends where it is. A phrase whose synthesis fails twice,
or overruns its deadline, is reported (TTS_FAIL) and skipped. So is every phrase where no voice can
be loaded at all (MODEL_LOAD_FAIL): the reply is then there to read, and the session goes on.
However many phrases fail, the actor does not crash. A bug does crash it: the restart goes on with
the phrase in hand, and counts the crash as one of its attempts.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

import structlog
import trio

from ..conversation.attempts import Attempts
from ..conversation.pace import PhraseTime, VoicePace, longest_s
from ..conversation.text.phrases import Phrase
from ..conversation.text.speakable import pronounceable
from ..engines.deadline import closing_in_time, engine_deadline
from ..engines.failures import EngineFailure, EngineTimeout, EngineUnavailable, Unsayable
from ..engines.spending import Unit, spent
from ..engines.tts.interface import Speech, Streams, Synthesizer
from ..protocol.codes import Code
from ..protocol.events import Failure, Info, Outbound
from ..telemetry import Telemetry
from ..turnstile import SendsItems, current_time
from .limits import SPEECH_PIECES_CAPACITY
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
    silent: bool = False
    """The reply is text alone: nothing of it is spoken."""
    pace: VoicePace = field(default_factory=VoicePace)
    """The session's: whether its voice keeps up with speech."""
    _unsayable_told: bool = False
    """Whether the client knows that the voice cannot read some of this reply."""
    _whole: bool = field(default=False, init=False)
    """Whether the end of the reply has come."""

    async def run(self) -> None:
        if self.attempts.item is not None:
            await self._phrase(self.attempts.item)
        while not self._whole:
            try:
                message = await self.inbox.receive()
            except trio.EndOfChannel:
                break
            if isinstance(message, EndOfReply):
                self._whole = True
            elif not self.silent:
                await self._phrase(self.attempts.take(message))
        await self.speech.send(EndOfReply())

    async def _phrase(self, phrase: Phrase) -> None:
        failure = await self._attempt(phrase)
        unsayable = isinstance(failure, Unsayable)
        if failure is not None and not (unsayable and self._unsayable_told):
            await self._tell(phrase, failure)
            self._unsayable_told |= unsayable
        self.attempts.put_down()

    async def _attempt(self, phrase: Phrase) -> EngineFailure | None:
        """Speak it, in as many attempts as there are left. Gives why it is not spoken, or None."""
        failure = EngineFailure(
            "the synthesizer crashed in the middle of a phrase"
            if self.attempts.begun
            else "the synthesizer crashed twice on a phrase"
        )
        while not self.attempts.spent and not self.attempts.begun:
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
        if isinstance(self.synthesizer, Streams):
            made_s, took_s = await self._stream(self.synthesizer, phrase)
        else:
            with engine_deadline(self.phrase_timeout_s, "speaking a phrase"):
                speech = await self.synthesizer.speak(phrase.spoken)
            made_s, took_s = speech.duration_s, current_time() - began_s
            if speech.pcm16:
                await self.speech.send(SpokenPhrase(phrase=phrase, speech=speech))
                self.attempts.put_down()  # a crash from here on must not say it again
        spent(Unit.CHARACTERS, len(phrase.spoken))
        self.telemetry.stage("speak", took_s)
        if not made_s:
            self._no_sound(phrase)
        elif (slow := self.pace.took(took_s, made_s)) is not None:
            await self._slow(slow)

    async def _stream(self, synthesizer: Streams, phrase: Phrase) -> tuple[float, float]:
        """The seconds of audio that came, and the seconds that were spent on waiting for them."""
        time, limit_s = PhraseTime(self.phrase_timeout_s), longest_s(phrase.spoken)
        tell, hear = trio.open_memory_channel[Speech](SPEECH_PIECES_CAPACITY)
        with tell:
            async with AsyncExitStack() as stack:
                pieces: AsyncIterator[Speech] | None = None
                while True:
                    began_s = current_time()
                    with engine_deadline(time.left_s, "speaking a phrase", time.overrun):
                        if pieces is None:
                            stream = synthesizer.stream(phrase.spoken)
                            pieces = await stack.enter_async_context(
                                closing_in_time(stream, "the voice")
                            )
                        piece = await anext(pieces, None)
                    first, sound_s = not time.made_s, piece.duration_s if piece else 0.0
                    time.came(current_time() - began_s, sound_s)
                    if piece is None:
                        if time.made_s:
                            self.attempts.put_down()  # it was said, whatever crashes now
                        return time.made_s, time.waited_s
                    if time.over:
                        raise EngineTimeout(time.overrun)
                    if not piece.pcm16:
                        await trio.lowlevel.checkpoint()
                        continue
                    if first:
                        await self.speech.send(SpokenPhrase(phrase=phrase, speech=piece, rest=hear))
                        self.attempts.begun = True
                    else:
                        await tell.send(piece)
                    if time.made_s > limit_s:
                        raise EngineFailure(
                            f"the voice sent {time.made_s:.0f} s of audio for "
                            f"{len(phrase.spoken)} characters, and was cut off",
                            retryable=False,
                        )

    def _no_sound(self, phrase: Phrase) -> None:
        """Raises EngineFailure where there was something to pronounce."""
        if pronounceable(phrase.spoken):
            raise EngineFailure("the voice made no sound of this phrase")
        self.telemetry.count("silent_phrases")

    async def _slow(self, ratio: float) -> None:
        """Once for a session: its voice leaves gaps in what it says."""
        self.telemetry.count("slow_voices")
        message = f"the voice is slower than speech: {ratio:.1f} s of work for a second of sound"
        structlog.get_logger().warning("slow_voice", ratio=round(ratio, 2), turn=self.turn)
        await self.outbox.send(Info(message=message))

    async def _tell(self, phrase: Phrase, failure: EngineFailure) -> None:
        unavailable = isinstance(failure, EngineUnavailable)
        what = "ends early" if self.attempts.begun else "is skipped"
        await self.outbox.send(
            Failure(
                code=Code.MODEL_LOAD_FAIL if unavailable else Code.TTS_FAIL,
                message=f"phrase {phrase.number} of the reply {what}: {failure}",
                recoverable=True,  # without a voice too: Parley still hears and answers
                turn=self.turn,
            )
        )

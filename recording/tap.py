"""The taps: a session's seams, with a recorder at each.

Each lets in what comes through it by the session's turnstile, and writes it down in the moment at
which it is let in. What is cancelled on its way was never let in.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import asdict, astuple, replace
from typing import Any, TypeVar

from ..engines.agent.interface import Conductor
from ..engines.asr.interface import Hypothesis, Transcriber, Transcript
from ..engines.failures import EngineFailure
from ..engines.kit import Engines, SessionInfo
from ..engines.llm.interface import (
    Alive,
    Remark,
    ReplyPart,
    Responder,
    SayLater,
    ToolCall,
    ToolOffer,
    offering,
    second_of,
    warm,
)
from ..engines.tts.interface import ManyVoices, Speech, Streams, Synthesizer, spoken_in
from ..engines.turn.interface import Pause, TurnEndEngine
from ..engines.vad.interface import Detector, Tunable
from ..protocol.chat import ChatMessage
from ..protocol.effects import AnyEffect, effect_data
from ..transport import PeerGone, Transport
from ..turnstile import Turnstile
from .tape import Data, Entry, Tape

T = TypeVar("T")


class Tap:
    """Of one session: the turnstile, the tape, and the numbers of what came."""

    def __init__(self, turnstile: Turnstile, tape: Tape) -> None:
        self.turnstile = turnstile
        self._tape = tape
        self._numbers: Counter[str] = Counter()
        self._verdicts = ""
        turnstile.note = lambda source: self.write(source, {})
        turnstile.note_audio = self.write

    def name(self, kind: str) -> str:
        """The next of its kind."""
        self._numbers[kind] += 1
        return f"{kind}#{self._numbers[kind]}"

    async def let_in(self, source: str, data: Data, audio: bytes | None = None) -> None:
        await self.turnstile.admit(source)
        self.write(source, data, audio)

    def write(
        self, source: str, data: Data, audio: bytes | None = None, at_s: float | None = None
    ) -> None:
        at_s = self.turnstile.now_s if at_s is None else at_s
        if self._verdicts:
            self._tape.write(Entry(at_s=at_s, source="detector", data={"speech": self._verdicts}))
            self._verdicts = ""
        self._tape.write(Entry(at_s=at_s, source=source, data=data, audio=audio))

    def verdict(self, speech: bool) -> None:
        """A detector's word on one frame. It follows from the audio, so it is not let in; written
        down with the next entry."""
        self._verdicts += "1" if speech else "0"

    async def outcome(
        self,
        source: str,
        call: Callable[[], Awaitable[T]],
        tell: Callable[[T], tuple[Data, bytes | None]],
    ) -> T:
        """What a call gives, or raises, let in when it is there."""
        try:
            value = await call()
        except EngineFailure as failure:
            await self.let_in(source, _failure(failure))
            raise
        data, audio = tell(value)
        await self.let_in(source, data, audio)
        return value


def _token(part: ReplyPart | None) -> Data:
    """None is the end. All that is no text is an empty token with what it is beside it."""
    match part:
        case None | str():
            return {"token": part}
        case Alive():
            return {"token": "", "alive": True}
        case Remark():
            return {"token": "", "remark": part.text}
        case ToolCall():
            return {"token": "", "call": asdict(part)}
    kind = "say" if isinstance(part, SayLater) else "forget"
    return {"token": "", kind: asdict(part)}


def _message(message: ChatMessage) -> Data:
    """Of a message without calls, as of most, the role and the text alone."""
    whole = asdict(message)
    beside = {name: value for name, value in whole.items() if name in _BESIDE and value}
    return {"role": message.role, "text": message.text, **beside}


_BESIDE = ("calls", "call_id")


def _spoken(text: str, speech: Speech) -> Data:
    return {"said": text, **_sound(speech)}


def _sound(speech: Speech) -> Data:
    """The words' times as rows of four numbers, where there are any."""
    said: dict[str, Any] = {"rate_hz": speech.rate_hz}
    if speech.words:
        said["words"] = [list(astuple(word)) for word in speech.words]
    return said


def _piece(piece: Speech | None) -> tuple[Data, bytes | None]:
    """None is the end, which has no rate."""
    return ({"rate_hz": None}, None) if piece is None else (_sound(piece), piece.pcm16)


def _failure(failure: EngineFailure) -> Data:
    wanted = failure.retry_after_s
    return {
        "failure": type(failure).__name__,
        "message": str(failure),
        "retryable": failure.retryable,
        **({} if wanted is None else {"retry_after_s": wanted}),
    }


class TappedTransport:
    """The session's end of a connection."""

    def __init__(self, inner: Transport, tap: Tap) -> None:
        self._inner = inner
        self._tap = tap
        self.peer = inner.peer
        self.subprotocol = inner.subprotocol

    async def receive(self) -> str | bytes:
        source = self._tap.name("in")
        try:
            frame = await self._inner.receive()
        except PeerGone as gone:
            await self._tap.let_in(source, {"gone": gone.code, "reason": gone.reason})
            raise
        if isinstance(frame, str):
            await self._tap.let_in(source, {"text": frame})
        else:
            await self._tap.let_in(source, {}, frame)
        return frame

    async def send(self, frame: str | bytes) -> None:
        """A peer that makes us wait is an event too; one that does not is none."""
        turnstile, number = self._tap.turnstile, self._tap.name("out")
        at_s, before = turnstile.now_s, turnstile.admitted
        gone: PeerGone | None = None
        try:
            await self._inner.send(frame)
        except PeerGone as error:
            gone = error
        data: dict[str, Any] = {"text": frame} if isinstance(frame, str) else {}
        audio = None if isinstance(frame, str) else frame
        if gone is not None:
            data |= {"gone": gone.code, "reason": gone.reason}
        waited = turnstile.admitted != before
        if waited:
            data["waited"] = True
            await self._tap.let_in(number.replace("out", "sent"), {})
        self._tap.write(number, data, audio, at_s)
        if gone is not None:
            raise gone

    async def close(self, code: int = 1000, reason: str = "") -> None:
        self._tap.write("closed", {"code": code, "reason": reason})
        await self._inner.close(code, reason)

    def abort(self) -> None:
        self._inner.abort()


class TappedDetector:
    def __init__(self, inner: Detector, tap: Tap) -> None:
        self._inner = inner
        self._tap = tap
        self.rate_hz = inner.rate_hz
        self.frame_samples = inner.frame_samples

    def is_speech(self, pcm16: bytes) -> bool:
        speech = self._inner.is_speech(pcm16)
        self._tap.verdict(speech)
        return speech

    def tune(self, threshold: float | None) -> None:
        if isinstance(self._inner, Tunable):
            self._inner.tune(threshold)

    def reset(self) -> None:
        self._inner.reset()


class TappedTranscriber:
    def __init__(self, inner: Transcriber, tap: Tap) -> None:
        self._inner = inner
        self._tap = tap

    async def begin(self) -> None:
        await self._tap.outcome(
            self._tap.name("asr.begin"), self._inner.begin, lambda _: ({}, None)
        )

    async def feed(self, pcm16: bytes) -> str | None:
        return await self._tap.outcome(
            self._tap.name("asr.feed"),
            functools.partial(self._inner.feed, pcm16),
            lambda text: ({"text": text, "bytes": len(pcm16)}, None),
        )

    async def hypothesis(self) -> Hypothesis | None:
        return await self._tap.outcome(
            self._tap.name("asr.hypothesis"),
            self._inner.hypothesis,
            lambda found: ({"hypothesis": None if found is None else asdict(found)}, None),
        )

    async def conclude(self) -> Transcript:
        return await self._tap.outcome(
            self._tap.name("asr.conclude"),
            self._inner.conclude,
            lambda transcript: ({"transcript": asdict(transcript)}, None),
        )

    async def finish(self) -> Transcript:
        return await self._tap.outcome(
            self._tap.name("asr.finish"),
            self._inner.finish,
            lambda transcript: ({"transcript": asdict(transcript)}, None),
        )

    async def abandon(self) -> None:
        await self._inner.abandon()


class TappedTurnEnd:
    def __init__(self, inner: TurnEndEngine, tap: Tap) -> None:
        self._inner = inner
        self._tap = tap
        self.needs_text = inner.needs_text

    async def likelihood(self, pause: Pause) -> float:
        return await self._tap.outcome(
            self._tap.name("turn.likelihood"),
            functools.partial(self._inner.likelihood, pause),
            lambda likelihood: ({"likelihood": likelihood}, None),
        )


class TappedResponder:
    def __init__(self, inner: Responder, tap: Tap) -> None:
        self._inner = inner
        self._tap = tap
        second = second_of(inner)
        self.second: Responder | None = None
        if second is not None:
            self.second = TappedResponder(second, tap)

    @asynccontextmanager
    async def reply(
        self, conversation: Sequence[ChatMessage]
    ) -> AsyncIterator[AsyncIterator[ReplyPart]]:
        asked = {"conversation": [_message(message) for message in conversation]}
        source = self._tap.name("llm.reply")
        async with AsyncExitStack() as stack:
            try:
                tokens = await stack.enter_async_context(self._inner.reply(conversation))
            except EngineFailure as failure:
                await self._tap.let_in(source, _failure(failure))
                raise
            await self._tap.let_in(source, asked)
            yield await stack.enter_async_context(aclosing(self._tokens(tokens)))

    def with_tools(self, tools: Sequence[ToolOffer]) -> Responder:
        """The offers are no entry: they follow from what the conductor did."""
        return TappedResponder(offering(self._inner, tools), self._tap)

    async def warm(self) -> None:
        """Neither let in nor written down: nothing in the session depends on it."""
        await warm(self._inner)

    async def _tokens(self, tokens: AsyncIterator[ReplyPart]) -> AsyncGenerator[ReplyPart, None]:
        while True:
            token = await self._tap.outcome(
                self._tap.name("llm.token"),
                functools.partial(anext, tokens, None),
                lambda token: (_token(token), None),
            )
            if token is None:
                return
            yield token


class TappedSynthesizer:
    def __init__(self, inner: Synthesizer, tap: Tap) -> None:
        self._inner = inner
        self._tap = tap

    languages: Sequence[str] = ()

    def for_language(self, code: str) -> Synthesizer:
        """Which voice it is follows from what was heard; what it says is written down."""
        return _tapped_voice(spoken_in(self._inner, code), self._tap)

    @property
    def voices(self) -> Sequence[str]:
        return self._inner.voices if isinstance(self._inner, ManyVoices) else ()

    def with_voice(self, voice: str) -> Synthesizer:
        """Which voice it is follows from what the conductor did."""
        if not isinstance(self._inner, ManyVoices):
            return self
        return _tapped_voice(self._inner.with_voice(voice), self._tap)

    async def speak(self, text: str) -> Speech:
        return await self._tap.outcome(
            self._tap.name("tts.speak"),
            functools.partial(self._inner.speak, text),
            lambda speech: (_spoken(text, speech), speech.pcm16),
        )


class TappedStreams(TappedSynthesizer):
    """The same, of a voice that streams: each piece is let in when it comes."""

    def __init__(self, inner: Streams, tap: Tap) -> None:
        super().__init__(inner, tap)
        self._streams = inner

    @asynccontextmanager
    async def stream(self, text: str) -> AsyncIterator[AsyncIterator[Speech]]:
        source = self._tap.name("tts.stream")
        async with AsyncExitStack() as stack:
            try:
                pieces = await stack.enter_async_context(self._streams.stream(text))
            except EngineFailure as failure:
                await self._tap.let_in(source, _failure(failure))
                raise
            await self._tap.let_in(source, {"said": text})
            yield await stack.enter_async_context(aclosing(self._pieces(pieces)))

    async def _pieces(self, pieces: AsyncIterator[Speech]) -> AsyncGenerator[Speech, None]:
        while True:
            piece = await self._tap.outcome(
                self._tap.name("tts.piece"), functools.partial(anext, pieces, None), _piece
            )
            if piece is None:
                return
            yield piece


class TappedConductor:
    """What it does is let in, one at a time. What it is told follows from the rest."""

    def __init__(self, inner: Conductor, tap: Tap) -> None:
        self._inner = inner
        self._tap = tap
        self.tell = inner.tell
        tap.write("conductor", {})  # that there is one; a replay must have one, too

    @asynccontextmanager
    async def effects(self) -> AsyncIterator[AsyncIterator[AnyEffect]]:
        async with self._inner.effects() as effects, aclosing(self._let_in(effects)) as let_in:
            yield let_in

    async def _let_in(self, effects: AsyncIterator[AnyEffect]) -> AsyncGenerator[AnyEffect, None]:
        async for effect in effects:
            await self._tap.let_in(self._tap.name("effect"), effect_data(effect))
            yield effect


def tapped(engines: Engines, tap: Tap) -> Engines:
    """The same engines, with a tap on each. For one session."""

    def detector(session: SessionInfo) -> Detector:
        return TappedDetector(engines.detector(session), tap)

    def transcriber(session: SessionInfo) -> Transcriber:
        return TappedTranscriber(engines.transcriber(session), tap)

    responder = TappedResponder(engines.responder, tap)
    if responder.second is not None:
        tap.write("llm.second", {})  # whether there is one decides what follows a failure
    return replace(
        engines,
        detector=detector,
        transcriber=transcriber,
        responder=responder,
        synthesizer=_tapped_voice(engines.synthesizer, tap),
        turn_end=engines.turn_end and TappedTurnEnd(engines.turn_end, tap),
    )


def _tapped_voice(voice: Synthesizer, tap: Tap) -> Synthesizer:
    if isinstance(voice, Streams):
        return TappedStreams(voice, tap)
    return TappedSynthesizer(voice, tap)

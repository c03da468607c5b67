"""Exact replay: the same session from what was let in, in the same order, in virtual time.

The engines answer from the recording and the clock shows what it showed. Nothing waits, so ten
minutes take seconds. Where the session wants something else than the recording holds, it has
diverged, and the replay says where.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import trio
import trio.testing

from ..config import Settings
from ..conversation.events import SessionEvent
from ..engines import failures
from ..engines.asr.interface import Hypothesis, Transcriber, Transcript
from ..engines.failures import EngineFailure
from ..engines.kit import Engines, SessionInfo
from ..engines.llm.interface import Alive, ForgetLater, Remark, ReplyPart, SayLater, ToolCall
from ..engines.tts.interface import Speech, Synthesizer
from ..engines.turn.interface import Pause
from ..engines.vad.interface import Detector
from ..protocol.chat import ChatMessage
from ..protocol.dialect import Dialect
from ..protocol.effects import AnyEffect, effect_of
from ..session.life import Order, Session
from ..telemetry import Telemetry
from ..transport import PeerGone
from ..turnstile import Turnstile
from .tape import Data, Entry, words_of


@dataclass(slots=True)
class Replayed:
    """What came out, and what went wrong with it."""

    out: list[Entry] = field(default_factory=list)
    diverged: str | None = None
    """Where the session wanted something else than the recording holds."""


class _Jumps:
    """Moves a virtual clock; of an embedder's clock nothing is moved."""

    def __init__(self) -> None:
        self._clock = trio.lowlevel.current_clock()

    def to(self, moment_s: float) -> None:
        if isinstance(self._clock, trio.testing.MockClock):
            ahead_s = moment_s - trio.current_time()
            if ahead_s > 0:
                self._clock.jump(ahead_s)


class ReplayTurnstile(Turnstile):
    """Lets in what the recording says, in its order, at its times."""

    def __init__(self, entries: Iterable[Entry], over: trio.Event) -> None:
        super().__init__()
        self._script = deque(entry for entry in entries if entry.let_in)
        self._over = over
        self._clock = _Jumps()
        self.diverged: str | None = None

    @property
    def _open(self) -> bool:
        return False  # the order is given

    def _let_in(self) -> None:
        if not self._script:
            self._over.set()
            return
        entry = self._script[0]
        at_s = entry.at_s
        if entry.kind == "deadline":
            name = entry.source.removeprefix("deadline ")
            found = next((d for d in self._deadlines if d.name == name), None)
            if found is not None:
                self._next(at_s)
                self._pass(found)
                return
        waiting = next((w for w in self._outside if w.source == entry.source), None)
        if waiting is None:
            self._diverge(entry)
        else:
            self._next(at_s)
            self._release(waiting, at_s)

    def _next(self, at_s: float) -> None:
        self._script.popleft()
        self._clock.to(self._zero_s + at_s)
        self.now_s = max(self.now_s, at_s)

    def _diverge(self, entry: Entry) -> None:
        waits = [w.source for w in self._outside] + [f"deadline {d.name}" for d in self._deadlines]
        self.diverged = (
            f"at {entry.at_s:.3f} s the recording goes on with {entry.source}, and the session "
            f"waits for {', '.join(sorted(waits)) or 'nothing'}"
        )
        self._over.set()

    async def keep_time(self) -> None:
        """Nothing: the recording knows when deadlines passed."""
        await trio.sleep_forever()


class _Script:
    """The answers, by source."""

    def __init__(self, turnstile: ReplayTurnstile, entries: Sequence[Entry]) -> None:
        self.turnstile = turnstile
        self._answers = {entry.source: entry for entry in entries if entry.let_in}
        self._numbers: Counter[str] = Counter()
        self.verdicts = iter(
            "".join(entry.data["speech"] for entry in entries if entry.kind == "detector")
        )

    def name(self, kind: str) -> str:
        self._numbers[kind] += 1
        return f"{kind}#{self._numbers[kind]}"

    async def answer(self, kind: str) -> Entry:
        """The next of its kind. Raises the failure that was recorded."""
        source = self.name(kind)
        await self.turnstile.admit(source)
        entry = self._answers[source]
        if "failure" in entry.data:
            raise recorded_failure(entry.data)
        return entry


def recorded_failure(data: Data) -> EngineFailure:
    """The failure of an engine that an entry holds."""
    kind: type[EngineFailure] = getattr(failures, data["failure"], EngineFailure)
    failure = kind.__new__(kind)
    EngineFailure.__init__(
        failure,
        data["message"],
        retryable=data["retryable"],
        retry_after_s=data.get("retry_after_s"),
    )
    return failure


class ReplayTransport:
    """Frames from the recording; what is sent is kept."""

    peer = "replay"
    subprotocol = None

    def __init__(self, script: _Script, entries: Sequence[Entry], replayed: Replayed) -> None:
        self._script = script
        self._waited = {e.source for e in entries if e.kind == "out" and e.data.get("waited")}
        self._gone = {e.source: e.data for e in entries if e.kind == "out" and "gone" in e.data}
        self._replayed = replayed

    async def receive(self) -> str | bytes:
        entry = await self._script.answer("in")
        if "gone" in entry.data:
            raise PeerGone(entry.data["gone"], entry.data["reason"])
        return entry.data["text"] if entry.audio is None else entry.audio

    async def send(self, frame: str | bytes) -> None:
        source = self._script.name("out")
        at_s = self._script.turnstile.now_s
        data: dict[str, Any] = {"text": frame} if isinstance(frame, str) else {}
        audio = None if isinstance(frame, str) else frame
        self._replayed.out.append(Entry(at_s=at_s, source=source, data=data, audio=audio))
        if source in self._waited:
            await self._script.turnstile.admit(source.replace("out", "sent"))
        else:
            await trio.lowlevel.checkpoint()
        if source in self._gone:
            raise PeerGone(self._gone[source]["gone"], self._gone[source]["reason"])

    async def close(self, code: int = 1000, reason: str = "") -> None:
        at_s = self._script.turnstile.now_s
        data = {"code": code, "reason": reason}
        self._replayed.out.append(Entry(at_s=at_s, source="closed", data=data))
        await trio.lowlevel.checkpoint()

    def abort(self) -> None:
        pass


class _Detector:
    rate_hz = 16_000

    def __init__(self, script: _Script, frame_samples: int) -> None:
        self._script = script
        self.frame_samples = frame_samples

    def is_speech(self, pcm16: bytes) -> bool:
        return next(self._script.verdicts, "0") == "1"

    def reset(self) -> None:
        pass


class _Transcriber:
    def __init__(self, script: _Script) -> None:
        self._script = script

    async def begin(self) -> None:
        await self._script.answer("asr.begin")

    async def feed(self, pcm16: bytes) -> str | None:
        text: str | None = (await self._script.answer("asr.feed")).data["text"]
        return text

    async def hypothesis(self) -> Hypothesis | None:
        found = (await self._script.answer("asr.hypothesis")).data["hypothesis"]
        return None if found is None else Hypothesis(**found)

    async def conclude(self) -> Transcript:
        return Transcript(**(await self._script.answer("asr.conclude")).data["transcript"])

    async def finish(self) -> Transcript:
        return Transcript(**(await self._script.answer("asr.finish")).data["transcript"])

    async def abandon(self) -> None:
        await trio.lowlevel.checkpoint()


class _TurnEnd:
    def __init__(self, script: _Script, needs_text: bool) -> None:
        self._script = script
        self.needs_text = needs_text

    async def likelihood(self, pause: Pause) -> float:
        likelihood: float = (await self._script.answer("turn.likelihood")).data["likelihood"]
        return likelihood


class _Responder:
    """Also the second one, where there was a second: the answers are numbered in one row."""

    def __init__(self, script: _Script, *, has_second: bool) -> None:
        self._script = script
        self.second = _Responder(script, has_second=False) if has_second else None

    @asynccontextmanager
    async def reply(
        self, conversation: Sequence[ChatMessage]
    ) -> AsyncIterator[AsyncIterator[ReplyPart]]:
        await self._script.answer("llm.reply")
        async with aclosing(self._tokens()) as tokens:
            yield tokens

    async def _tokens(self) -> AsyncGenerator[ReplyPart, None]:
        while (data := (await self._script.answer("llm.token")).data)["token"] is not None:
            if "say" in data:
                yield SayLater(**data["say"])
            elif "forget" in data:
                yield ForgetLater(**data["forget"])
            elif "alive" in data:
                yield Alive()
            elif "remark" in data:
                yield Remark(text=data["remark"])
            elif "call" in data:
                yield ToolCall(**data["call"])
            else:
                yield data["token"]


class _Conductor:
    """Does what was done, and listens to nobody."""

    def __init__(self, script: _Script) -> None:
        self._script = script

    @asynccontextmanager
    async def effects(self) -> AsyncIterator[AsyncIterator[AnyEffect]]:
        async with aclosing(self._done()) as done:
            yield done

    async def _done(self) -> AsyncGenerator[AnyEffect, None]:
        while True:
            yield effect_of((await self._script.answer("effect")).data)

    def tell(self, event: SessionEvent) -> None:
        pass


class _Synthesizer:
    def __init__(self, script: _Script) -> None:
        self._script = script

    async def speak(self, text: str) -> Speech:
        return _speech(await self._script.answer("tts.speak"))


class _Streams(_Synthesizer):
    @asynccontextmanager
    async def stream(self, text: str) -> AsyncIterator[AsyncIterator[Speech]]:
        await self._script.answer("tts.stream")
        async with aclosing(self._pieces()) as pieces:
            yield pieces

    async def _pieces(self) -> AsyncGenerator[Speech, None]:
        while (entry := await self._script.answer("tts.piece")).data["rate_hz"] is not None:
            yield _speech(entry)


def _speech(entry: Entry) -> Speech:
    words = words_of(entry.data)
    return Speech(pcm16=entry.audio or b"", rate_hz=entry.data["rate_hz"], words=words)


def _voice(script: _Script, entries: Sequence[Entry]) -> Synthesizer:
    """Of the kind that was recorded. Where it never spoke, the kind does not matter."""
    streams = any(entry.kind == "tts.stream" for entry in entries)
    return _Streams(script) if streams else _Synthesizer(script)


async def replay(
    entries: Sequence[Entry],
    *,
    dialect: Dialect,
    settings: Settings,
    session_id: str,
    opened_ms: int = 0,
    frame_samples: int = 480,
    turn_end: bool = False,
    turn_end_needs_text: bool = True,
) -> Replayed:
    """Run the session again. Under a MockClock the time is virtual, and passes at once.

    `frame_samples` is the length of the detector's frames. `turn_end` says whether an end-of-turn
    engine was there, and whether it looked at the words.
    """
    over = trio.Event()
    turnstile = ReplayTurnstile(entries, over)
    script = _Script(turnstile, entries)
    replayed = Replayed()

    def detector(session: SessionInfo) -> Detector:
        return _Detector(script, frame_samples)

    def transcriber(session: SessionInfo) -> Transcriber:
        return _Transcriber(script)

    session = Session(
        transport=ReplayTransport(script, entries, replayed),
        dialect=dialect,
        engines=Engines(
            detector=detector,
            transcriber=transcriber,
            responder=_Responder(
                script, has_second=any(entry.kind == "llm.second" for entry in entries)
            ),
            synthesizer=_voice(script, entries),
            turn_end=_TurnEnd(script, turn_end_needs_text) if turn_end else None,
        ),
        settings=settings,
        telemetry=Telemetry(),
        session_id=session_id,
        opened_ms=opened_ms,
        turnstile=turnstile,
        conductor=(
            _Conductor(script) if any(entry.kind == "conductor" for entry in entries) else None
        ),
    )
    async with trio.open_nursery() as nursery:

        async def until_over() -> None:
            await over.wait()
            nursery.cancel_scope.cancel()

        nursery.start_soon(until_over)
        for entry in entries:  # all at once: each is let in when the recording says
            if entry.kind in set(Order):
                session.order(Order(entry.kind))
            elif entry.kind == "play":
                session.queue_audio(entry.audio or b"", entry.data["rate_hz"])
        await session.run()
        nursery.cancel_scope.cancel()
    replayed.diverged = turnstile.diverged
    return replayed

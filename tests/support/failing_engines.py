"""Engines that fail at random, in every way that engines fail. The time is Trio's. A seed says what
goes wrong, but not whom it hits: tasks of one moment run in any order."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field

import trio

from parley.agent import Agent
from parley.engines.asr.interface import Hypothesis, Transcript
from parley.engines.failures import (
    EngineBusy,
    EngineFailure,
    EngineTimeout,
    EngineUnreachable,
    LaneLost,
)
from parley.engines.llm.interface import Alive, ReplyPart, ToolCall, ToolOffer
from parley.engines.llm.offered import WithTools
from parley.engines.tts.interface import Speech
from parley.engines.turn.interface import Pause
from parley.protocol.chat import ChatMessage

FAILURES: tuple[Callable[[], EngineFailure], ...] = (
    lambda: EngineFailure("it broke"),
    lambda: EngineFailure("it is refused", retryable=False),
    lambda: EngineTimeout("it took too long"),
    lambda: EngineUnreachable("nobody is there"),
    lambda: EngineBusy("come again later"),
    lambda: LaneLost("the worker died"),
)
"""Without EngineUnavailable: where the recognizer cannot be loaded at all, a session is ended."""

GARBAGE = ("\x00\x07\ufffd\u200b", "�" * 300, "{}[]<|im_end|>", "<think>", "…", "a" * 300)


@dataclass
class Luck:
    """Says which calls go wrong, and how: `share` of them."""

    seed: int
    share: float = 0.2
    went_wrong: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)

    def mishap(self, engine: str, kinds: Sequence[str]) -> str:
        """One of them, or "" where all goes well."""
        if self.random.random() >= self.share:
            return ""
        kind = self.random.choice(kinds)
        self.went_wrong[f"{engine}: {kind}"] += 1
        return kind

    def failure(self) -> EngineFailure:
        return self.random.choice(FAILURES)()


async def happen(luck: Luck, kind: str) -> None:
    """What stops a call: it raises, or never comes back."""
    if kind == "raise":
        raise luck.failure()
    if kind == "hang":
        await trio.sleep_forever()


class FailingTranscriber:
    """Hears "words", a second of it each; of the kind that decodes as it is fed."""

    CALLS = ("raise", "hang")

    def __init__(self, luck: Luck) -> None:
        self.luck = luck
        self.seconds = 0.0

    async def begin(self) -> None:
        self.seconds = 0.0
        await trio.sleep(0.01)
        # A tenth: an utterance has some ten calls, and a fifth of all utterances is to fail.
        await happen(self.luck, self._rarely())

    async def feed(self, pcm16: bytes) -> str:
        self.seconds += len(pcm16) / 32_000
        await trio.sleep(0.01)
        await happen(self.luck, self._rarely())
        return self._text()

    async def hypothesis(self) -> Hypothesis | None:
        await trio.lowlevel.checkpoint()
        return None

    async def conclude(self) -> Transcript:
        await trio.sleep(0.05)
        await happen(self.luck, self._rarely())
        return self._transcript(self._text())

    async def finish(self) -> Transcript:
        kind = self.luck.mishap("recognizer", ("raise", "hang", "half", "garbage"))
        await trio.sleep(0.05)
        await happen(self.luck, kind)
        if kind == "half":
            return self._transcript(self._text().partition(" ")[0])
        if kind == "garbage":
            return self._transcript(f"what {self.luck.random.choice(GARBAGE)}", float("nan"))
        return self._transcript(self._text())

    async def abandon(self) -> None:
        if self.luck.mishap("recognizer", ("hang in abandon", *[""] * 9)):
            await trio.sleep_forever()
        await trio.lowlevel.checkpoint()

    def _rarely(self) -> str:
        return self.luck.mishap("recognizer", ("raise", "hang", *[""] * 18))

    def _text(self) -> str:
        return " ".join(["please say it"] * (1 + int(self.seconds)))

    def _transcript(self, text: str, confidence: float = 0.9) -> Transcript:
        audio_ms = self.seconds * 1000
        return Transcript(
            text=text, decode_ms=10, audio_ms=audio_ms, runs=1, confidence=confidence, language="en"
        )


class FailingResponder:
    """Answers in two sentences, and now and then calls a tool."""

    KINDS = (
        *("raise", "raise later", "hang", "hang later", "half", "nothing", "garbage"),
        *("keeps alive", "keeps alive later", "unknown tool", "bad arguments", "does not close"),
        "bug",
    )

    def __init__(self, luck: Luck, tools: Sequence[str] = ()) -> None:
        self.luck = luck
        self.tools = tools
        self.active = 0

    def reply(self, conversation: Sequence[ChatMessage]):  # type: ignore[no-untyped-def]
        return self.reply_with(conversation, ())

    def with_tools(self, tools: Sequence[ToolOffer]) -> WithTools:
        return WithTools(self, tuple(tools))

    @asynccontextmanager
    async def reply_with(
        self, conversation: Sequence[ChatMessage], tools: Sequence[ToolOffer]
    ) -> AsyncIterator[AsyncIterator[ReplyPart]]:
        kind = self.luck.mishap("model", self.KINDS)
        self.active += 1
        try:
            await trio.sleep(0.1)
            await happen(self.luck, kind)
            async with aclosing(self._parts(kind, bool(tools))) as parts:
                yield parts
            if kind == "does not close":
                await trio.sleep_forever()
        finally:
            self.active -= 1

    async def _parts(self, kind: str, has_tools: bool) -> AsyncGenerator[ReplyPart, None]:
        if kind == "bug":
            raise ZeroDivisionError("a bug in the model's client")
        while kind == "keeps alive":
            await trio.sleep(1)
            yield Alive()
        if kind == "nothing":
            return
        if kind == "garbage":
            yield self.luck.random.choice(GARBAGE)
            return
        if kind in ("unknown tool", "bad arguments"):
            name = "nowhere" if kind == "unknown tool" else "look"
            yield ToolCall(id="same", name=name, arguments='{"seconds": ')
            return
        if has_tools and self.tools and self.luck.random.random() < 0.3:
            name = self.luck.random.choice(self.tools)
            yield ToolCall(id="", name=name, arguments="{}")
            return
        for word in ("Well, ", "this ", "is ", "it. "):
            await trio.sleep(0.05)
            yield word
        if kind.endswith("later"):
            await happen(self.luck, kind.removesuffix(" later"))
        while kind == "keeps alive later":
            await trio.sleep(1)
            yield Alive()
        if kind == "half":
            yield "And th"
            return
        for word in ("And ", "that ", "is ", "all."):
            await trio.sleep(0.05)
            yield word


class FailingSynthesizer:
    """Speaks whole phrases."""

    KINDS: tuple[str, ...] = ("raise", "hang", "half", "nothing", "endless", "bug")

    def __init__(self, luck: Luck) -> None:
        self.luck = luck

    async def speak(self, text: str) -> Speech:
        kind = self.luck.mishap("voice", self.KINDS)
        await trio.sleep(0.05)
        await happen(self.luck, kind)
        if kind == "bug":
            raise ZeroDivisionError("a bug in the voice")
        seconds = 0.05 * len(text)
        seconds = {"half": seconds / 2, "nothing": 0.0, "endless": 60.0}.get(kind, seconds)
        return Speech(pcm16=b"\x10\x10" * int(seconds * 16_000), rate_hz=16_000)


class FailingStream(FailingSynthesizer):
    """The same, piece by piece."""

    KINDS = (*FailingSynthesizer.KINDS, "no sound", "drips", "hang later", "raise later", "odd")

    @asynccontextmanager
    async def stream(self, text: str) -> AsyncIterator[AsyncIterator[Speech]]:
        kind = self.luck.mishap("voice", (*self.KINDS, "does not close"))
        await trio.sleep(0.02)
        await happen(self.luck, kind)
        async with aclosing(self._pieces(text, kind)) as pieces:
            yield pieces
        if kind == "does not close":
            await trio.sleep_forever()

    async def _pieces(self, text: str, kind: str) -> AsyncGenerator[Speech, None]:
        if kind == "bug":
            raise ZeroDivisionError("a bug in the voice")
        while kind in ("no sound", "drips"):
            await trio.sleep(1)
            yield Speech(pcm16=b"" if kind == "no sound" else bytes(2), rate_hz=16_000)
        count = max(1, len(text) // 5)
        count = {"half": count // 2, "nothing": 0, "endless": 10_000}.get(kind, count)
        for number in range(count):
            await trio.sleep(0.03)
            yield Speech(pcm16=b"\x10\x10" * 4000, rate_hz=16_000)
            if number == 0 and kind.endswith("later"):
                await happen(self.luck, kind.removesuffix(" later"))


class FailingTurnEnd:
    """Says at random how likely a pause is the end."""

    needs_text = True

    def __init__(self, luck: Luck) -> None:
        self.luck = luck

    async def likelihood(self, pause: Pause) -> float:
        kind = self.luck.mishap("turn end", ("raise", "hang", "garbage"))
        await trio.sleep(0.02)
        await happen(self.luck, kind)
        return 7e9 if kind == "garbage" else self.luck.random.random()


TOOLS = ("look", "hangs", "broken", "stubborn", "odd")


def failing_agent(luck: Luck) -> Agent[None]:
    """An agent whose tools fail."""
    agent: Agent[None] = Agent("You have tools.", name="failing", spoken_style="")

    @agent.tool
    async def look() -> str:
        """Looks."""
        await trio.sleep(0.2)
        return "found"

    @agent.tool(timeout_s=3)
    async def hangs() -> None:
        """Never ends."""
        luck.went_wrong["tool: hang"] += 1
        await trio.sleep_forever()

    @agent.tool
    async def broken() -> str:
        """Raises."""
        luck.went_wrong["tool: raise"] += 1
        raise OSError("broken")

    @agent.tool(timeout_s=2)
    async def stubborn() -> None:
        """Does not let itself be cancelled, for a while."""
        luck.went_wrong["tool: stubborn"] += 1
        with trio.CancelScope(shield=True):
            await trio.sleep(5)

    @agent.tool
    async def odd() -> object:
        """Returns what no model can be told."""
        luck.went_wrong["tool: garbage"] += 1
        return object()

    return agent

"""A reply's parts out of the byte stream of an answer. Complete at [DONE] or at a finish_reason.

Calls of tools come last and whole, where tools were offered; where none were, they are nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence
from math import inf

import trio

from ...conversation.writing import MAX_SHOWN_CHARS, has_word
from ..failures import EngineFailure
from ..services.openai_client import Blame
from .interface import Alive, Remark, ToolCall, ToolOffer
from .openai_calls import Calls
from .openai_events import BodyDecoder
from .openai_shapes import Halves, Piece, read_event
from .written_calls import WrittenCalls

TAIL_S = 0.1
"""How long a finished reply waits for its stream's end, so that the connection can be reused."""


class Tokens:
    """What follows the end can no longer spoil the reply; it is read so that the connection is free
    again. A class, for a generator left early would have to be closed by somebody.
    """

    def __init__(
        self, chunks: AsyncIterator[bytes], blame: Blame, tools: Sequence[ToolOffer] = ()
    ) -> None:
        self._chunks = chunks
        self._blame = blame
        self._body = BodyDecoder()
        self._halves = Halves()
        self._offered = bool(tools)
        self._calls = Calls()
        self._written = WrittenCalls({tool.name for tool in tools})
        self._parts: deque[str | Alive | Remark | ToolCall] = deque()
        self._text = ""
        """The beginning of the reply, as long as there is no word in it."""
        self._events: deque[bytes] = deque()
        self._spoke = self._heard = self._ended = self._over = False
        self._finish: str | None = None
        self._deadline = inf

    def __aiter__(self) -> Tokens:
        return self

    async def __anext__(self) -> str | Alive | Remark | ToolCall:
        await trio.lowlevel.checkpoint()
        try:
            while not self._parts and not self._over:
                if self._events:
                    self._take(self._events.popleft())
                elif self._ended:
                    self._close()
                else:
                    await self._read()
        except EngineFailure:
            self._over = True
            raise
        if not self._parts:
            raise StopAsyncIteration
        return self._parts.popleft()

    def _take(self, event: bytes) -> None:
        self._heard = True
        if event.startswith(b"[DONE]"):
            self._end("[DONE]")
            return
        try:
            piece = read_event(event)
        except ValueError:
            raise self._no_answer(event) from None
        if piece.error and self._finish is None:
            raise self._blame.for_status(None, piece.error)
        if self._body.whole and piece == Piece():
            raise self._no_answer(event)
        self._calls.take(piece.calls)
        self._say(self._halves.push(piece.text), alive=piece.alive)
        if piece.finish or self._body.whole:
            self._end(piece.finish or "stop")

    def _say(self, text: str, *, alive: bool = False) -> None:
        if text:
            self._parts.append(text)
            if self._offered:
                self._written.push(text)
            if not self._spoke:
                self._text = (self._text + text)[: MAX_SHOWN_CHARS * 2]
                self._spoke = has_word(text)
        elif alive:
            self._parts.append(Alive())

    def _end(self, reason: str) -> None:
        if self._finish is None:
            self._finish = reason
            self._deadline = trio.current_time() + TAIL_S

    async def _read(self) -> None:
        from httpx2 import HTTPError

        chunk: bytes | None = None
        with trio.CancelScope(deadline=self._deadline):
            try:
                chunk = await anext(self._chunks, None)
            except HTTPError as error:
                if self._finish is None:
                    raise self._blame.for_error(error) from None
        if chunk is not None:
            self._events += self._body.feed(chunk)
            if self._body.whole:
                self._parts.append(Alive())
        else:
            self._ended = True
            if self._finish is None:
                self._events += self._body.end()

    def _close(self) -> None:
        """The body has ended, or its end is not waited for any longer."""
        if not self._heard:
            raise self._no_answer(self._body.began)
        if self._finish is None:
            raise EngineFailure(f"{self._blame.place} ended its stream in mid-reply")
        self._over = True
        self._say(self._halves.finish())
        calls = self._called()
        if not self._spoke and not (calls and self._offered):
            raise self._without_a_word(calls)
        if self._offered:
            self._parts.extend(calls)
        if remark := self._remark():
            self._parts.append(remark)

    def _called(self) -> list[ToolCall]:
        """What a model writes besides the calls that its server has read out is read out twice."""
        calls = self._calls.finish()
        if not calls and self._offered:
            self._calls.take(self._written.finish())
            calls = self._calls.finish()
        return calls

    def _no_answer(self, event: bytes) -> EngineFailure:
        place = self._blame.place
        began = self._blame.clean(event[:80].decode("utf-8", "replace"))
        if not event:
            return EngineFailure(f"{place} answered with an empty body")
        if self._body.whole or not self._heard:
            advice = f": check {self._blame.names.base_url}"
            what = f"{place} answered with no reply but {began!r}{advice}"
            return EngineFailure(what, retryable=False)
        if self._ended:
            return EngineFailure(f"{place} ended its stream in mid-reply")
        return EngineFailure(f"{place} sent an event that is no JSON: {began!r}")

    def _without_a_word(self, calls: Sequence[ToolCall]) -> EngineFailure:
        model, finish = f"{self._blame.model!r}", self._finish
        if finish == "content_filter":
            what = f"a content filter at {self._blame.place} withheld the reply of {model}"
        elif finish in ("tool_calls", "function_call") or calls:
            names = dict.fromkeys(call.name for call in calls)
            named = self._blame.clean(", ".join(names) or "no name")
            what = f"{model} called a tool ({named}) and said nothing"
            what += "" if self._offered else ", and Parley offers no tools"
        else:
            shown = self._text.strip()[:MAX_SHOWN_CHARS]
            but = f", with {shown!r} alone" if shown else ""
            what = f"{model} ended its reply ({finish}) without a word{but}"
            what += ": check OPENAI_MAX_TOKENS" if finish == "length" else ""
        return EngineFailure(what, retryable=False)

    def _remark(self) -> Remark | None:
        if self._finish == "length":
            return Remark(text="the reply was cut at its longest length (OPENAI_MAX_TOKENS)")
        if self._finish == "content_filter":
            return Remark(text=f"a content filter at {self._blame.place} cut the reply short")
        return None

"""What comes back into a turn whose model called tools: the news that they are done, and what is to
be said meanwhile. One per turn; the dialogue tells, the LLM actor waits."""

from __future__ import annotations

from collections import deque

import trio


class ToolReturns:
    def __init__(self) -> None:
        self.begun = False
        """Whether the dialogue has taken the calls of the round in hand."""
        self.over = False
        """Whether each of them has its result."""
        self.filler = ""
        """What is said where they take longer than `filler_after_s`; empty: nothing."""
        self.filler_after_s = 0.0
        self._to_say: deque[str] = deque()
        self._news = trio.Event()

    # What the dialogue tells

    def begin(self, filler: str, after_s: float) -> None:
        self.begun, self.filler, self.filler_after_s = True, filler, after_s
        self._tell()

    def end(self) -> None:
        self.over = True
        self._tell()

    def say(self, text: str) -> bool:
        """Have something said while the tools are at work. False where none are."""
        if not self.begun or self.over:
            return False
        self._to_say.append(text)
        self._tell()
        return True

    def _tell(self) -> None:
        self._news.set()
        self._news = trio.Event()

    # What the LLM actor asks

    async def wait(self) -> None:
        """Until there is news. Ask first: what was told before is not told again."""
        await self._news.wait()

    def to_say(self) -> str | None:
        """The next thing to say, which is then no longer kept."""
        return self._to_say.popleft() if self._to_say else None

    def next_round(self) -> None:
        self.begun = self.over = False

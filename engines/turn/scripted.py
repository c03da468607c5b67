"""The end-of-turn engine for tests: it says what the script says, after the time it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import trio

from .interface import Pause


class ScriptedTurnEnd:
    """`script` has a likelihood for each pause; the last one holds for all that follow, and an
    exception in its place is raised. `by_text` goes before, where the text is known."""

    def __init__(
        self,
        script: Sequence[float | Exception] = (0.5,),
        *,
        by_text: Mapping[str, float] | None = None,
        delay_s: float = 0.0,
        needs_text: bool = True,
    ) -> None:
        self._script = tuple(script)
        self._by_text = dict(by_text or {})
        self._delay_s = delay_s
        self.needs_text = needs_text
        self.asked: list[Pause] = []

    async def likelihood(self, pause: Pause) -> float:
        self.asked.append(pause)
        answer = self._script[min(len(self.asked), len(self._script)) - 1]
        await trio.sleep(self._delay_s)
        if isinstance(answer, Exception):
            raise answer
        return self._by_text.get(pause.text, answer)

"""Who took a call that we made: what is told of it, once.

It joins the rules of `answering_machine` with the session's reports, whose times are seconds, and
remembers what was told. Plain: no task, no clock.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from ..audio.line_tone import LineTone
from .answering_machine import Answered, AnsweringMachine

WORDS = {
    Answered.PERSON: "human",
    Answered.MACHINE: "machine",
    Answered.SCREENING: "screening",
}
"""As an agent is told it."""

BEEP = "beep"


class WhoAnswers:
    """Of one session. Before `listen` it hears nothing."""

    def __init__(self) -> None:
        self.tone_now: Callable[[], bool] = lambda: False
        """Whether a tone is heard that is not over: a busy tone is no beep."""
        self._machine: AnsweringMachine | None = None
        self._began_s = 0.0
        self._told = Answered.UNKNOWN
        self._beep_told = False

    @property
    def listening(self) -> bool:
        return self._machine is not None and not self._beep_told

    def listen(self, now_s: float, language: str = "") -> None:
        """The call was taken. `language` is a code; "": it is not known."""
        self._machine = AnsweringMachine(language=language)
        self._began_s = now_s

    def speech_began(self, now_s: float) -> None:
        if self._machine is not None:
            self._machine.speech_began(self._ms(now_s))

    def speech_ended(self, now_s: float) -> None:
        if self._machine is not None:
            self._machine.speech_ended(self._ms(now_s))

    def no_speech(self) -> None:
        if self._machine is not None:
            self._machine.no_speech()

    def heard(self, text: str, now_s: float) -> None:
        if self._machine is not None:
            self._machine.heard(text, self._ms(now_s))

    def tone(self, tone: LineTone, now_s: float) -> None:
        """A tone is over, which is told as soon as it is known."""
        if self._machine is not None:
            at = LineTone(
                hertz=tone.hertz,
                key=tone.key,
                ms=tone.ms,
                ended_ms=self._ms(now_s),
                level_dbfs=tone.level_dbfs,
            )
            self._machine.tone(at)

    def news(self, now_s: float) -> list[str]:
        """What is known now and was not told."""
        machine = self._machine
        if machine is None:
            return []
        machine.passed(self._ms(now_s), tone_now=self.tone_now())
        found = []
        if machine.answered is not self._told:
            self._told = machine.answered
            found.append(WORDS[machine.answered])
        if machine.beeped and not self._beep_told:
            self._beep_told = True
            found.append(BEEP)
        return found

    @property
    def deadline_s(self) -> float:
        """When there may be news by time alone; inf: never."""
        machine = self._machine
        if machine is None or (due_ms := machine.deadline_ms) is None:
            return math.inf
        return self._began_s + due_ms / 1000

    def _ms(self, now_s: float) -> int:
        return round((now_s - self._began_s) * 1000)

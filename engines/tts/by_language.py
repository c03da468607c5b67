"""One synthesizer for several languages: the voice that is set, and others for what it cannot say.

Who speaks a language: the voice that a session asked for, if it is of that language; else the one
that STREAM_VOICES names; else the voice that is set, if it is of that language; else, where the
language is found out, eSpeak NG, which speaks over a hundred; else the voice that is set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from ...conversation.languages import base_language
from ..lanes.lane import Lane
from .interface import ManyVoices, Speech, Synthesizer
from .sayable import sayable

Languages = frozenset[str] | None
"""What a voice speaks; None: any, or nobody knows."""


@dataclass(frozen=True, slots=True)
class Other:
    """A voice beside the one that is set."""

    synthesizer: Synthesizer
    lanes: Sequence[Lane] = ()

    @property
    def problem(self) -> str | None:
        """Why it cannot speak; None while it may."""
        errors = [lane.load_error for lane in self.lanes if lane.load_error is not None]
        return errors[0] if errors and not any(lane.ready for lane in self.lanes) else None


class ByLanguage:
    """Shared by all sessions. What is spoken without a language is spoken by the voice that is
    set."""

    def __init__(
        self,
        main: Synthesizer,
        *,
        speaks: Languages,
        named: Mapping[str, Other],
        otherwise: Callable[[str], Other | None],
        asked_for: bool = False,
    ) -> None:
        """`named` is by language; `otherwise` finds a voice for any other language. `asked_for`: a
        session wanted just this `main`."""
        self._main = main
        self._speaks = speaks
        self._named = named
        self._otherwise = otherwise
        self._asked_for = asked_for
        self._told: set[str] = set()

    @property
    def languages(self) -> tuple[str, ...]:
        """Those that it has a voice of; further ones may have one."""
        return tuple(sorted({*(self._speaks or ()), *self._named}))

    async def speak(self, text: str) -> Speech:
        return await self._main.speak(text)

    def for_language(self, code: str) -> Synthesizer:
        language = base_language(code)
        own = not language or self._speaks is None or language in self._speaks
        if own and (self._asked_for or not language):
            return self._by_main()
        if named := self._usable(language, self._named.get(language)):
            return sayable(named, language)
        if own:
            return self._by_main()
        if other := self._usable(language, self._otherwise(language)):
            return sayable(other, language)
        return self._by_main()

    def _by_main(self) -> Synthesizer:
        """What it cannot read it leaves out, where one knows what it speaks."""
        if self._speaks is None or len(self._speaks) != 1:
            return self._main
        return sayable(self._main, next(iter(self._speaks)))

    def _usable(self, language: str, other: Other | None) -> Synthesizer | None:
        if other is None:
            return None
        if other.problem is None:
            return other.synthesizer
        if language not in self._told:
            self._told.add(language)
            structlog.get_logger().warning("voice_failed", language=language, error=other.problem)
        return None


class ByLanguageAndVoice(ByLanguage):
    """The same, where the voice that is set is one of many."""

    def __init__(
        self,
        main: ManyVoices,
        *,
        speaks: Languages,
        named: Mapping[str, Other],
        otherwise: Callable[[str], Other | None],
        speaks_by: Callable[[str], Languages],
    ) -> None:
        """`speaks_by` tells what a voice of the same engine speaks, by its name."""
        super().__init__(main, speaks=speaks, named=named, otherwise=otherwise)
        self._many = main
        self._speaks_by = speaks_by

    @property
    def voices(self) -> Sequence[str]:
        return self._many.voices

    def with_voice(self, voice: str) -> Synthesizer:
        return ByLanguage(
            self._many.with_voice(voice),
            speaks=self._speaks_by(voice),
            named=self._named,
            otherwise=self._otherwise,
            asked_for=True,
        )

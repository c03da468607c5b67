"""A voice of one language, and what it cannot read: it says so once, and leaves it out."""

from __future__ import annotations

from ...conversation.text.scripts import sayable_by
from ...conversation.text.speakable import pronounceable
from ...conversation.text.tables import table_for
from ..failures import Unsayable
from .interface import Speech, Streams, Synthesizer


class Sayable:
    """For one reply. A phrase that holds other writing is spoken without it. The first one that
    holds nothing else is spoken as a sentence that says so; the others raise Unsayable."""

    def __init__(self, inner: Synthesizer, language: str) -> None:
        self.inner = inner
        self._language = language
        self._said = False

    async def speak(self, text: str) -> Speech:
        sayable = sayable_by(text, self._language)
        if sayable == text or any(map(str.isalnum, sayable)):
            return await self.inner.speak(sayable)
        if not pronounceable(text):
            return await self.inner.speak(text)
        told = table_for(self._language).sentences.get("unsayable", "")
        if self._said or not told:
            raise Unsayable(f"the voice speaks {self._language!r}, and cannot read {text[:40]!r}")
        self._said = True
        speech = await self.inner.speak(told)
        return Speech(pcm16=speech.pcm16, rate_hz=speech.rate_hz)


def sayable(voice: Synthesizer, language: str) -> Synthesizer:
    """The voice, for one reply. One that streams is a service's, which reads any writing."""
    return voice if isinstance(voice, Streams) else Sayable(voice, language)

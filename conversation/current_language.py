"""Which language a conversation is in, as far as anybody has told. Plain; one per session."""

from __future__ import annotations

from dataclasses import dataclass, field

from .languages import AUTO, base_language, name_of

ENGLISH = "en"
"""What the prompts that come with Parley are written in, so that nobody need say it."""


@dataclass(slots=True)
class CurrentLanguage:
    """`configured` is a code, or "auto": then each final tells its own."""

    configured: str = ENGLISH
    tells_model: bool = True
    now: str = field(init=False)
    """Of what was said last, and of what is said in answer; empty where nobody knows."""
    _changed: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self.now = "" if self.auto else self.configured

    @property
    def auto(self) -> bool:
        return self.configured == AUTO

    def of(self, told: str | None) -> str:
        """The language of an utterance, of which a recognizer told that, or nothing."""
        return (base_language(told or "") or self.now) if self.auto else self.now

    def heard(self, language: str) -> None:
        """Words in it are to be answered."""
        self._changed = self._changed or language not in ("", ENGLISH)
        self.now = language

    def note(self, language: str) -> str:
        """What a model is told of it; empty where that goes without saying. Once another language
        than English was spoken, English is told, too."""
        said = language not in ("", ENGLISH) or (language == ENGLISH and self._changed)
        if not self.tells_model or not said:
            return ""
        name = name_of(language)
        return f"The person speaks {name}. Answer in {name}."

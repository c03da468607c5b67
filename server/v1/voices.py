"""Voices by the names that clients have for them: Parley's own, and OpenAI's as aliases.

OpenAI's names are spread over the voices that there are, always in the same way, so that a client
which lets a person choose has different voices where the engine has several. A service that speaks
knows its own names, OpenAI's among them, and is given them as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ...config import Speaking
from ...engines.room import EngineRoom
from ...engines.tts.asked_voice import OPENAI_VOICES as ALIASES
from ...engines.tts.catalogue import HERE, known_voices
from ...engines.tts.interface import ManyVoices, Synthesizer
from ..http.head import BadRequest

DEFAULT = "default"
"""The voice that is set, by a name that means the same everywhere."""
NAMED_MAX = 12
"""Of voices in a refusal: espeak has over a hundred."""


@dataclass(frozen=True, slots=True)
class KnownVoices:
    """Those of one server. `names` are its own, the one that is set first."""

    synthesizer: Synthesizer
    names: tuple[str, ...]
    any_name: bool = False
    """Whether the engine is a service, whose voices nobody can list here."""

    @property
    def listed(self) -> tuple[str, ...]:
        """All names that may be asked for, without doubles."""
        return tuple(dict.fromkeys((*self.names, *ALIASES)))

    def of(self, name: str | None) -> Synthesizer:
        """The voice of that name; None: the one that is set. Raises BadRequest (400)."""
        wanted = (name or DEFAULT).strip()
        if wanted == DEFAULT or wanted == self.names[0]:
            return self.synthesizer
        if self.any_name:
            return self._by_name(wanted)
        if wanted in self.names:
            return self._by_name(wanted)
        if wanted.lower() in ALIASES:
            spread = self._spread
            return self._by_name(spread[ALIASES.index(wanted.lower()) % len(spread)])
        some = ", ".join(self.names[:NAMED_MAX])
        more = len(self.names) - NAMED_MAX
        others = f" and {more} others" if more > 0 else ""
        told = f"there is no voice {wanted[:40]!r}; there is {some}{others}, and OpenAI's names"
        raise BadRequest(400, told, param="voice")

    @property
    def _spread(self) -> tuple[str, ...]:
        """The voices that OpenAI's names stand for: the one that is set, and those that its engine
        would suggest."""
        if not isinstance(self.synthesizer, ManyVoices):
            return self.names[:1]
        return tuple(dict.fromkeys((self.names[0], *self.synthesizer.voices)))

    def _by_name(self, name: str) -> Synthesizer:
        if name == self.names[0] or not isinstance(self.synthesizer, ManyVoices):
            return self.synthesizer
        return self.synthesizer.with_voice(name)


def voices_of(room: EngineRoom) -> KnownVoices:
    """The voices of a server."""
    speaking, synthesizer = room.settings.speaking, room.engines.synthesizer
    engine = room.chosen.get("tts", "").partition(" ")[0]
    some = tuple(synthesizer.voices) if isinstance(synthesizer, ManyVoices) else ()
    if engine == "own":
        return KnownVoices(synthesizer, some or (DEFAULT,))
    here = _here(speaking, engine)
    names = tuple(dict.fromkeys((*here, *some))) or (DEFAULT,)
    if not isinstance(synthesizer, ManyVoices):
        names = names[:1]
    return KnownVoices(synthesizer, names, any_name=engine == "openai")


def _here(speaking: Speaking, engine: str) -> tuple[str, ...]:
    """Names of the engine's voices that are here, the one that speaks first."""
    if engine == "piper" and speaking.piper_voice is not None:
        return (Path(speaking.piper_voice).stem,)
    if engine == "openai":
        return (speaking.model_voice,)
    found = [v for v in known_voices(speaking) if v.engine == engine and v.state == HERE]
    set_one = (speaking.voice,) if engine == "pyttsx3" and speaking.voice else ()
    return (*set_one, *(v.name for v in sorted(found, key=lambda voice: not voice.chosen)))

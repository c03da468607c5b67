"""The voices beside the one that is set, for its languages: what each speaks, and how it is opened.

They load when the server starts, in a lane each: whoever changes the language must not wait for a
model, and a path that is wrong is seen at once. A lane is a process: 20 to 40 MB for eSpeak NG, 150
for a voice of Piper's. Voices of the engine that is set share its lanes.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ...config import Speaking
from ...conversation.languages import AUTO, base_language, code_of
from ..failures import EngineUnavailable
from ..lanes.lane import Lane
from . import kokoro, piper, pyttsx3
from .by_language import ByLanguage, ByLanguageAndVoice, Languages, Other
from .catalogue import KOKORO_NAME, settings_of
from .choice import piper_voice
from .espeak_languages import espeak_languages, voice_of
from .interface import ManyVoices, Synthesizer
from .kokoro_worker import LANGUAGES as KOKORO_LANGUAGES
from .voice import Voice

OTHER_LANE = "voice"
"""How the lanes of other voices are called. The server does not wait for those that fail."""

PREFIXES = {"piper": "piper", "kokoro": "kokoro", "espeak": "pyttsx3", "pyttsx3": "pyttsx3"}
"""What may stand before a voice's name, with a colon, where the name leaves its engine open."""


# What a voice speaks


def spoken_by(engine: str, voice: str) -> Languages:
    """By an engine's voice of that name, or path."""
    match engine:
        case "openai":
            return None
        case "kokoro":
            code: str | None = base_language(KOKORO_LANGUAGES.get(voice[:1], "en-us"))
        case "piper":
            code = _of_piper(voice)
        case _:
            code = code_of(voice.partition("+")[0].rpartition("/")[2])
    return None if code is None else frozenset({code})


def _of_piper(path: str) -> str | None:
    """As the file beside the voice says, or else its name: de_DE-thorsten-medium.onnx."""
    try:
        told = json.loads(Path(f"{path}.json").read_text(encoding="utf-8"))
        found = code_of(told["language"]["code"])
    except (OSError, ValueError, KeyError, TypeError):
        found = None
    return found or code_of(Path(path).stem.partition("-")[0])


def _name_of_main(engine: str, speaking: Speaking) -> str:
    match engine:
        case "piper":
            return piper_voice(speaking) or ""
        case "kokoro":
            return speaking.kokoro_voice
        case "openai":
            return speaking.model_voice
        case _:
            return speaking.voice or voice_of(speaking.language) or "en"


# Opening


def with_languages(voice: Voice, engine: str, speaking: Speaking) -> Voice:
    """The voice that is set, and those of the languages beside it. Raises EngineUnavailable for one
    that cannot work."""
    others = _Others(voice, engine, speaking)
    named = {language: others.of(name) for language, name in speaking.voices}
    speaks = spoken_by(engine, _name_of_main(engine, speaking))
    found_out = speaking.language == AUTO and speaks is not None
    otherwise = others.espeak() if found_out else _nobody
    main = voice.synthesizer
    synthesizer: Synthesizer
    if isinstance(main, ManyVoices):
        synthesizer = ByLanguageAndVoice(
            main,
            speaks=speaks,
            named=named,
            otherwise=otherwise,
            speaks_by=lambda name: spoken_by(engine, name),
        )
    else:
        synthesizer = ByLanguage(main, speaks=speaks, named=named, otherwise=otherwise)
    return replace(voice, synthesizer=synthesizer, lanes=(*voice.lanes, *others.lanes))


def _nobody(language: str) -> None:
    return None


class _Others:
    """Opens each voice once; what an engine can do for several languages it does in one lane."""

    def __init__(self, voice: Voice, engine: str, speaking: Speaking) -> None:
        self._engine = engine
        self._speaking = replace(speaking, workers=1)
        self._open: dict[str, Voice] = {engine: voice} if engine != "piper" else {}

    @property
    def lanes(self) -> list[Lane]:
        """Of those that were opened here."""
        opened = (voice for key, voice in self._open.items() if key != self._engine)
        return [lane for voice in opened for lane in voice.lanes]

    def of(self, name: str) -> Other:
        prefix, colon, rest = name.partition(":")
        if colon and prefix.lower() in PREFIXES:
            kind, name = PREFIXES[prefix.lower()], rest.strip()
        else:
            kind = self._kind_of(name)
        if kind == "piper":
            return self._piper(name)
        return self._many(kind, name)

    def _kind_of(self, name: str) -> str:
        wanted = settings_of(name)["stream_tts_engine"]
        if wanted == "piper" or self._engine != "openai":
            return str(wanted)
        return "openai"

    def _piper(self, name: str) -> Other:
        path = settings_of(name, self._speaking.models_dir).get("stream_piper_voice")
        if not isinstance(path, str):
            raise EngineUnavailable(
                f"STREAM_VOICES: {name!r} is not here, or no .onnx file; `parley models pull joe`"
            )
        if path not in self._open:
            self._open[path] = piper.opened(self._speaking, path, lanes=self._lane())
        voice = self._open[path]
        return Other(voice.synthesizer, voice.lanes)

    def _many(self, kind: str, name: str) -> Other:
        if kind == "kokoro" and not KOKORO_NAME.fullmatch(name):
            raise EngineUnavailable(f"STREAM_VOICES: {name!r} is no name of a voice of Kokoro's")
        if kind not in self._open:
            opened = kokoro.opened if kind == "kokoro" else pyttsx3.opened
            plain = replace(self._speaking, voice=None, kokoro_voice=name or "af_heart")
            self._open[kind] = opened(plain, lanes=self._lane())
        voice = self._open[kind]
        if not isinstance(voice.synthesizer, ManyVoices):
            raise EngineUnavailable(f"STREAM_VOICES: {kind} has one voice only")
        return Other(voice.synthesizer.with_voice(name), voice.lanes)

    def espeak(self) -> Callable[[str], Other | None]:
        """Finds eSpeak NG's voice of any language that it has."""
        self._many("pyttsx3", "en")

        def voice(language: str) -> Other | None:
            name = "en-gb" if language == "en" else voice_of(language)
            return self._many("pyttsx3", name) if name in espeak_languages() else None

        return voice

    def _lane(self) -> str:
        return f"{OTHER_LANE}-{len(self.lanes) + 1}"

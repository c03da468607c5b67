"""Which voice the settings ask for, and how it is opened.

A further voice is one file in this folder, with an `opened` of its own, and one line in VOICES
(and its name in the settings' `TtsEngine`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

from ...config import Settings, Speaking
from ...conversation.languages import AUTO
from . import kokoro, piper, pyttsx3
from .choice import choose_voice, piper_voice
from .interface import Synthesizer
from .other_voices import with_languages
from .voice import Voice


def _openai(speaking: Speaking) -> AbstractAsyncContextManager[Voice]:
    from .openai import opened  # its SDK takes a second to import; only who uses it pays for that

    return opened(speaking)


VOICES: dict[str, Callable[[Speaking], AbstractAsyncContextManager[Voice]]] = {
    "pyttsx3": lambda speaking: nullcontext(pyttsx3.opened(speaking)),
    "piper": lambda speaking: nullcontext(piper.opened(speaking, piper_voice(speaking))),
    "kokoro": lambda speaking: nullcontext(kokoro.opened(speaking)),
    "openai": _openai,
}


def open_voice(
    settings: Settings, own: Synthesizer | None = None
) -> AbstractAsyncContextManager[Voice]:
    """The voice for as long as the context lasts: the embedder's own, or the one of the settings.
    Entering raises EngineUnavailable for a setting that cannot work."""
    if own is not None:
        return nullcontext(Voice(synthesizer=own))
    speaking = settings.speaking
    engine, _ = choose_voice(speaking)
    if not speaking.voices and speaking.language != AUTO:
        return VOICES[engine](speaking)
    return _opened_by_language(engine, speaking)


@asynccontextmanager
async def _opened_by_language(engine: str, speaking: Speaking) -> AsyncIterator[Voice]:
    async with VOICES[engine](speaking) as voice:
        yield with_languages(voice, engine, speaking)


def chosen_name(settings: Settings) -> str:
    """The voice's engine, and why it was chosen where the settings left that open."""
    engine, why = choose_voice(settings.speaking)
    return f"{engine} ({why})" if why else engine

"""Who hears, answers and speaks: a plain phrase each, for a server's start and for the page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from ..config import Settings, urls_of
from .asr.choice import choose_recognizer
from .kit import Engines
from .llm.interface import Described
from .models.packaged import JOE
from .tts.choice import choose_voice, piper_voice
from .tts.espeak_languages import voice_of

OWN = "an engine of the embedding program's own"


def who_hears_and_speaks(settings: Settings, chosen: Mapping[str, str]) -> dict[str, str]:
    """`hears` and `speaks` to a phrase. `chosen` is the engine room's, where an embedder's engines
    are "own". It looks at files, so it is asked once."""
    return {
        "hears": OWN if chosen["asr"] == "own" else _hears(settings),
        "speaks": OWN if chosen["tts"] == "own" else _speaks(settings) + _others(settings),
    }


def who_answers(engines: Engines, chosen: Mapping[str, str]) -> str:
    """As it is now: a model server may have come or gone since the start."""
    responder = engines.responder
    answers = responder.described() if isinstance(responder, Described) else chosen["llm"]
    return OWN if answers == "own" else answers


def _hears(settings: Settings) -> str:
    transcribing = settings.transcribing
    match choose_recognizer(transcribing).engine:
        case "moonshine":
            folder = transcribing.moonshine_model
            return f"Moonshine ({Path(folder).name})" if folder else "Moonshine tiny, English"
        case "whisper":
            return f"Whisper {transcribing.whisper_model}, {_language(transcribing.language)}"
        case "pocketsphinx":
            return "pocketsphinx, English; it mishears one word in three"
        case "openai":
            return f"{transcribing.model} at {_host(transcribing.base_url)}"


def _speaks(settings: Settings) -> str:
    speaking = settings.speaking
    match choose_voice(speaking)[0]:
        case "piper":
            path = piper_voice(speaking) or ""
            packaged = Path(path).name == JOE.files[0].name
            return f"Piper, voice {JOE.name if packaged else Path(path).stem}"
        case "pyttsx3":
            voice = speaking.voice or voice_of(speaking.language)
            return "eSpeak NG" + (f", voice {voice}" if voice else "")
        case "kokoro":
            return f"Kokoro, voice {speaking.kokoro_voice}"
        case "openai":
            return f"{speaking.model} at {_host(speaking.base_url)}, voice {speaking.model_voice}"


def _others(settings: Settings) -> str:
    """Who speaks the languages that the voice does not."""
    speaking = settings.speaking
    named = f"; {', '.join(code for code, _ in speaking.voices)} by others" * bool(speaking.voices)
    own = choose_voice(speaking)[0] in ("pyttsx3", "openai") or speaking.language != "auto"
    return named + ("" if own else "; other languages by eSpeak NG")


def _language(code: str) -> str:
    return "any language" if code == "auto" else f"language {code}"


def _host(base_url: str | None) -> str:
    hosts = [urlsplit(url).netloc.rpartition("@")[2] for url in urls_of(base_url)]
    if len(hosts) > 1:
        return f"{len(hosts)} places ({', '.join(hosts)})"
    return hosts[0] if hosts else "OpenAI"


def how_better(settings: Settings, engines: Engines) -> list[str]:
    """What would make the conversation better here, and how to have it: one line each, the most
    useful first. Empty where nothing is missing."""
    advice = []
    choice = choose_recognizer(settings.transcribing)
    if choice.engine == "pocketsphinx" and settings.stream_asr_engine == "auto":
        advice.append("a better recognizer: `parley models pull moonshine-tiny` (44 MB), restart")
    if choose_voice(settings.speaking)[0] == "pyttsx3" and settings.stream_tts_engine == "auto":
        advice.append("a human voice: `parley models pull joe` (63 MB) and piper-tts, restart")
    responder = engines.responder
    if isinstance(responder, Described) and (how := responder.advice()):
        advice.append(f"a language model: {how}")
    return advice

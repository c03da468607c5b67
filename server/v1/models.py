"""GET /v1/models and what belongs to it: names that clients may ask for.

Any name is accepted where a model is asked for, since one server has one of each kind. Clients want
to choose from a list, though, and look their model up before they begin: so OpenAI's names are
listed beside the engines' own.
"""

from __future__ import annotations

from pathlib import Path

import trio

from ...config import Settings
from ...engines.room import EngineRoom
from ..http.head import BadRequest, Head
from ..http.responses import Response, json_response
from .voices import KnownVoices

OWNER = "parley"
CREATED = 1_764_374_400
"""A moment that clients want to see; nobody decides anything by it."""

HEARING = (
    *("whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe", "gpt-4o-transcribe-diarize"),
    *("gpt-transcribe", "gpt-live-transcribe", "gpt-realtime-whisper"),
)
SPEAKING = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
TALKING = ("gpt-realtime", "gpt-realtime-mini", "gpt-realtime-2", "gpt-realtime-2.1")
"""OpenAI's names, by what they do."""


class Models:
    """The handlers, for a Front. `agents` are names by which chat asks for an agent."""

    def __init__(self, settings: Settings, room: EngineRoom, voices: KnownVoices) -> None:
        self._settings = settings
        self._room = room
        self._voices = voices

    async def list_all(self, head: Head, stream: trio.abc.Stream) -> Response:
        return json_response({"object": "list", "data": [_model(name) for name in self._names()]})

    async def retrieve(self, head: Head, stream: trio.abc.Stream) -> Response:
        name = head.path.rpartition("/")[2]
        if name not in self._names():
            told = f"there is no model {name[:80]!r}; GET /v1/models lists those that there are"
            raise BadRequest(404, told, param="model", code="model_not_found")
        return json_response(_model(name))

    async def speech_models(self, head: Head, stream: trio.abc.Stream) -> Response:
        """As Open WebUI asks for them."""
        names = dict.fromkeys((*SPEAKING, *self._own("tts")))
        return json_response({"models": [{"id": name} for name in names]})

    async def speech_voices(self, head: Head, stream: trio.abc.Stream) -> Response:
        names = self._voices.listed
        return json_response({"voices": [{"id": name, "name": name} for name in names]})

    def _names(self) -> list[str]:
        own = (name for kind in ("llm", "asr", "tts") for name in self._own(kind))
        return list(dict.fromkeys((*own, *HEARING, *SPEAKING, *TALKING)))

    def _own(self, kind: str) -> tuple[str, ...]:
        """The engine that does it here, by a name of its own."""
        settings, engine = self._settings, self._room.chosen.get(kind, "").partition(" ")[0]
        named = {
            ("asr", "moonshine"): "moonshine-tiny",
            ("asr", "whisper"): f"whisper-{Path(settings.stream_model_whisper).name}",
            ("asr", "openai"): settings.openai_asr_model,
            ("tts", "openai"): settings.openai_tts_model,
            ("tts", "pyttsx3"): "espeak-ng",
            ("llm", "openai"): settings.openai_model,
            ("llm", "gguf"): Path(settings.stream_gguf_model or "gguf").stem,
            ("llm", "found"): "parley-chat",
            ("llm", "local"): "parley-chat",
            ("llm", "own"): "parley-chat",
            ("asr", "own"): "parley-hearing",
            ("tts", "own"): "parley-voice",
        }
        name = named.get((kind, engine), engine)
        return (name,) if name else ()

    @property
    def chat_model(self) -> str:
        """The name of what answers."""
        return next(iter(self._own("llm")), "parley-chat")


def _model(name: str) -> dict[str, object]:
    return {"id": name, "object": "model", "created": CREATED, "owned_by": OWNER}

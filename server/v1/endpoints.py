"""What is served below /v1: the routes, put together."""

from __future__ import annotations

from ...agents.registry import Agents
from ...config import Settings
from ...engines.room import EngineRoom
from ...telemetry import Telemetry
from ..http.engine_calls import EngineCalls
from ..http.front import ANY_PATH, HttpHandler
from ..http.places import Places
from .chat import Chat
from .models import Models
from .speech import SpeechMaking
from .transcriptions import Transcriptions
from .voices import voices_of


def openai_routes(
    settings: Settings, room: EngineRoom, telemetry: Telemetry, places: Places, agents: Agents
) -> dict[tuple[str, str], HttpHandler]:
    """For a Front."""
    calls, voices = EngineCalls(telemetry), voices_of(room)
    hearing = Transcriptions(room.engines, settings, room.media_lane, calls, places)
    speaking = SpeechMaking(voices, settings, calls, places)
    models = Models(settings, room, voices)
    chat = Chat(room.engines, settings, agents, calls, places, models.chat_model)
    return {
        ("POST", "/v1/audio/transcriptions"): hearing.transcribe,
        ("POST", "/v1/audio/translations"): hearing.translate,
        ("POST", "/v1/audio/speech"): speaking.speak,
        ("POST", "/v1/chat/completions"): chat.complete,
        ("GET", "/v1/models"): models.list_all,
        ("GET", f"/v1/models/{ANY_PATH}"): models.retrieve,
        ("GET", "/v1/audio/models"): models.speech_models,
        ("GET", "/v1/audio/voices"): models.speech_voices,
    }

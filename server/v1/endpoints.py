"""What is served below /v1: the routes, put together."""

from __future__ import annotations

from ...config import Settings
from ...engines.room import EngineRoom
from ...telemetry import Telemetry
from ..http.engine_calls import EngineCalls
from ..http.front import HttpHandler
from ..http.places import Places
from .transcriptions import Transcriptions


def openai_routes(
    settings: Settings, room: EngineRoom, telemetry: Telemetry, places: Places
) -> dict[tuple[str, str], HttpHandler]:
    """For a Front."""
    calls = EngineCalls(telemetry)
    hearing = Transcriptions(room.engines, settings, room.media_lane, calls, places)
    return {
        ("POST", "/v1/audio/transcriptions"): hearing.transcribe,
        ("POST", "/v1/audio/translations"): hearing.translate,
    }

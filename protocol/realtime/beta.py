"""The older names of the Realtime API, for clients that speak them: those that send the header
`OpenAI-Beta: realtime=v1`, or an event that has gone since.

Everything else in this dialect knows the newer names alone; here is what goes through in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .checks import an_object
from .session_config import ALIASES, SessionConfig

Message = Mapping[str, Any]

OLDER_EVENTS = {"transcription_session.update"}
"""Who sends one of these knows no newer names, whatever the connection began with."""

_EVENTS = {
    "response.output_text.delta": "response.text.delta",
    "response.output_text.done": "response.text.done",
    "response.output_audio.delta": "response.audio.delta",
    "response.output_audio.done": "response.audio.done",
    "response.output_audio_transcript.delta": "response.audio_transcript.delta",
    "response.output_audio_transcript.done": "response.audio_transcript.done",
    "conversation.item.added": "conversation.item.created",
}
_CONTENT = {"output_text": "text", "output_audio": "audio"}
_FORMATS = {new: old for old, new in ALIASES.items()}

_PLACES = {
    "modalities": ("output_modalities",),
    "voice": ("audio", "output", "voice"),
    "speed": ("audio", "output", "speed"),
    "output_audio_format": ("audio", "output", "format"),
    "input_audio_format": ("audio", "input", "format"),
    "input_audio_transcription": ("audio", "input", "transcription"),
    "input_audio_noise_reduction": ("audio", "input", "noise_reduction"),
    "turn_detection": ("audio", "input", "turn_detection"),
    "max_response_output_tokens": ("max_output_tokens",),
}
"""Where each older field stands now."""
_GONE = {"temperature", "client_secret"}


class Beta:
    """Of one session. `config` is what its session is."""

    def __init__(self, config: SessionConfig) -> None:
        self._config = config

    # From the client

    def from_client(self, event: Message) -> Message:
        """A client's event by its newer names. Raises Problem."""
        kind = event.get("type")
        if kind in ("session.update", "transcription_session.update"):
            session = moved(an_object(event.get("session"), "session"))
            if kind == "transcription_session.update" or self._config.transcription_only:
                session["type"] = "transcription"
            return {**event, "type": "session.update", "session": session}
        if kind == "response.create" and isinstance(event.get("response"), dict):
            return {**event, "response": moved(event["response"])}
        return event

    # To the client

    def to_client(self, message: Message) -> list[Message]:
        """A server event by its older names; none where they have no word for it."""
        kind = str(message["type"])
        if kind == "conversation.item.done":
            return []
        told = dict(message)
        told["type"] = _EVENTS.get(kind, kind)
        if "session" in told:
            if self._config.transcription_only:
                told["type"] = kind.replace("session.", "transcription_session.")
            told["session"] = flat(told["session"])
        if "item" in told:
            told["item"] = _older_item(told["item"])
        if "response" in told:
            told["response"] = _older_response(told["response"])
        if kind != "session.created" or self._config.transcription_only:
            return [told]
        conversation = {"id": told["session"]["id"], "object": "realtime.conversation"}
        return [told, {"type": "conversation.created", "conversation": conversation}]


def moved(session: Mapping[str, Any]) -> dict[str, Any]:
    """Older fields in their newer places. What stands there by its newer name already stays; where
    an object is wanted and something else stands, its reader says so."""
    known = {*_PLACES, *_GONE}
    result = {name: value for name, value in session.items() if name not in known}
    for name, (*folders, last) in _PLACES.items():
        if name in session:
            _put(result, folders, last, session[name])
    return result


def _put(place: dict[str, Any], folders: Sequence[str], last: str, value: Any) -> None:
    for folder in folders:
        inner = place.get(folder)
        if not (inner is None or isinstance(inner, dict)):
            return
        own = dict(inner or {})  # what the client sent is not changed
        place[folder] = own
        place = own
    place.setdefault(last, value)


def flat(session: Mapping[str, Any]) -> dict[str, Any]:
    """A session with older fields."""
    result = {
        name: value
        for name, value in session.items()
        if name not in ("audio", "output_modalities", "max_output_tokens", "type")
    }
    heard, said = session["audio"]["input"], session["audio"].get("output")
    result |= {
        "input_audio_format": _older_format(heard["format"]),
        "input_audio_transcription": heard["transcription"],
        "input_audio_noise_reduction": heard["noise_reduction"],
        "turn_detection": heard["turn_detection"],
    }
    if said is not None:
        result |= {
            "modalities": _older_modalities(session["output_modalities"]),
            "voice": said["voice"],
            "speed": said["speed"],
            "output_audio_format": _older_format(said["format"]),
            "max_response_output_tokens": session["max_output_tokens"],
        }
    return result


def _older_format(kind: Mapping[str, Any]) -> str:
    return _FORMATS[kind["type"]]


def _older_modalities(names: list[str]) -> list[str]:
    return ["text"] if names == ["text"] else ["audio", "text"]


def _older_item(item: Mapping[str, Any]) -> dict[str, Any]:
    if "content" not in item:
        return dict(item)
    content = [
        {**part, "type": _CONTENT.get(part["type"], part["type"])} for part in item["content"]
    ]
    return {**item, "content": content}


def _older_response(response: Mapping[str, Any]) -> dict[str, Any]:
    result = {k: v for k, v in response.items() if k not in ("audio", "output_modalities")}
    said = response["audio"]["output"]
    return {
        **result,
        "output": [_older_item(item) for item in response["output"]],
        "modalities": _older_modalities(response["output_modalities"]),
        "voice": said["voice"],
        "output_audio_format": _older_format(said["format"]),
    }

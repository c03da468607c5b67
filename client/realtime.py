"""Dialect D, OpenAI's Realtime, from the client's side: events as the messages of `incoming`.

Pure, as `incoming` is. The sound of a reply comes in short pieces, each of which belongs to an
item; a client that throws sound away tells how much of that item was played (`truncate`).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ..audio.wav import wav_bytes
from .incoming import (
    Final,
    Finalizing,
    Incoming,
    Info,
    Interrupted,
    Partial,
    Problem,
    ReplyComplete,
    Resume,
    Sound,
    SpeechBegan,
    Token,
    ToolCalled,
    ToolReturned,
    Unreadable,
)

RATE_HZ = 24_000
TRUNCATE = "parley-truncate"
"""The id of the events that tell what was played. Where nothing of an item was heard there is no
such item any more, and an error that says so is of no interest."""

_WRONG_SHAPE = (
    msgspec.DecodeError, binascii.Error, LookupError, TypeError, ValueError, AttributeError
)  # fmt: skip
"""What reading an event of another shape raises."""

_FORMAT = {"type": "audio/pcm", "rate": RATE_HZ}
# `high` waits 2 s at the most, as Parley does by default in its other protocols.
SESSION: Mapping[str, Any] = {
    "type": "realtime",
    "audio": {
        "input": {
            "format": _FORMAT,
            "transcription": {"model": "whisper-1"},
            "turn_detection": {"type": "semantic_vad", "eagerness": "high"},
        },
        "output": {"format": _FORMAT},
    },
}


class RealtimeEnd:
    path = "/v1/realtime"
    rate_hz = RATE_HZ

    def __init__(self) -> None:
        self._words: dict[str, str] = {}
        """Of utterances whose final has not come, by the ids of their items."""
        self._pieces = 0
        self._tools: dict[str, str] = {}
        """Names, by the ids of calls."""

    def opening(self, rate_hz: int) -> Sequence[str]:
        """Raises ValueError for another rate than the protocol's."""
        if rate_hz != RATE_HZ:
            raise ValueError(f"audio has {RATE_HZ} Hz in this protocol, not {rate_hz}")
        return (_json({"type": "session.update", "session": SESSION}),)

    def audio(self, pcm16: bytes) -> str:
        data = base64.b64encode(pcm16).decode("ascii")
        return f'{{"type":"input_audio_buffer.append","audio":"{data}"}}'

    def closing(self) -> Sequence[str]:
        return ()

    @staticmethod
    def truncate(item: str, played_ms: int) -> str:
        """So much of a reply was played; the rest was thrown away."""
        return _json(
            {
                "type": "conversation.item.truncate",
                "event_id": TRUNCATE,
                "item_id": item,
                "content_index": 0,
                "audio_end_ms": played_ms,
            }
        )

    def read(self, frame: str | bytes) -> Sequence[Incoming]:
        try:
            event = msgspec.json.decode(frame)
            return self._messages(event["type"], event)
        except _WRONG_SHAPE as error:
            raise Unreadable(f"no event of the Realtime API: {error!r}") from None

    def _messages(self, kind: str, event: Mapping[str, Any]) -> Sequence[Incoming]:
        match kind.rpartition(".")[0]:
            case "session" if kind == "session.created":
                return (Info(message="session created", session_id=event["session"]["id"]),)
            case "input_audio_buffer":
                return _buffer(kind)
            case "conversation.item.input_audio_transcription":
                return self._transcription(kind, event)
            case "response" if kind == "response.done":
                return _ended(event["response"])
            case "" if kind == "error":
                return _problem(event["error"])
            case "conversation.item" if kind == "conversation.item.done":
                return self._item(event["item"])
            case _:
                return self._response(kind, event)

    def _transcription(self, kind: str, event: Mapping[str, Any]) -> Sequence[Incoming]:
        item = event["item_id"]
        if kind.endswith(".delta"):
            self._words[item] = self._words.get(item, "") + event["delta"]
            return (Partial(text=self._words[item]),)
        self._words.pop(item, None)
        if kind.endswith(".failed"):
            return _problem(event["error"])
        return (Final(text=event["transcript"], id=item),) if kind.endswith(".completed") else ()

    def _response(self, kind: str, event: Mapping[str, Any]) -> Sequence[Incoming]:
        match kind:
            case "response.output_audio_transcript.delta" | "response.output_text.delta":
                return (Token(text=event["delta"]),)
            case "response.output_audio_transcript.done" | "response.output_text.done":
                return (Token(done=True),)
            case "response.output_audio.delta":
                self._pieces += 1
                wav = wav_bytes(base64.b64decode(event["delta"], validate=True), RATE_HZ)
                return (Sound(seq=self._pieces, audio_b64=wav, item=event["item_id"]),)
            case "parley.resume":
                resumed, why = event["resumed"], str(event.get("why", ""))
                return (Resume(ticket=event["ticket"], resumed=resumed, why=why),)
            case "response.function_call_arguments.done":
                call = event["call_id"]
                self._tools[call] = event["name"]
                return (ToolCalled(id=call, name=event["name"], arguments=event["arguments"]),)
            case _:
                return ()

    def _item(self, item: Mapping[str, Any]) -> Sequence[Incoming]:
        if item["type"] != "function_call_output":
            return ()
        name = self._tools.pop(item["call_id"], "")
        return (ToolReturned(id=item["call_id"], name=name, output=item["output"]),)


def _buffer(kind: str) -> Sequence[Incoming]:
    if kind.endswith(".speech_started"):
        return (SpeechBegan(),)
    return (Finalizing(),) if kind.endswith(".committed") else ()


def _ended(response: Mapping[str, Any]) -> Sequence[Incoming]:
    """A reply that was cut is over, too. Its item holds what was heard of it."""
    if response["status"] == "failed":
        return (*_problem((response["status_details"] or {}).get("error") or {}), ReplyComplete())
    if response["status"] != "cancelled":
        return (ReplyComplete(),)
    heard = "".join(
        part.get("transcript") or part.get("text") or ""
        for item in response["output"]
        if item["type"] == "message"
        for part in item["content"]
    )
    return (Interrupted(heard=heard), ReplyComplete())


def _problem(error: Mapping[str, Any]) -> Sequence[Incoming]:
    if error.get("event_id") == TRUNCATE:
        return ()
    code = str(error.get("code") or error.get("type") or "").upper()
    return (Problem(code=code, message=str(error.get("message", ""))),)


def _json(message: Mapping[str, Any]) -> str:
    return msgspec.json.encode(message).decode()

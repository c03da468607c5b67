"""The eleven events of a client, as commands and effects.

What is wrong with one is a Problem, and becomes an `error` event that names it: no event ends a
session, and none is done by half.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..commands import ClearAudio, Command, CommitAudio, TellClient
from ..effects import (
    CancelReply,
    DeleteItem,
    OfferTools,
    Respond,
    RetrieveItem,
    SetInstructions,
    TruncateItem,
)
from ..item_events import Verbatim
from ..item_ids import ItemIds
from .audio_in import AudioIn, from_base64
from .checks import a_text, only_known, required, whole
from .client_items import item_effect, sound_in
from .problem import Problem
from .response_wish import wish_of
from .session_config import SessionConfig

Event = Mapping[str, Any]


class ClientEvents:
    """Of one session. `config` and `audio` are what the codec knows, too."""

    def __init__(self, config: SessionConfig, audio: AudioIn) -> None:
        self.config = config
        self.audio = audio
        self.ids: ItemIds | None = None
        """Once the session has its id."""
        self._handlers: Mapping[str, tuple[Callable[[Event, str], Sequence[Command]], set[str]]] = {
            "session.update": (self._session, {"session"}),
            "input_audio_buffer.append": (self._append, {"audio"}),
            "input_audio_buffer.commit": (self._commit, set()),
            "input_audio_buffer.clear": (self._clear, set()),
            "output_audio_buffer.clear": (self._silence, set()),
            "conversation.item.create": (self._create, {"item", "previous_item_id"}),
            "conversation.item.retrieve": (self._retrieve, {"item_id"}),
            "conversation.item.truncate": (
                self._truncate,
                {"item_id", "content_index", "audio_end_ms"},
            ),
            "conversation.item.delete": (self._delete, {"item_id"}),
            "response.create": (self._respond, {"response"}),
            "response.cancel": (self._cancel, {"response_id"}),
        }

    def commands(self, event: Event) -> Sequence[Command]:
        """What an event asks for. Raises Problem."""
        kind = event.get("type")
        if not isinstance(kind, str):
            raise Problem("missing_required_parameter", "an event has no type", "type")
        found = self._handlers.get(kind)
        if found is None:
            known = ", ".join(self._handlers)
            what = f"unknown event type {ascii(kind)[:60]}; known: {known}"
            raise Problem("unknown_event", what, "type")
        handler, fields = found
        only_known(event, {"type", "event_id", *fields})
        return handler(event, ref_of(event))

    def first(self) -> Sequence[Command]:
        """What the session is before the client has said anything of it."""
        return (self.config.hearing(), self.config.replies())

    def wishes(self) -> Sequence[Command]:
        """What the session as it is now makes of hearing, replies and tools."""
        config = self.config
        return (
            config.hearing(),
            SetInstructions(text=config.instructions, by_client=True),
            OfferTools(tools=config.tools(), by_client=True),
            config.replies(),
        )

    # Handlers

    def _session(self, event: Event, ref: str) -> Sequence[Command]:
        before = self.wishes()
        sound = (self.config.input_format, self.config.input_rate_hz)
        self.config.update(required(event, "session"))
        if sound != (self.config.input_format, self.config.input_rate_hz):
            self.audio.begin()
        told = Verbatim(message={"type": "session.updated", "session": self.config.session})
        changed = [wish for wish, old in zip(self.wishes(), before, strict=True) if wish != old]
        return (*changed, TellClient(event=told))

    def _append(self, event: Event, ref: str) -> Sequence[Command]:
        data = from_base64(a_text(required(event, "audio"), "audio"), "audio")
        return self.audio.append(data, self.config.input_format, self.config.input_rate_hz)

    def _commit(self, event: Event, ref: str) -> Sequence[Command]:
        self.audio.check_commit()
        return (CommitAudio(),)

    def _clear(self, event: Event, ref: str) -> Sequence[Command]:
        self.audio.clear()
        return (ClearAudio(),)

    def _silence(self, event: Event, ref: str) -> Sequence[Command]:
        """Over a WebSocket the client has the sound, and throws it away itself."""
        what = "output_audio_buffer.clear is for WebRTC; over a WebSocket, send response.cancel"
        raise Problem("unsupported_event", what, "type")

    def _create(self, event: Event, ref: str) -> Sequence[Command]:
        after = event.get("previous_item_id")
        if after is not None:
            after = a_text(after, "previous_item_id")
        item = required(event, "item")
        sound = sound_in(item)
        if sound is None:
            return (item_effect(item, after, ref),)
        if self.config.detection is None and self.audio.pending_ms:
            what = "there is audio in the buffer: commit or clear it before you give other sound"
            raise Problem("input_audio_buffer_not_empty", what, "item.content[0].audio")
        rate_hz = self.config.input_rate_hz
        given = self.audio.given(*sound, self.config.input_format, after, ref, pcm_rate_hz=rate_hz)
        return (given,)

    def _retrieve(self, event: Event, ref: str) -> Sequence[Command]:
        return (RetrieveItem(id=_item_id(event), ref=ref),)

    def _delete(self, event: Event, ref: str) -> Sequence[Command]:
        return (DeleteItem(id=_item_id(event), ref=ref),)

    def _truncate(self, event: Event, ref: str) -> Sequence[Command]:
        whole(0, 0)(event.get("content_index", 0), "content_index")
        end_ms = whole(0, 10**9)(required(event, "audio_end_ms"), "audio_end_ms")
        return (TruncateItem(id=_item_id(event), audio_ms=end_ms, ref=ref),)

    def _respond(self, event: Event, ref: str) -> Sequence[Command]:
        if self.config.transcription_only:
            what = "a session of the type transcription makes no responses"
            raise Problem("unsupported_event", what, "type")
        wish = wish_of(event.get("response"))
        return (Respond(id=0, wish=wish, by_client=True, ref=ref),)

    def _cancel(self, event: Event, ref: str) -> Sequence[Command]:
        wanted = event.get("response_id")
        if wanted is None:
            return (CancelReply(ref=ref),)
        turn = self.ids.turn_of(a_text(wanted, "response_id")) if self.ids else 0
        if not turn:
            what = f"there is no response {ascii(wanted)[:60]} to cancel"
            raise Problem("response_cancel_not_active", what, "response_id")
        return (CancelReply(reply=turn, ref=ref),)


def ref_of(event: Event) -> str:
    """The client's own id of its event, for errors; empty where it is none."""
    ref = event.get("event_id")
    return ref[:512] if isinstance(ref, str) else ""


def _item_id(event: Event) -> str:
    return a_text(required(event, "item_id"), "item_id")

"""Dialect D for one session: a client's events in, server events out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from .. import events
from ..codes import Code, Violation
from ..commands import Command, TellClient
from ..dialect import NO_CHOICES, Choices, Frame, NowMs
from ..item_events import (
    BufferCleared,
    BufferCommitted,
    CallerIdle,
    ItemDeleted,
    ItemTold,
    ItemTruncated,
    ReplyBegan,
    ReplyEnded,
    RequestRefused,
    SpeechForgotten,
    Verbatim,
)
from ..item_ids import ItemIds
from ..jsontext import as_json, type_of
from ..ticket_message import ticket_message
from . import told_items
from .audio_in import AudioIn, in_base64
from .beta import OLDER_EVENTS, Beta
from .client_events import ClientEvents, ref_of
from .problem import Problem, error_message
from .profile import MODEL, PROFILE
from .responses import Response
from .session_config import SessionConfig
from .told_items import ItemOrder
from .user_items import UserItems

SESSION_S = 3600
"""What a session's `expires_at` says it may last, as OpenAI's may. Nothing ends it then."""
KEPT_REPLIES = 2
"""So many of the newest replies can be retrieved with their sound."""
OF_THE_MODEL = (Code.LLM_FAIL, Code.LLM_TIMEOUT)
"""What fails a whole response."""

Message = Mapping[str, Any]


class RealtimeCodec:
    profile = PROFILE

    def __init__(self, now_ms: NowMs, choices: Choices = NO_CHOICES) -> None:
        intent = choices.get("intent", "")
        model = choices.get("model", "") or MODEL
        self._config = SessionConfig(model, transcription=intent == "transcription")
        self._beta = Beta(self._config) if choices.get("beta") else None
        self._now_ms = now_ms
        self._audio = AudioIn()
        self._order = ItemOrder()
        self._client = ClientEvents(self._config, self._audio)
        self._ids = ItemIds("")
        self._user = UserItems(self._config, self._audio, self._ids, self._order)
        self._response: Response | None = None
        self._replies: dict[str, Response] = {}
        """The newest, by the ids of their items."""
        self._events = 0
        self._begun = False
        self._cleared_ms = 0.0

    # From the client

    def decode(self, frame: Frame) -> Sequence[Command]:
        """What an event asks for. What is wrong with it is told, and never raised: in this dialect
        no event ends a session."""
        first: Sequence[Command] = ()
        if not self._begun:
            self._begun = True
            first = self._client.first()
        ref = ""
        try:
            event = _event(frame)
            ref = ref_of(event)
            if self._beta is None and event.get("type") in OLDER_EVENTS:
                self._beta = Beta(self._config)
            if self._beta is not None:
                event = self._beta.from_client(event)
            return (*first, *self._client.commands(event))
        except Problem as problem:
            message = error_message(problem.code, problem.message, param=problem.param, ref=ref)
            return (*first, TellClient(event=Verbatim(message=message)))

    # To the client

    def encode(self, event: events.Outbound) -> list[Frame]:
        messages: list[Message] = self._messages(event)
        if self._beta is not None:
            messages = [told for message in messages for told in self._beta.to_client(message)]
        return [self._frame(message) for message in messages]

    def _frame(self, message: Message) -> str:
        self._events += 1
        kind = message["type"]
        return as_json({"type": kind, "event_id": f"event_{self._events}", **message})

    def _messages(self, event: events.Outbound) -> list[Message]:
        match event:
            case events.SessionOpened():
                return self._opened(event)
            case Verbatim():
                return [event.message]
            case events.SpeechStarted() | events.SpeechEnded() | events.Partial() | events.Final():
                return [*self._spoken(event)]
            case BufferCommitted() | BufferCleared() | SpeechForgotten() | CallerIdle():
                return [*self._buffered(event)]
            case ReplyBegan() | ReplyEnded():
                return [*self._reply(event)]
            case events.Token() | events.ReplyAudio() | events.ToolTold():
                return [*self._part(event)]
            case ItemTold() | ItemDeleted() | ItemTruncated():
                return [*self._item(event)]
            case RequestRefused():
                return [error_message(event.code, event.message, param=event.param, ref=event.ref)]
            case events.Failure():
                return [*self._failure(event)]
            case events.TicketTold():
                return [{**ticket_message(event), "type": "parley.resume"}]
            case _:
                return []  # this dialect has no word for it

    def _opened(self, event: events.SessionOpened) -> list[Message]:
        self._ids = self._client.ids = ItemIds(event.session_id)
        self._user = UserItems(self._config, self._audio, self._ids, self._order)
        session = self._config.session
        session["id"] = self._ids.session
        if not self._config.transcription_only:
            session["expires_at"] = self._now_ms() // 1000 + SESSION_S
            output = session["audio"]["output"]
            self._config.own_voice = event.voice or "default"
            output["voice"] = output["voice"] or self._config.own_voice
        return [{"type": "session.created", "session": session}]

    def _spoken(
        self, event: events.SpeechStarted | events.SpeechEnded | events.Partial | events.Final
    ) -> list[dict[str, Any]]:
        match event:
            case events.SpeechStarted():
                return self._user.started(event, over_reply=self._response is not None)
            case events.SpeechEnded():
                return self._user.ended(event)
            case events.Partial():
                return self._user.partial(event)
            case events.Final():
                return self._user.final(event)

    def _buffered(
        self, event: BufferCommitted | BufferCleared | SpeechForgotten | CallerIdle
    ) -> list[dict[str, Any]]:
        match event:
            case BufferCommitted():
                from_ms, self._cleared_ms = self._cleared_ms, float(event.audio_ms)
                return self._user.committed(event.utterance, event.audio_ms, from_ms)
            case BufferCleared():
                self._cleared_ms = self._audio.total_ms
                return [{"type": "input_audio_buffer.cleared"}]
            case SpeechForgotten():
                return self._user.forgotten(event.utterance)
            case CallerIdle():
                return self._user.idle(event.item, event.idle_ms)

    def _reply(self, event: ReplyBegan | ReplyEnded) -> list[dict[str, Any]]:
        if isinstance(event, ReplyBegan):
            self._response = response = Response(event, self._config, self._ids, self._order)
            self._replies[response.item_id] = response
            for old in list(self._replies)[:-KEPT_REPLIES]:
                del self._replies[old]
            return response.created()
        ended, self._response = self._response, None
        if ended is None:
            return []
        spoken_over = self._user.interrupted() if event.outcome == "interrupted" else []
        return [*spoken_over, *ended.ended(event), *self._user.reply_over()]

    def _part(
        self, event: events.Token | events.ReplyAudio | events.ToolTold
    ) -> list[dict[str, Any]]:
        response = self._response
        match event:
            case events.Token() if response is not None and event.turn == response.turn:
                return response.text(event.text)
            case events.ReplyAudio() if response is not None and event.turn == response.turn:
                return response.sound(event.pcm16, event.begins)
            case events.ToolTold() if response is not None and event.by_client:
                if event.reply != response.turn:
                    return []
                return response.call(event.call_id, event.name, event.arguments, event.position)
            case _:
                return []

    def _item(self, event: ItemTold | ItemDeleted | ItemTruncated) -> list[dict[str, Any]]:
        match event:
            case ItemTold() if event.retrieved:
                item = told_items.of_view(event.item, self._sound(event.item.id))
                return [{"type": "conversation.item.retrieved", "item": item}]
            case ItemTold():
                item = told_items.of_view(event.item)
                previous = self._order.add(event.item.id, event.after)
                if event.utterance:
                    self._user.given(event.utterance, event.item.id)
                told = {"previous_item_id": previous, "item": item}
                return [
                    {"type": "conversation.item.added", **told},
                    {"type": "conversation.item.done", **told},
                ]
            case ItemDeleted():
                self._order.remove(event.id)
                return [{"type": "conversation.item.deleted", "item_id": event.id}]
            case ItemTruncated():
                if event.id in self._replies:
                    self._replies[event.id].audio.cut(event.audio_ms)
                return [
                    {
                        "type": "conversation.item.truncated",
                        "item_id": event.id,
                        "content_index": 0,
                        "audio_end_ms": event.audio_ms,
                    }
                ]

    def _sound(self, item_id: str) -> str | None:
        if item_id in self._replies:
            kept = self._replies[item_id].audio.kept
            return in_base64(bytes(kept)) if kept else None
        return self._user.sound(item_id)

    def _failure(self, event: events.Failure) -> list[dict[str, Any]]:
        if event.utterance:
            return self._user.failed(event)
        if event.code in OF_THE_MODEL and self._response and event.turn == self._response.turn:
            self._response.fails(event)  # told once: some clients hang up at an `error`
            return []
        code = event.code.value.lower()
        return [error_message(code, event.message, server=event.breach is None)]


def _event(frame: Frame) -> Mapping[str, Any]:
    """The JSON object in a frame, text or binary. Raises Problem."""
    try:
        text = frame if isinstance(frame, str) else frame.decode()
        type_of(text, untyped="")
        event = msgspec.json.decode(text)
    except (UnicodeDecodeError, Violation, msgspec.DecodeError, RecursionError) as error:
        what = error.message if isinstance(error, Violation) else str(error)
        raise Problem("invalid_json", f"this is no event: {what}") from None
    if not isinstance(event, dict):
        raise Problem("invalid_json", "an event is a JSON object")
    return event

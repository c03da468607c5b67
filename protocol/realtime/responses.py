"""A response, from `response.created` to `response.done`: the events that tell it, in the order
that clients expect.

Items are told when there is something in them. What is said is told with its sound, phrase by
phrase, so that no client has read what nobody can have heard. The sound of a message may still be
coming while a call of a tool is told: the sooner the client runs it, the better.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..events import Failure, PhraseText
from ..item_events import ReplyBegan, ReplyEnded, ReplyOutcome
from ..item_ids import ItemIds
from . import told_items
from .audio_in import in_base64
from .audio_out import AudioOut
from .session_config import SessionConfig
from .told_items import ItemOrder

CHARS_A_TOKEN = 4
AUDIO_TOKEN_MS = 50
"""How usage is estimated: no model here says what it counted."""

_STATUS: Mapping[ReplyOutcome, str] = {
    "completed": "completed",
    "interrupted": "cancelled",
    "cancelled": "cancelled",
    "failed": "failed",
    "too_long": "incomplete",
}


class Response:
    """One. Its methods give messages in order, without ids of their own."""

    def __init__(
        self, began: ReplyBegan, config: SessionConfig, ids: ItemIds, order: ItemOrder
    ) -> None:
        self.turn = began.reply
        self.id = ids.response(began.reply)
        self.item_id = ids.reply(began.reply)
        self.audio = AudioOut(config.output_format)
        self._began = began
        self._config = config
        self._ids = ids
        self._order = order
        self._text = ""
        """What was told."""
        self._held = ""
        """What the model wrote, and whose sound has not begun."""
        self._message_at: int | None = None
        """The output index of what is said; None: nothing is yet."""
        self._failure = "response_failed"
        """The code of what failed it, where that was told."""
        self._outputs: list[dict[str, Any]] = []
        """The items as they are now, by their output index."""

    def created(self) -> list[dict[str, Any]]:
        return [{"type": "response.created", "response": self._shown("in_progress", None)}]

    def text(self, text: str) -> list[dict[str, Any]]:
        """More of what the model writes."""
        if not self._began.spoken:
            return self._text_delta(text)
        self._held += text
        return []

    def sound(self, pcm16: bytes, begins: PhraseText | None) -> list[dict[str, Any]]:
        """More of what is heard; `begins`: with it the phrase begins."""
        words = self._words_of(begins) if begins is not None else ""
        return [*self._text_delta(words), *self._audio_delta(self.audio.take(pcm16))]

    def _words_of(self, phrase: PhraseText) -> str:
        """What is told with a phrase: what was written up to its end."""
        if phrase.aside:
            return f" {phrase.text}" if self._text else phrase.text
        at = self._held.find(phrase.text)
        if phrase.from_ms or at < 0:
            return ""
        end = at + len(phrase.text)
        words, self._held = self._held[:end], self._held[end:]
        return words

    def _text_delta(self, text: str) -> list[dict[str, Any]]:
        if not text:
            return []
        opened = self._open_message()
        self._text += text
        kind = "response.output_audio_transcript.delta"
        if not self._began.spoken:
            kind = "response.output_text.delta"
        return [*opened, {"type": kind, **self._part_ids(), "delta": text}]

    def call(self, call_id: str, name: str, arguments: str, position: int) -> list[dict[str, Any]]:
        """A tool that the client is to run."""
        item_id = self._ids.call(self.turn, position)
        before = self._open_message() if self._held.strip() else []
        at = len(self._outputs)
        place = {
            "response_id": self.id,
            "item_id": item_id,
            "output_index": at,
            "call_id": call_id,
        }
        begun = told_items.call(item_id, call_id, name, "", status="in_progress")
        whole = told_items.call(item_id, call_id, name, arguments)
        self._outputs.append(whole)
        return [
            *before,
            *self._item_added(begun, at),
            {"type": "response.function_call_arguments.delta", **place, "delta": arguments},
            {
                "type": "response.function_call_arguments.done",
                **place,
                "name": name,
                "arguments": arguments,
            },
            *self._item_done(whole, at),
        ]

    def fails(self, failure: Failure) -> None:
        """Its end will say so."""
        self._failure = failure.code.value.lower()

    def ended(self, ended: ReplyEnded) -> list[dict[str, Any]]:
        """The closing tail. Of a spoken message the items hold what was heard."""
        status = _STATUS[ended.outcome]
        messages: list[dict[str, Any]] = []
        if status != "cancelled" and self._held.strip():
            messages = self._text_delta(self._held)
        if self._message_at is not None:
            complete = status == "completed"
            messages += self._close_message(ended.heard, "completed" if complete else "incomplete")
        return [
            *messages,
            {"type": "response.done", "response": self._shown(status, self._details(ended))},
        ]

    # Parts

    def _open_message(self) -> list[dict[str, Any]]:
        if self._message_at is not None:
            return []
        self._message_at = at = len(self._outputs)
        begun = told_items.reply(self.item_id, "in_progress", None, spoken=self._began.spoken)
        self._outputs.append(begun)
        added = {
            "type": "response.content_part.added",
            **self._part_ids(),
            "part": self._part(""),
        }
        return [*self._item_added(begun, at), added]

    def _close_message(self, heard: str, status: str) -> list[dict[str, Any]]:
        rest = self._audio_delta(self.audio.rest()) if self._began.spoken else []
        at, ids = self._message_at or 0, self._part_ids()
        item = told_items.reply(self.item_id, status, heard, spoken=self._began.spoken)
        self._outputs[at] = item
        if self._began.spoken:
            done = [
                {"type": "response.output_audio.done", **ids},
                {
                    "type": "response.output_audio_transcript.done",
                    **ids,
                    "transcript": self._text.strip(),
                },
            ]
        else:
            done = [{"type": "response.output_text.done", **ids, "text": self._text.strip()}]
        return [
            *rest,
            *done,
            {
                "type": "response.content_part.done",
                **ids,
                "part": self._part(self._text.strip()),
            },
            *self._item_done(item, at),
        ]

    def _audio_delta(self, data: bytes) -> list[dict[str, Any]]:
        if not data:
            return []
        opened = self._open_message()
        delta = {"type": "response.output_audio.delta", **self._part_ids()}
        return [*opened, {**delta, "delta": in_base64(data)}]

    def _item_added(self, item: dict[str, Any], at: int) -> list[dict[str, Any]]:
        added = {
            "type": "response.output_item.added",
            "response_id": self.id,
            "output_index": at,
            "item": item,
        }
        if self._began.aside:
            return [added]
        previous = self._order.add(item["id"])
        told = {"type": "conversation.item.added", "previous_item_id": previous, "item": item}
        return [added, told]

    def _item_done(self, item: dict[str, Any], at: int) -> list[dict[str, Any]]:
        done = {
            "type": "response.output_item.done",
            "response_id": self.id,
            "output_index": at,
            "item": item,
        }
        if self._began.aside:
            return [done]
        return [{"type": "conversation.item.done", "item": item}, done]

    def _part_ids(self) -> dict[str, Any]:
        return {
            "response_id": self.id,
            "item_id": self.item_id,
            "output_index": self._message_at,
            "content_index": 0,
        }

    def _part(self, text: str) -> dict[str, Any]:
        if self._began.spoken:
            return {"type": "audio", "transcript": text}
        return {"type": "text", "text": text}

    def _shown(self, status: str, details: dict[str, Any] | None) -> dict[str, Any]:
        began = self._began
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": status,
            "status_details": details,
            "output": list(self._outputs) if status != "in_progress" else [],
            "conversation_id": None if began.aside else self._ids.conversation,
            "output_modalities": ["audio"] if began.spoken else ["text"],
            "max_output_tokens": began.max_tokens or "inf",
            "audio": {
                "output": {
                    "format": self._config.output_audio_format,
                    "voice": began.voice or self._config.voice or self._config.own_voice,
                }
            },
            "usage": None if status == "in_progress" else self._usage(),
            "metadata": began.metadata,
        }

    def _usage(self) -> dict[str, Any]:
        """Estimates: tokens of text by their letters, of sound by its length."""
        asked = -(-self._began.asked_chars // CHARS_A_TOKEN)
        called = sum(len(item.get("arguments", "")) for item in self._outputs)
        text = -(-(len(self._text) + called) // CHARS_A_TOKEN)
        audio = round(self.audio.ms / AUDIO_TOKEN_MS)
        return {
            "total_tokens": asked + text + audio,
            "input_tokens": asked,
            "output_tokens": text + audio,
            "input_token_details": {
                "text_tokens": asked,
                "audio_tokens": 0,
                "image_tokens": 0,
                "cached_tokens": 0,
            },
            "output_token_details": {"text_tokens": text, "audio_tokens": audio},
        }

    def _details(self, ended: ReplyEnded) -> dict[str, Any] | None:
        match ended.outcome:
            case "completed":
                return None
            case "interrupted":
                return {"type": "cancelled", "reason": "turn_detected"}
            case "cancelled":
                return {"type": "cancelled", "reason": "client_cancelled"}
            case "too_long":
                return {"type": "incomplete", "reason": "max_output_tokens"}
            case "failed":
                error = {"type": "server_error", "code": self._failure, "message": ended.message}
                return {"type": "failed", "error": error}

"""The order of a Realtime server's events, as a machine that is given each of them and raises
AssertionError at the first that cannot stand where it stands.

Source: the order in which OpenAI's server sends them, and which every stock client accepts.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Event = dict[str, Any]

TRANSCRIPTION = "conversation.item.input_audio_transcription."


@dataclass
class _Message:
    """What is said in a response."""

    text: str = ""
    stage: int = 0
    """0: it is being said; then audio, transcript, part, item and output are done, one by one."""


@dataclass
class _Response:
    id: str
    aside: bool
    spoken: bool
    ended_by_speech: bool = False
    items: list[str] = field(default_factory=list)
    done: set[str] = field(default_factory=set)
    message: str = ""
    said: _Message = field(default_factory=_Message)
    calls: dict[str, str] = field(default_factory=dict)


@dataclass
class OrderModel:
    """Of one session. `interrupts`: whether speech ends responses, which the test says."""

    interrupts: bool = True
    transcription_only: bool = False
    events: int = 0
    ids: set[str] = field(default_factory=set)
    items: list[str] = field(default_factory=list)
    speaking: str = ""
    stopped: str = ""
    """The item that is committed next, if it is."""
    committed: str = ""
    """The item that has to be added next."""
    added: str = ""
    """The item that has to be done next, where it was not made in a response."""
    heard: dict[str, str] = field(default_factory=dict)
    """What the deltas of each transcription say."""
    final: set[str] = field(default_factory=set)
    response: _Response | None = None
    responses: int = 0

    def take(self, event: Event) -> None:
        kind = event["type"]
        assert event["event_id"] not in self.ids, "an id twice"
        self.ids.add(event["event_id"])
        assert (self.events == 0) == (kind == "session.created"), kind
        self.events += 1
        if self.stopped and kind != "input_audio_buffer.committed":
            self.stopped = ""  # the client has cleared the buffer
        if self.committed:
            assert kind == "conversation.item.added", kind
        if self.added:
            assert kind == "conversation.item.done", kind
        name = kind.replace(".", "_")
        handler = getattr(self, f"_{name}", None)
        if handler is not None:
            handler(event)
        else:
            assert kind in ("session.created", "session.updated", "error"), kind

    # The input buffer

    def _input_audio_buffer_speech_started(self, event: Event) -> None:
        assert not self.speaking
        self.speaking = event["item_id"]
        assert self.speaking not in self.items
        if self.response is not None and self.interrupts:
            self.response.ended_by_speech = True

    def _input_audio_buffer_speech_stopped(self, event: Event) -> None:
        assert event["item_id"] == self.speaking
        self.stopped, self.speaking = self.speaking, ""

    def _input_audio_buffer_committed(self, event: Event) -> None:
        self.stopped = ""
        assert event["previous_item_id"] == (self.items[-1] if self.items else None)
        self.committed = event["item_id"]

    def _input_audio_buffer_cleared(self, event: Event) -> None:
        pass

    def _input_audio_buffer_timeout_triggered(self, event: Event) -> None:
        assert event["audio_start_ms"] <= event["audio_end_ms"]
        self.committed = event["item_id"]

    # Items

    def _conversation_item_added(self, event: Event) -> None:
        item = event["item"]
        assert item["id"] not in self.items
        if self.committed:
            assert item["id"] == self.committed
            self.committed = ""
        self._insert(item["id"], event["previous_item_id"])
        response = self.response
        if response is not None and item["id"] in response.items:
            assert not response.aside
        else:
            self.added = item["id"]

    def _insert(self, item_id: str, previous: str | None) -> None:
        at = 0 if previous is None else self.items.index(previous) + 1
        self.items.insert(at, item_id)

    def _conversation_item_done(self, event: Event) -> None:
        item_id = event["item"]["id"]
        assert item_id in self.items
        if self.added:
            assert item_id == self.added
            self.added = ""
            return
        response = self.response
        assert response is not None and item_id in response.items
        if item_id == response.message:
            self._stage(4)
        else:
            assert response.calls[item_id] == "done"

    def _conversation_item_deleted(self, event: Event) -> None:
        self.items.remove(event["item_id"])

    def _conversation_item_truncated(self, event: Event) -> None:
        assert event["item_id"] in self.items

    def _conversation_item_retrieved(self, event: Event) -> None:
        assert event["item"]["id"] in self.items

    def _conversation_item_input_audio_transcription_delta(self, event: Event) -> None:
        item_id = self._transcribed(event)
        self.heard[item_id] = self.heard.get(item_id, "") + event["delta"]

    def _conversation_item_input_audio_transcription_completed(self, event: Event) -> None:
        item_id = self._transcribed(event)
        said = self.heard.get(item_id, event["transcript"])
        assert event["transcript"] == said or not event["transcript"].startswith(said)
        self.final.add(item_id)

    def _conversation_item_input_audio_transcription_failed(self, event: Event) -> None:
        self.final.add(self._transcribed(event))

    def _transcribed(self, event: Event) -> str:
        item_id: str = event["item_id"]
        live = self.transcription_only and item_id == self.speaking
        assert item_id in self.items or live
        assert item_id not in self.final
        return item_id

    # Responses

    def _response_created(self, event: Event) -> None:
        assert self.response is None, "two responses at once"
        shown = event["response"]
        assert shown["status"] == "in_progress" and shown["output"] == []
        self.response = _Response(
            shown["id"],
            aside=shown["conversation_id"] is None,
            spoken=shown["output_modalities"] == ["audio"],
        )
        self.responses += 1

    def _response_output_item_added(self, event: Event) -> None:
        response = self._mine(event)
        item = event["item"]
        assert event["output_index"] == len(response.items)
        assert item["status"] == "in_progress"
        response.items.append(item["id"])
        if item["type"] == "message":
            assert not response.message, "one message a response"
            response.message = item["id"]
        else:
            response.calls[item["id"]] = ""

    def _response_content_part_added(self, event: Event) -> None:
        response = self._mine(event)
        assert event["item_id"] == response.message and response.said.stage == 0
        assert event["part"]["type"] == ("audio" if response.spoken else "text")

    def _response_output_audio_transcript_delta(self, event: Event) -> None:
        self._text(event, spoken=True)

    def _response_output_text_delta(self, event: Event) -> None:
        self._text(event, spoken=False)

    def _text(self, event: Event, *, spoken: bool) -> None:
        response = self._mine(event)
        assert response.spoken is spoken and response.said.stage == 0
        assert not response.ended_by_speech
        assert event["item_id"] == response.message
        response.said.text += event["delta"]

    def _response_output_audio_delta(self, event: Event) -> None:
        response = self._mine(event)
        assert response.spoken and response.said.stage == 0
        assert event["item_id"] == response.message

    def _response_output_audio_done(self, event: Event) -> None:
        self._mine(event)
        self._stage(1)

    def _response_output_audio_transcript_done(self, event: Event) -> None:
        assert event["transcript"] == self._mine(event).said.text.strip()
        self._stage(2)

    def _response_output_text_done(self, event: Event) -> None:
        response = self._mine(event)
        assert event["text"] == response.said.text.strip()
        response.said.stage = 2

    def _response_content_part_done(self, event: Event) -> None:
        self._mine(event)
        self._stage(3)

    def _stage(self, number: int) -> None:
        assert self.response is not None
        assert self.response.said.stage == number - 1, (number, self.response.said.stage)
        self.response.said.stage = number

    def _response_output_item_done(self, event: Event) -> None:
        response = self._mine(event)
        item_id = event["item"]["id"]
        assert response.items[event["output_index"]] == item_id
        assert item_id not in response.done
        response.done.add(item_id)
        if item_id == response.message:
            if response.aside:
                self._stage(4)
            self._stage(5)

    def _response_function_call_arguments_delta(self, event: Event) -> None:
        calls = self._mine(event).calls
        assert calls[event["item_id"]] == ""
        calls[event["item_id"]] = "said"

    def _response_function_call_arguments_done(self, event: Event) -> None:
        calls = self._mine(event).calls
        assert calls[event["item_id"]] == "said"
        calls[event["item_id"]] = "done"

    def _response_done(self, event: Event) -> None:
        shown = event["response"]
        response = self._mine({"response_id": shown["id"]})
        assert response.done == set(response.items), "an item that is not done"
        assert [item["id"] for item in shown["output"]] == response.items
        status, details = shown["status"], shown["status_details"]
        if response.ended_by_speech:
            assert details == {"type": "cancelled", "reason": "turn_detected"}
        assert (status == "completed") == (details is None)
        self.response = None

    def _mine(self, event: Event) -> _Response:
        assert self.response is not None, "no response is being made"
        assert event["response_id"] == self.response.id
        return self.response

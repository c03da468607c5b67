"""What the person says, as a client is told of it: the input buffer's events, the items of
utterances, their transcription.

Speech over a reply is told when there are words (the reply has ended then), and not before: stock
clients throw away the sound that they have, cut the item and cancel the response at
`speech_started`, and nothing brings that back. A cough must not do so. A client that cancels by
itself (`interrupt_response` false) is told at once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..events import Failure, Final, Partial, SpeechEnded, SpeechStarted
from ..item_ids import ItemIds
from .audio_in import AudioIn, in_base64, whole_usage
from .session_config import SessionConfig
from .told_items import ItemOrder, user_audio

KEPT = 100
"""Utterances whose place in the audio is known."""


@dataclass(slots=True)
class _Utterance:
    from_ms: float
    to_ms: float | None = None
    told: bool = False
    """Whether its beginning was."""
    committed: bool = False
    """Whether it is an item."""
    ended: SpeechEnded | None = None
    """Its end, while its beginning was not told."""
    transcript: str = ""
    """As far as it was told."""
    item_id: str = ""
    """The client's own, where it gave one."""


class UserItems:
    """Of one session."""

    def __init__(
        self, config: SessionConfig, audio: AudioIn, ids: ItemIds, order: ItemOrder
    ) -> None:
        self._config = config
        self._audio = audio
        self._ids = ids
        self._order = order
        self._utterances: dict[int, _Utterance] = {}

    def started(self, event: SpeechStarted, *, over_reply: bool) -> list[dict[str, Any]]:
        """`over_reply`: a reply is being made or heard."""
        self._know(event.utterance, float(event.audio_ms))
        if over_reply and self._config.interrupts:
            return []
        return self._tell_start(event.utterance)

    def interrupted(self) -> list[dict[str, Any]]:
        """There were words over the reply: that somebody speaks is told now. Of what was said
        before that, only the item is told, once there are words."""
        untold = [n for n, u in self._utterances.items() if not u.told and not u.committed]
        for number in untold[:-1]:
            self._utterances[number].ended = None
        return self._tell_start(untold[-1]) if untold else []

    def reply_over(self) -> list[dict[str, Any]]:
        """What was not told over the reply."""
        messages = self.interrupted()
        for utterance in list(self._utterances.values()):
            if utterance.ended is not None:
                ended, utterance.ended = utterance.ended, None
                messages += self.ended(ended)
        return messages

    def ended(self, event: SpeechEnded) -> list[dict[str, Any]]:
        utterance = self._utterances.get(event.utterance)
        if utterance is None:
            return []
        utterance.to_ms = float(event.audio_ms)
        if not utterance.told:
            utterance.ended = event
            return []
        stopped = {
            "type": "input_audio_buffer.speech_stopped",
            "audio_end_ms": event.audio_ms,
            "item_id": self._id(event.utterance),
        }
        if event.dropped:
            del self._utterances[event.utterance]
            return [stopped]
        return [stopped, *self._commit(event.utterance)]

    def committed(self, number: int, audio_ms: int, from_ms: float) -> list[dict[str, Any]]:
        """The client said that it ends here."""
        utterance = self._know(number, from_ms)
        utterance.to_ms = float(audio_ms)
        return self._commit(number)

    def partial(self, event: Partial) -> list[dict[str, Any]]:
        """Told of sessions that only transcribe, as it comes: the words that will not change."""
        utterance = self._utterances.get(event.utterance)
        if utterance is None or not self._config.transcription_only:
            return []
        if not (utterance.told or utterance.committed):
            return []
        return self._delta(event.utterance, utterance, event.text[: event.stable_chars])

    def final(self, event: Final) -> list[dict[str, Any]]:
        return self._heard(event.utterance, event.text, event.language)

    def forgotten(self, number: int) -> list[dict[str, Any]]:
        """It came to nothing. Where nothing was told, nothing is."""
        utterance = self._utterances.get(number)
        if utterance is not None and not utterance.told and not utterance.committed:
            del self._utterances[number]
            return []
        return self._heard(number, "")

    def failed(self, event: Failure) -> list[dict[str, Any]]:
        if event.utterance not in self._utterances:
            return []
        messages = self._all_told(event.utterance)
        if not self._config.transcribes:
            return messages
        failed = {
            "type": "conversation.item.input_audio_transcription.failed",
            "item_id": self._id(event.utterance),
            "content_index": 0,
            "error": {
                "type": "transcription_error",
                "code": event.code.value.lower(),
                "message": event.message,
            },
        }
        return [*messages, failed]

    def idle(self, item_id: str, idle_ms: int) -> list[dict[str, Any]]:
        """A silence is an item without words."""
        to_ms = round(self._audio.total_ms)
        from_ms = max(0, to_ms - idle_ms)
        triggered = {
            "type": "input_audio_buffer.timeout_triggered",
            "item_id": item_id,
            "audio_start_ms": from_ms,
            "audio_end_ms": to_ms,
        }
        return [triggered, *self._added(item_id)]

    def sound(self, item_id: str) -> str | None:
        """The audio of an item, as base64; None where it is not kept."""
        for number, utterance in self._utterances.items():
            if self._id(number) == item_id and utterance.to_ms is not None:
                data = self._audio.between(utterance.from_ms, utterance.to_ms)
                return in_base64(data) if data else None
        return None

    def given(self, number: int, item_id: str) -> None:
        """The client gave its sound, and knows it by this id."""
        utterance = self._know(number, 0.0)
        utterance.committed, utterance.item_id = True, item_id

    # Parts

    def _id(self, number: int) -> str:
        utterance = self._utterances.get(number)
        return utterance.item_id if utterance and utterance.item_id else self._ids.utterance(number)

    def _know(self, number: int, from_ms: float) -> _Utterance:
        self._utterances[number] = utterance = _Utterance(from_ms)
        for old in list(self._utterances)[:-KEPT]:
            del self._utterances[old]
        return utterance

    def _tell_start(self, number: int) -> list[dict[str, Any]]:
        utterance = self._utterances[number]
        utterance.told = True
        return [
            {
                "type": "input_audio_buffer.speech_started",
                "audio_start_ms": round(utterance.from_ms),
                "item_id": self._id(number),
            }
        ]

    def _commit(self, number: int) -> list[dict[str, Any]]:
        self._utterances[number].committed = True
        self._audio.pending_ms = 0.0
        item_id = self._id(number)
        committed = {
            "type": "input_audio_buffer.committed",
            "previous_item_id": self._order.last,
            "item_id": item_id,
        }
        return [committed, *self._added(item_id)]

    def _added(self, item_id: str) -> list[dict[str, Any]]:
        previous = self._order.add(item_id)
        item = user_audio(item_id, None)
        return [
            {"type": "conversation.item.added", "previous_item_id": previous, "item": item},
            {"type": "conversation.item.done", "previous_item_id": previous, "item": item},
        ]

    def _all_told(self, number: int) -> list[dict[str, Any]]:
        """Its item, where it was not told over a reply that goes on. It has no beginning and no end
        then: those would end the reply at the client."""
        utterance = self._utterances[number]
        if utterance.told or utterance.committed:
            return []
        utterance.ended = None
        return self._commit(number)

    def _heard(self, number: int, text: str, language: str = "") -> list[dict[str, Any]]:
        utterance = self._utterances.get(number)
        if utterance is None:
            return []
        messages = self._all_told(number)
        if not self._config.transcribes:
            return messages
        if text.startswith(utterance.transcript):
            messages += self._delta(number, utterance, text)
        seconds = ((utterance.to_ms or utterance.from_ms) - utterance.from_ms) / 1000
        completed = {
            "type": "conversation.item.input_audio_transcription.completed",
            "item_id": self._id(number),
            "content_index": 0,
            "transcript": text,
            "usage": whole_usage(max(0.0, seconds)),
        }
        if language:
            completed["languages"] = [{"code": language}]
        return [*messages, completed]

    def _delta(self, number: int, utterance: _Utterance, text: str) -> list[dict[str, Any]]:
        delta = text[len(utterance.transcript) :]
        if not delta or not text.startswith(utterance.transcript):
            return []
        utterance.transcript = text
        return [
            {
                "type": "conversation.item.input_audio_transcription.delta",
                "item_id": self._id(number),
                "content_index": 0,
                "delta": delta,
            }
        ]

"""The items that a client was told of: in which order they stand, and how they are spelled."""

from __future__ import annotations

from typing import Any

from ..item_events import ItemView

KEPT = 4000
"""So many ids are known; older ones have nothing to do with what comes."""


class ItemOrder:
    """Of one session: ids, oldest first."""

    def __init__(self) -> None:
        self._ids: list[str] = []

    @property
    def last(self) -> str | None:
        return self._ids[-1] if self._ids else None

    def add(self, item_id: str, after: str | None = None) -> str | None:
        """Put one behind another ("": before all; None: behind all). Gives the id of the one that
        is before it; None: it is the first."""
        at = len(self._ids)
        if after is not None:
            at = self._ids.index(after) + 1 if after in self._ids else 0
        self._ids.insert(at, item_id)
        del self._ids[:-KEPT]
        return self._ids[at - 1] if at else None

    def remove(self, item_id: str) -> None:
        if item_id in self._ids:
            self._ids.remove(item_id)

    def __contains__(self, item_id: str) -> bool:
        return item_id in self._ids

    def __iter__(self) -> Any:
        return iter(self._ids)


def user_audio(
    item_id: str, transcript: str | None, *, status: str = "completed", audio: str | None = None
) -> dict[str, Any]:
    """What was said. `transcript` stands there also where it is null: some clients fail without."""
    part: dict[str, Any] = {"type": "input_audio", "transcript": transcript}
    if audio is not None:
        part["audio"] = audio
    return _message(item_id, "user", status, [part])


def reply(
    item_id: str, status: str, text: str | None, *, spoken: bool, audio: str | None = None
) -> dict[str, Any]:
    """What Parley says. `text` None: nothing is known of it yet."""
    content: list[dict[str, Any]] = []
    if text is not None and spoken:
        content = [{"type": "output_audio", "transcript": text}]
        if audio is not None:
            content[0]["audio"] = audio
    elif text is not None:
        content = [{"type": "output_text", "text": text}]
    return _message(item_id, "assistant", status, content)


def call(
    item_id: str, call_id: str, name: str, arguments: str, *, status: str = "completed"
) -> dict[str, Any]:
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "function_call",
        "status": status,
        "call_id": call_id,
        "name": name,
        "arguments": arguments,
    }


def of_view(view: ItemView, audio: str | None = None) -> dict[str, Any]:
    """An item as the session shows it."""
    if view.kind == "function_call":
        return call(view.id, view.call_id, view.name, view.arguments)
    if view.kind == "function_call_output":
        return {
            "id": view.id,
            "object": "realtime.item",
            "type": "function_call_output",
            "status": "completed",
            "call_id": view.call_id,
            "output": view.output,
        }
    status = "incomplete" if view.incomplete else "completed"
    if view.role == "assistant":
        return reply(view.id, status, view.text, spoken=view.spoken, audio=audio)
    if view.role == "user" and view.spoken:
        return user_audio(view.id, view.text, audio=audio)
    part = {"type": "input_text", "text": view.text}
    return _message(view.id, view.role, status, [part])


def _message(item_id: str, role: str, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": status,
        "role": role,
        "content": content,
    }

"""What an agent did, and the tools that the model called, as marks on the time axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..tape import Entry
from .timeline import Kind, Mark

SHOWN_CHARS = 200
"""Of arguments and results."""


@dataclass(slots=True)
class Conducted:
    """Of one recording."""

    wished: list[str] = field(default_factory=list)
    """What is to be said as a reply of its own."""
    _called: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Calls without a result, by id: the tool, and when it was called."""
    _numbered: int = 0
    round_calls: int = 0
    """In the round that is being written."""

    def call(self, entry: Entry) -> Mark:
        """The model calls a tool."""
        call: Mapping[str, Any] = entry.data["call"]
        self.round_calls += 1
        self._numbered += 1
        name, arguments = str(call.get("name")), str(call.get("arguments"))
        key = str(call.get("id") or "")
        if not key or key in self._called:
            key = f"#{self._numbered}"
        self._called[key] = (name, entry.at_s)
        return _mark(entry, f"→ {name}({_short(arguments)})")

    def effect(self, entry: Entry) -> Mark | None:
        data = entry.data
        match data.get("effect"):
            case "result":
                return self._result(entry, data.get("result") or {})
            case "say":
                return self._say(entry, data)
            case "conduct":
                return _mark(entry, f"{data.get('name') or 'nobody by name'} answers now")
            case "instructions":
                return _mark(entry, "the model has new instructions") if entry.at_s else None
            case "end" | "transfer" if data.get("text"):
                self.wished.append(str(data["text"]))
                return self._over(entry, data)
            case "end" | "transfer":
                return self._over(entry, data)
            case "interrupt":
                return _mark(entry, "the agent interrupts the reply")
            case "mute":
                muted = "not heard from here on" if data.get("muted") else "heard again"
                return _mark(entry, f"the caller is {muted}")
            case "failed":
                return Mark(at_s=entry.at_s, kind=Kind.ERROR, text=str(data.get("message", "")))
        return None

    def _over(self, entry: Entry, data: Mapping[str, Any]) -> Mark:
        if data.get("effect") == "transfer":
            return _mark(entry, f"the caller is to be put through to {data.get('to', '')}")
        return _mark(entry, f"the call is to end: {data.get('reason', '')}")

    def _say(self, entry: Entry, data: Mapping[str, Any]) -> Mark | None:
        text = str(data.get("text") or "")
        if self._called:
            return _mark(entry, f"a tool says “{_short(text)}”") if text else None
        if text:
            self.wished.append(text)
        return None

    def _result(self, entry: Entry, result: Mapping[str, Any]) -> Mark:
        """Of the call of this id; one whose id the session made is the oldest that had none."""
        key = str(result.get("call_id"))
        if key not in self._called:
            key = next((known for known in self._called if known.startswith("#")), key)
        name, _ = self._called.pop(key, ("a tool", entry.at_s))
        outcome, after_ms = str(result.get("outcome")), float(result.get("after_s") or 0) * 1000
        what = "" if outcome == "done" else f"{outcome}: "
        text = f"← {name}: {what}{_short(str(result.get('output', '')))} ({after_ms:.0f} ms)"
        kind = Kind.ERROR if outcome == "failed" else Kind.SERVER
        return Mark(at_s=entry.at_s, kind=kind, text=text)


def _mark(entry: Entry, text: str) -> Mark:
    return Mark(at_s=entry.at_s, kind=Kind.SERVER, text=text)


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}…"

"""What a recording leaves out when it is told to: sound, or words.

What is not known is left out. Of JSON frames, only what says which kind of frame it is is sure to
be neither, and only as far as it looks like a name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from .tape import Entry

_PLAIN = {"type", "event", "code", "state", "role", "failure", "format", "encoding", "session_id"}
"""Fields whose names are neither sound nor words."""

_NAME = re.compile(r"[A-Za-z0-9_.:-]{1,40}")

_SOUND_FIELDS = {"data", "audio", "audio_b64"}
_SOUND = re.compile(r"[A-Za-z0-9+/_-]{64,}={0,2}")
"""A word so long can only be base64."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """Whether each is kept."""

    audio: bool = True
    text: bool = True

    def stripped(self, entry: Entry) -> Entry:
        """The entry, with what is not to be kept left out."""
        if self.audio and self.text:
            return entry
        data = dict(entry.data)
        if entry.kind in ("in", "out") and "text" in data:
            data["text"] = self._frame(data["text"])
            data |= {key: self._value(key, data[key]) for key in data if key != "text"}
        elif entry.kind != "detector":
            if not self.text:
                data.pop("words", None)  # the lengths of words give a text away
            data = self._value("", data)
        return replace(entry, data=data, audio=entry.audio if self.audio else None)

    def _frame(self, text: str) -> str:
        try:
            return json.dumps(self._value("", json.loads(text)))
        except (ValueError, RecursionError):
            return text if self.text and not _SOUND.search(text) else ""

    def _value(self, field: str, value: Any) -> Any:
        if isinstance(value, Mapping):
            keys = [key for key in value if self.text or _NAME.fullmatch(key)]
            return {key: self._value(key, value[key]) for key in keys}
        if isinstance(value, list | tuple):
            return [self._value(field, inner) for inner in value]
        if isinstance(value, str):
            return value if self._keeps(field, value) else ""
        if isinstance(value, int | float) and field in _SOUND_FIELDS and not self.audio:
            return 0  # samples as numbers
        return value

    def _keeps(self, field: str, value: str) -> bool:
        if field in _PLAIN and _NAME.fullmatch(value):
            return True
        if self.text:
            return field not in _SOUND_FIELDS and _SOUND.search(value) is None
        return self.audio and field in _SOUND_FIELDS and _SOUND.fullmatch(value) is not None

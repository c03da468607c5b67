"""What a recording holds: one entry for everything that was let in, and for everything that went
out. Plain values, no files: the file format is another module's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ..conversation.word_times import WordTime

Data = Mapping[str, Any]
"""JSON values only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """`at_s` is the session's time since it began. `audio` is what JSON is no place for: PCM16, or
    a binary frame."""

    at_s: float
    source: str
    """Where it was let in, with the number of its kind: "in#3", "asr.feed#17", "deadline gap#2";
    "out#5" and "detector" were not let in, they follow from the rest; "llm.second" and "conductor"
    say that there is a second responder, or a conductor."""
    data: Data = field(default_factory=dict)
    audio: bytes | None = None

    @property
    def kind(self) -> str:
        return self.source.partition("#")[0].partition(" ")[0]

    @property
    def let_in(self) -> bool:
        return self.kind not in ("out", "detector", "closed", "llm.second", "conductor")


def words_of(data: Data) -> tuple[WordTime, ...]:
    """The times of words that an entry of a voice holds, as rows of four numbers."""
    return tuple(
        WordTime(start=start, end=end, start_s=start_s, end_s=end_s)
        for start, end, start_s, end_s in data.get("words", ())
    )


FORMAT = 2
"""Of recordings. A reader refuses newer ones. It shows older ones, and does not replay them where
sessions decided differently then."""

CHANGES = {
    1: "ended a reply at every interruption, where today's only suspend it until there are words",
}
"""What the sessions of an older format did that today's do not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a replay must know beside the entries, and what a reader wants to know."""

    session_id: str
    dialect: str
    opened_ms: int
    """Unix milliseconds at which the session began."""
    settings: Data
    """All that were set, by name, without secrets."""
    detector_frame_samples: int
    """Of the detector, at 16 kHz."""
    choices: Mapping[str, str] = field(default_factory=dict)
    """What the client chose among the dialect's options."""
    engines: Mapping[str, str] = field(default_factory=dict)
    """Kind to engine, as the server reports them."""
    parley: str = ""
    """The version that recorded it."""
    format: int = FORMAT
    turn_end: str = ""
    """What the end-of-turn engine looks at: "text" (and perhaps the sound too), "audio", or nothing
    where there was none."""
    has_audio: bool = True
    has_text: bool = True
    """False where the settings left it out: such a recording can be looked at, not replayed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    header: Header
    entries: list[Entry]
    cut: bool = False
    """Whether it ends without the session's end: the server was killed, or the disk was full."""
    gaps: int = 0
    """How many entries are missing in between, because the disk was too slow."""

    @property
    def unreplayable(self) -> str | None:
        """Why it can be looked at and not replayed, in words. A cut one replays up to the cut."""
        if self.header.format in CHANGES:
            version = f"Parley {self.header.parley}" if self.header.parley else "an older Parley"
            return f"it was recorded by {version}, whose sessions {CHANGES[self.header.format]}"
        if not self.header.has_audio:
            return "its audio was left out (STREAM_RECORD_AUDIO)"
        if not self.header.has_text:
            return "its text was left out (STREAM_RECORD_TEXT)"
        if self.gaps:
            return f"it has gaps: {self.gaps} entries are missing"
        return None


class Tape(Protocol):
    """Where entries go. Never raises and never waits: a recording may be lost, a word may not."""

    def write(self, entry: Entry) -> None: ...


@dataclass(slots=True)
class MemoryTape:
    """Keeps all of it."""

    entries: list[Entry] = field(default_factory=list)

    def write(self, entry: Entry) -> None:
        self.entries.append(entry)

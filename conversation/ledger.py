"""The ledger: what was said, and when its audio is due at the client's ear.

Clients play reply audio one piece after another, so a piece that is sent while earlier audio is
still playing is due after it. What was heard by a given moment follows: whole phrases, and of the
phrase being played the words whose audio was due. A client that tells what it really played moves
this: `late_s` is how far its playback is behind what is assumed here.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(slots=True)
class Entry:
    """One phrase: its text, the seconds of audio it has in all, and the pieces that were sent, as
    (due_s, duration_s)."""

    text: str
    duration_s: float
    pieces: list[tuple[float, float]] = field(default_factory=list)

    def heard_s(self, now_s: float) -> float:
        return sum(min(max(now_s - due_s, 0.0), length_s) for due_s, length_s in self.pieces)

    @property
    def sent_s(self) -> float:
        return sum(length_s for _, length_s in self.pieces)

    def heard_text(self, now_s: float) -> str:
        """The words whose audio was due."""
        return self.text_of(self.heard_s(now_s))

    def text_of(self, heard_s: float) -> str:
        """The words in its first seconds, each taking time in proportion to its letters."""
        if self.duration_s <= 0 or heard_s <= 0:
            return ""
        share = heard_s / self.duration_s
        words = self.text.split()
        total = sum(len(word) for word in words)
        heard, letters = [], 0
        for word in words:
            letters += len(word)
            # A hair's breadth for what float arithmetic loses at the end of a phrase.
            if letters > share * total + 1e-6:
                break
            heard.append(word)
        return " ".join(heard)


class Ledger:
    """Phrases in the order in which they were spoken."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._due_s = float("-inf")
        self._cut_s = float("inf")
        self._late_s = 0.0

    def played(self, now_s: float, heard_s: float) -> None:
        """The client has played so much of it by now. More than was due cannot be; a report that is
        older than it says makes playback look later than it is, by its way through the network."""
        due_s = sum(entry.heard_s(now_s) for entry in self._entries)
        self._late_s = max(0.0, due_s - max(0.0, heard_s))

    def heard_of(self, heard_s: float) -> str:
        """The text in the first so many seconds of what was sent."""
        texts = []
        for entry in self._entries:
            texts.append(entry.text_of(min(heard_s, entry.sent_s)))
            heard_s -= entry.sent_s
        return " ".join(text for text in texts if text)

    def cut(self, now_s: float) -> None:
        """The reply fell silent: nothing more was heard, however much had been sent ahead."""
        self._cut_s = now_s

    @property
    def phrases(self) -> list[Entry]:
        """Those of which something was sent."""
        return [entry for entry in self._entries if entry.pieces]

    def left_s(self, now_s: float) -> float:
        """Seconds of audio that were sent and will still be heard."""
        return 0.0 if self._cut_s <= now_s else max(0.0, self._due_s - now_s)

    def until(self, now_s: float) -> float:
        """Which moment of the assumed playback the client has reached by `now_s`."""
        return min(now_s, self._cut_s) - self._late_s

    @property
    def due_s(self) -> float:
        """When all that was sent will have been played; -inf before anything was sent."""
        return self._due_s

    @property
    def over_s(self) -> float:
        """When the client will have played all that was sent, by what it told last."""
        return self._due_s + self._late_s

    def begin(self, text: str, duration_s: float) -> None:
        """A phrase begins; `sent` adds its pieces."""
        self._entries.append(Entry(text, duration_s))

    def sent(self, now_s: float, duration_s: float) -> None:
        """A piece of the newest phrase was sent; it is played behind what was sent before."""
        start_s = max(now_s, self._due_s)
        self._entries[-1].pieces.append((start_s, duration_s))
        self._due_s = start_s + duration_s

    def heard(self, now_s: float) -> str:
        """The text that was heard by `now_s`, cut at a word."""
        texts = (entry.heard_text(self.until(now_s)) for entry in self._entries)
        return " ".join(text for text in texts if text)

    def said(self) -> str:
        """The text of everything that was sent."""
        return " ".join(entry.text for entry in self.phrases)

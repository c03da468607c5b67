"""What a model thinks and how it calls tools, taken out of its text as it comes.

Plain, with state over chunks: however a text is cut, the same of it is visible. What may be the
beginning of a tag waits for the next chunk, never more than a tag's length. Time and memory are
linear in the text, whatever it holds.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .hidden_markup import (
    BEGINNING,
    MAX_TAG_CHARS,
    OPENING,
    TAG,
    Hides,
    Kind,
    hides,
    hides_after,
)

MAX_HEADER_CHARS = 200
"""Of a harmony message; more of it says nothing new."""


@dataclass(slots=True)
class Thoughts:
    """The filter of one reply. `push` gives what is visible of a chunk and of what waited."""

    kinds: set[Kind] = field(default_factory=set)
    """What was hidden so far."""
    _rest: str = ""
    """What is not decided yet: perhaps the beginning of a tag, or of a hidden part's end."""
    _inside: Hides | None = None
    _header: str = ""
    _begun: bool = False
    """Whether something other than white space was visible."""
    _took: bool = False
    """Whether something was taken out before that."""

    @property
    def hidden(self) -> bool:
        """Whether the text is now inside of something that is hidden."""
        return self._inside is not None

    @property
    def thinking(self) -> bool:
        return self._inside is not None and self._inside.kind is Kind.THOUGHT

    def push(self, chunk: str) -> str:
        text, at = self._rest + chunk, 0
        visible: list[str] = []
        self._rest = ""
        while at < len(text):
            inside = self._inside
            at = self._hide(inside, text, at) if inside else self._show(text, at, visible)
        return "".join(visible)

    def finish(self) -> str:
        """What waited and is no tag after all. A thought that was not closed stays hidden."""
        rest, self._rest = self._rest, ""
        visible: list[str] = []
        if self._inside is None:
            self._tell(rest, visible)
        return "".join(visible)

    def _show(self, text: str, at: int, visible: list[str]) -> int:
        """Tell the text up to the next tag, and take that out. Gives where to go on."""
        opening = OPENING.search(text, at)
        while opening is not None:
            found = opening.start()
            tag = TAG.match(text, found)
            if tag is not None:
                self._tell(text[at:found], visible)
                self._took = True
                self._enter(hides(tag))
                return tag.end()
            if BEGINNING.match(text, found):
                self._tell(text[at:found], visible)
                self._rest = text[found:]
                return len(text)
            opening = OPENING.search(text, found + 1)
        self._tell(text[at:], visible)
        return len(text)

    def _enter(self, inside: Hides | None) -> None:
        self._inside, self._header = inside, ""
        if inside is not None:
            self.kinds.add(inside.kind)

    def _tell(self, text: str, visible: list[str]) -> None:
        if not self._begun:
            bare = text.lstrip()
            self._begun = bool(bare)
            text = bare if self._took else text
        if text:
            visible.append(text)

    def _hide(self, inside: Hides, text: str, at: int) -> int:
        """Skip what is hidden, and its end. Gives where to go on."""
        end = inside.until.search(text, at)
        # Without an end: it may be cut in two, and of all else nothing is needed any more.
        upto = max(at, len(text) - MAX_TAG_CHARS) if end is None else end.start()
        if inside.header:
            self._header = (self._header + text[at:upto])[:MAX_HEADER_CHARS]
        if end is None:
            self._rest = text[upto:]
            return len(text)
        self._enter(hides_after(inside, self._header, end[0]))
        return end.end()

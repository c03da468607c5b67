"""The body of an answer, as bytes that were cut anywhere: server-sent events, or one JSON document
where a server does not stream. No I/O, and nothing is known here of what an event says.

Source of the events' form: the WHATWG's HTML standard, "Server-sent events".
"""

from __future__ import annotations

import re

from ..failures import EngineFailure

MAX_EVENT_BYTES = 1 << 20
"""An event holds a few hundred bytes. A server that never ends a line must not fill the memory."""

SHOWN_BYTES = 120
"""What is kept of a body's beginning, for a message about it."""

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\r|\n")


class EventDecoder:
    """Bytes in, the data of server-sent events out."""

    def __init__(self) -> None:
        self._line = bytearray()
        self._data: list[bytes] = []
        self._after_cr = False
        self._first = True

    def feed(self, chunk: bytes) -> list[bytes]:
        """The events that `chunk` completes. Half an event stays inside."""
        if self._after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")  # the other half of a line's end
            self._after_cr = False
        if not chunk:
            return []
        self._after_cr = chunk.endswith(b"\r")
        events: list[bytes] = []
        *ends, rest = _LINE_END.split(chunk)
        for end in ends:
            line = bytes(self._line + end)
            self._line.clear()
            events += self._take(line)
        self._line += rest
        if len(self._line) + sum(map(len, self._data)) > MAX_EVENT_BYTES:
            raise EngineFailure("the model's server sent an event without an end")
        return events

    def end(self) -> list[bytes]:
        """What stands at the end without the empty line that an event ends with."""
        line = bytes(self._line)
        self._line.clear()
        return [*self._take(line), *(self._take(b"") if line else [])]

    def _take(self, line: bytes) -> list[bytes]:
        if self._first:
            line, self._first = line.removeprefix(_BOM), False
        if line.startswith(b"data:"):
            self._data.append(line[5:].removeprefix(b" "))
        elif not line and self._data:
            event = b"\n".join(self._data)
            self._data.clear()
            return [event]
        return []


class BodyDecoder:
    """The same for a body of either kind; which it is, its first byte says."""

    def __init__(self) -> None:
        self.began = b""
        """The first bytes, for a message."""
        self.whole = False
        """Whether it is one document, which is the only event then, at the end."""
        self._decoder = EventDecoder()
        self._document = bytearray()
        self._marked = False
        """Whether its beginning is behind us, where a byte order mark may stand."""
        self._known = False

    def feed(self, chunk: bytes) -> list[bytes]:
        if len(self.began) < SHOWN_BYTES:
            self.began = (self.began + chunk)[:SHOWN_BYTES]
        if not self._known:
            self._document += chunk
            if not self._marked:
                if len(self._document) < len(_BOM) and _BOM.startswith(self._document):
                    return []  # perhaps the beginning of a byte order mark
                self._marked = True
                self._document = self._document.removeprefix(_BOM)
            self._document = self._document.lstrip()
            if not self._document:
                return []
            self._known, self.whole = True, bytes(self._document[:1]) in (b"{", b"<", b"[")
            if self.whole:
                return self._bounded()
            chunk = bytes(self._document)
            self._document.clear()
        elif self.whole:
            self._document += chunk
            return self._bounded()
        return self._decoder.feed(chunk)

    def _bounded(self) -> list[bytes]:
        if len(self._document) > MAX_EVENT_BYTES:
            raise EngineFailure("the model's server sent an answer without an end")
        return []

    def end(self) -> list[bytes]:
        if not self.whole:
            return self._decoder.end()
        document = bytes(self._document)
        self._document.clear()
        return [document]

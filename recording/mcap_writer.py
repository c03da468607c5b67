"""Entries into an MCAP file, in one go and without seeking.

One channel per kind of entry, with a JSON schema; audio lies raw on a channel of its own,
`<kind>.audio`, just before the message that it belongs to and with the same sequence number. The
first message is the header. A file that was finished has a trailer; one that was not
still opens, as far as it goes.

Blocking: whoever calls is in a thread, or is a test. Raises OSError where the disk does.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import IO, Any

from mcap.writer import CompressionType, IndexType, Writer

from .schemas import schema
from .tape import Entry, Header

PROFILE = "parley"
"""What the file's own header says it is for."""

CHUNK_BYTES = 256 * 1024
"""A chunk is written when it is as large, or at a flush. Small: a cut loses no more than one."""

HEADER, GAP, TRAILER = "header", "gap", "trailer"
"""Topics of what is no entry. No entry has such a kind."""


class McapWriter:
    """Numbers the messages from 0, the header's. `out` stays its owner's, to close."""

    def __init__(self, out: IO[bytes], header: Header) -> None:
        self._opened_ns = header.opened_ms * 1_000_000
        self._out = out
        self._mcap = Writer(
            out,
            chunk_size=CHUNK_BYTES,
            compression=CompressionType.NONE,
            index_types=IndexType.NONE,  # read from end to end: an index is a third of the cost
        )
        self._channels: dict[str, int] = {}
        self._number = 0
        self._entries = 0
        self._gaps = 0
        self._at_ns = 0
        self._mcap.start(profile=PROFILE, library="parley")
        self._add(HEADER, asdict(header))
        self.flush()

    @property
    def size(self) -> int:
        """Bytes written so far."""
        return self._out.tell()

    def write(self, entry: Entry) -> None:
        self._at_ns = round(entry.at_s * 1e9)
        message: dict[str, Any] = {
            "at_ns": self._at_ns,
            "source": entry.source,
            "data": dict(entry.data),
        }
        if entry.audio is not None:
            message["audio_bytes"] = len(entry.audio)
            self._message(self._raw_channel(entry.kind), entry.audio)
        self._entries += 1
        self._add(entry.kind, message)

    def gap(self, entries: int) -> None:
        """So many entries are missing here."""
        self._gaps += entries
        self._add(GAP, {"entries": entries})

    def flush(self) -> None:
        """What was written so far survives the end of this process."""
        self._mcap.flush()

    def finish(self) -> None:
        """The session is over: a trailer that says so."""
        self._add(TRAILER, {"entries": self._entries, "gaps": self._gaps})
        self._mcap.finish()
        self._out.flush()

    def _add(self, kind: str, message: dict[str, Any]) -> None:
        # ASCII, because a token may hold half a surrogate pair, which is no UTF-8.
        self._message(self._channel(kind), json.dumps(message, separators=(",", ":")).encode())
        self._number += 1

    def _message(self, channel: int, data: bytes) -> None:
        log_ns = self._opened_ns + self._at_ns
        self._mcap.add_message(
            channel, log_time=log_ns, data=data, publish_time=log_ns, sequence=self._number
        )

    def _channel(self, kind: str) -> int:
        if kind not in self._channels:
            plain = kind in (HEADER, GAP, TRAILER)
            described = self._mcap.register_schema(
                name=f"parley.{kind}",
                encoding="jsonschema",
                data=b'{"type":"object"}' if plain else schema(kind),
            )
            self._channels[kind] = self._mcap.register_channel(kind, "json", described)
        return self._channels[kind]

    def _raw_channel(self, kind: str) -> int:
        topic = f"{kind}.audio"
        if topic not in self._channels:
            what = {"content": "a binary frame" if kind in ("in", "out") else "PCM16 mono"}
            self._channels[topic] = self._mcap.register_channel(topic, "raw", 0, what)
        return self._channels[topic]

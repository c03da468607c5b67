"""A recording from its file: whole or cut, read piece by piece or all at once.

Raises RecordingError, in one line that begins with the file's name: what is no MCAP, no recording,
from a newer version, damaged, out of order. A cut file is no error: it gives what there is, and
says so.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any

from .mcap_records import Message, Messages, RecordingError, open_regular
from .mcap_writer import GAP, HEADER, TRAILER
from .schemas import what_is_wrong
from .tape import FORMAT, Entry, Header, Recording

LOAD_BYTES_MAX = 1024 * 1024 * 1024
"""The largest file that is read at once: some four hours of a conversation. Larger ones are for
whoever looks at one entry after the other."""

__all__ = ["RecordingError", "RecordingFile", "open_recording", "read_recording"]


@dataclass(slots=True)
class RecordingFile:
    """An open recording. Iterate over it once; `cut` and `gaps` are known after that."""

    header: Header
    _messages: Messages
    _rest: Iterator[Message]
    cut: bool = True
    gaps: int = 0
    """How many entries are known to be missing: the disk was too slow, or somebody took channels
    out of the file."""

    def __iter__(self) -> Iterator[Entry]:
        last, audio, now_ns, ended = 0, None, 0, False
        for message in self._rest:
            if message.topic.endswith(".audio"):
                audio = message
                continue
            missing = message.sequence - last - 1
            if missing < 0:
                raise RecordingError(f"message {message.sequence} comes after {last}")
            last = message.sequence
            self.gaps += missing
            if message.topic == TRAILER:
                ended = True
            elif message.topic == GAP:
                self.gaps += _whole(_object(message).get("entries"), "a gap")
            elif message.topic != HEADER:
                entry, at_ns, lost = _entry(message, audio)
                if entry.let_in and at_ns < now_ns:
                    raise RecordingError(f"its time runs backwards at {entry.source}")
                now_ns = max(now_ns, at_ns) if entry.let_in else now_ns
                self.gaps += lost
                yield entry
            audio = None
        self.cut = not ended


@contextmanager
def open_recording(path: str | os.PathLike[str]) -> Iterator[RecordingFile]:
    """Whatever its size: one chunk is in memory at a time."""
    try:
        with open_regular(path) as file:
            messages = Messages(file)
            rest = iter(messages)
            yield RecordingFile(_first(rest, messages), messages, rest)
    except RecordingError as error:
        raise RecordingError(f"{Path(os.fsdecode(path)).name}: {error}") from error.__cause__
    except OSError as error:
        name = Path(os.fsdecode(path)).name
        raise RecordingError(f"{name}: it cannot be read: {error.strerror}") from error


def read_recording(path: str | os.PathLike[str]) -> Recording:
    """All of it, in memory."""
    with open_recording(path) as recording:
        size = os.stat(path).st_size
        if size > LOAD_BYTES_MAX:
            raise RecordingError(f"{size:,} bytes are too many to be read at once")
        entries = list(recording)
        return Recording(
            header=recording.header, entries=entries, cut=recording.cut, gaps=recording.gaps
        )


def _first(rest: Iterator[Message], messages: Messages) -> Header:
    message = next(rest, None)
    if message is None and messages.cut:
        raise RecordingError("it is cut before its header")
    if message is None or message.topic != HEADER:
        raise RecordingError("it is an MCAP file, but no recording of Parley's: it has no header")
    found = _object(message)
    version = _whole(found.get("format"), "the header's format")
    if version > FORMAT:
        raise RecordingError(
            f"it has format {version}, and this version reads up to {FORMAT}; a newer one is needed"
        )
    values = {f.name: found[f.name] for f in fields(Header) if f.name in found}
    for wanted in fields(Header):
        if wanted.name not in values:
            if wanted.default is MISSING and wanted.default_factory is MISSING:
                raise RecordingError(f"its header lacks {wanted.name}")
        elif not isinstance(values[wanted.name], _HEADER_TYPES[wanted.name]):
            raise RecordingError(f"its header's {wanted.name} is not what it should be")
    return Header(**values)


_HEADER_TYPES: dict[str, type] = {
    **dict.fromkeys(("session_id", "dialect", "parley", "turn_end"), str),
    **dict.fromkeys(("opened_ms", "detector_frame_samples", "format"), int),
    **dict.fromkeys(("settings", "choices", "engines"), dict),
    **dict.fromkeys(("has_audio", "has_text"), bool),
}


def _entry(message: Message, audio: Message | None) -> tuple[Entry, int, bool]:
    """The entry, its time, and whether its audio is lost."""
    found = _object(message)
    source, data = found.get("source"), found.get("data")
    at_ns = _whole(found.get("at_ns"), "a time")
    if not isinstance(source, str) or not isinstance(data, dict):
        raise RecordingError(f"message {message.sequence} is no entry")
    pcm: bytes | None = None
    if "audio_bytes" in found and audio is not None and audio.sequence == message.sequence:
        pcm = audio.data
    entry = Entry(at_s=at_ns / 1e9, source=source, data=data, audio=pcm)
    wrong = what_is_wrong(entry.kind, data)
    if wrong is not None:
        raise RecordingError(f"message {message.sequence} is a {wrong}")
    lost = "audio_bytes" in found and (pcm is None or len(pcm) != found["audio_bytes"])
    return entry, at_ns, lost


def _object(message: Message) -> dict[str, Any]:
    try:
        found = json.loads(message.data)
    except (ValueError, RecursionError) as error:
        raise RecordingError(f"message {message.sequence} is no JSON") from error
    if not isinstance(found, dict):
        raise RecordingError(f"message {message.sequence} is no object")
    return found


def _whole(value: object, what: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise RecordingError(f"{what} is no number that can be")
    return value

"""An MCAP file's messages, one after the other, from a file that may be cut, damaged or no MCAP.

The library's own reader wants a whole file; this one takes from it how a record is laid out, and
walks the file itself: bounded in memory, and with a cut told from damage. A cut file gives all
messages up to the cut, also those of a chunk that is not whole. Raises RecordingError, one line.
"""

from __future__ import annotations

import io
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

import lz4.frame
import zstandard
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel
from mcap.writer import MCAP0_MAGIC

RECORD_BYTES_MAX = 16 * 1024 * 1024
"""Of what is held in memory at once. A recorder's chunks are a quarter of a megabyte, or one frame
of a client, of which the largest has ten."""

_HEAD = struct.Struct("<BQ")
_MESSAGE = struct.Struct("<HIQQ")
_CHUNK = struct.Struct("<QQQII")
"""Two times, the size and the checksum of what is inside, the length of the compression's name."""


class RecordingError(Exception):
    """What is wrong with a recording, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    topic: str
    sequence: int
    data: bytes


@dataclass(slots=True)
class Messages:
    """Walk once. `cut` is known after that."""

    file: IO[bytes]
    cut: bool = False
    _size: int = 0
    _channels: dict[int, str] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Message]:
        self._size = os.fstat(self.file.fileno()).st_size
        magic = self.file.read(len(MCAP0_MAGIC))
        if not magic:
            raise RecordingError("it is empty: nothing of it was written")
        if magic != MCAP0_MAGIC:
            begun = MCAP0_MAGIC.startswith(magic)
            raise RecordingError("it is cut in its first bytes" if begun else "it is no MCAP file")
        while True:
            head = self.file.read(_HEAD.size)
            if len(head) < _HEAD.size:
                self.cut = True
                return
            opcode, length = _HEAD.unpack(head)
            if opcode in (Opcode.DATA_END, Opcode.FOOTER):
                return
            left = self._size - self.file.tell()
            self.cut = length > left
            yield from self._record(opcode, min(length, left))
            if self.cut:
                return

    def _record(self, opcode: int, length: int) -> Iterator[Message]:
        if opcode not in (Opcode.CHUNK, Opcode.MESSAGE, Opcode.CHANNEL):
            self.file.seek(length, os.SEEK_CUR)
            return
        if length > RECORD_BYTES_MAX:
            raise RecordingError(f"a single record of it holds {length:,} bytes; it is damaged")
        start = self.file.tell()
        content = self.file.read(length)
        try:
            if opcode == Opcode.CHUNK:
                yield from self._chunk(content)
            elif not self.cut:
                yield from self._inner(opcode, content)
        except (struct.error, McapError, UnicodeDecodeError) as error:
            if not self.cut:
                raise RecordingError(f"it is damaged at byte {start:,}") from error

    def _chunk(self, content: bytes) -> Iterator[Message]:
        if len(content) < _CHUNK.size:
            if self.cut:
                return
            raise RecordingError("it is damaged: a chunk is too short")
        _, _, size, checksum, name_length = _CHUNK.unpack_from(content)
        start = _CHUNK.size + name_length
        compression = content[_CHUNK.size : start].decode("ascii", "replace")
        data = content[start + 8 :]  # behind its length
        if self.cut:
            if compression == "":
                yield from self._inside(data)
            return
        if compression:
            data = _unpacked(compression, data, size)
        if len(data) != size or (checksum and zlib.crc32(data) != checksum):
            raise RecordingError("it is damaged: the checksum of a chunk is wrong")
        yield from self._inside(data)

    def _inside(self, data: bytes) -> Iterator[Message]:
        at = 0
        while at + _HEAD.size <= len(data):
            opcode, length = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            if at + length > len(data):
                break
            yield from self._inner(opcode, data[at : at + length])
            at += length
        if at != len(data) and not self.cut:
            raise RecordingError("it is damaged: a chunk does not end with a record")

    def _inner(self, opcode: int, content: bytes) -> Iterator[Message]:
        if opcode == Opcode.CHANNEL:
            channel = Channel.read(ReadDataStream(io.BytesIO(content)))
            self._channels[channel.id] = channel.topic
        elif opcode == Opcode.MESSAGE:
            number, sequence, _, _ = _MESSAGE.unpack_from(content)
            if number not in self._channels:
                raise RecordingError(f"it has messages of a channel {number} that it lacks")
            yield Message(
                topic=self._channels[number], sequence=sequence, data=content[_MESSAGE.size :]
            )


def _unpacked(compression: str, data: bytes, size: int) -> bytes:
    """Somebody may have packed the file; a recorder does not."""
    if size > RECORD_BYTES_MAX:
        raise RecordingError(f"a chunk of it holds {size:,} bytes; that is too much")
    try:
        if compression == "zstd" and zstandard.frame_content_size(data) <= size:
            return zstandard.ZstdDecompressor().decompress(data, max_output_size=size)
        if compression == "lz4":
            unpacked: bytes = lz4.frame.LZ4FrameDecompressor().decompress(data, max_length=size)
            return unpacked
    except (zstandard.ZstdError, RuntimeError, EOFError, ValueError) as error:
        raise RecordingError("it is damaged: a chunk cannot be unpacked") from error
    raise RecordingError(f"it is packed with {compression[:20]!r}, which is not known")


def open_regular(path: str | os.PathLike[str]) -> IO[bytes]:
    """Raises RecordingError for what is no file that can be read."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise RecordingError("it is no file")
        return open(path, "rb")
    except OSError as error:
        raise RecordingError(error.strerror or str(error)) from error
    except ValueError as error:
        raise RecordingError("that is no file name") from error

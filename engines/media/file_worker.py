"""The worker's side of long recordings: files that are read a piece at a time.

They are read in the process that reads blobs, under the same rules (decode_worker.py). Between two
calls a file stays open here, by the number that its reader gave it; the decoder keeps what it needs
of the file, so an hour takes no more memory than a minute.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO

from .decode_worker import BYTES_PER_S, NO_AUDIO, NotAudio, heard, open_sandboxed, unreadable

if TYPE_CHECKING:
    import av

OPEN_MAX = 32
"""Files open at once: more than requests are served. One more is a reader that never closed."""


@dataclass(slots=True)
class _Open:
    source: BinaryIO
    container: av.container.InputContainer
    pieces: Iterator[bytes]
    limit_bytes: int
    ready: bytearray = field(default_factory=bytearray)
    """What was decoded and not given yet: less than a frame, mostly."""
    given: int = 0
    over: bool = False

    def close(self) -> None:
        self.container.close()
        self.source.close()


_files: dict[int, _Open] = {}


def begin(number: int, path: str, limit_ms: int, skip_bytes: int = 0) -> None:
    """Open the recording at `path`, from so many bytes of PCM16 on. Raises NotAudio or
    TooMuchAudio."""
    import av

    end(number)
    if len(_files) >= OPEN_MAX:
        end(next(iter(_files)))
    source = open(path, "rb")  # noqa: SIM115 (it is closed with the container)
    try:
        container = open_sandboxed(source)
    except (av.FFmpegError, ValueError, MemoryError) as error:
        source.close()
        raise unreadable(error) from None
    limit_bytes = limit_ms * BYTES_PER_S // 1000
    _files[number] = _Open(source, container, heard(container, limit_ms), limit_bytes)
    while skip_bytes > 0:
        skipped = more(number, min(skip_bytes, 60 * BYTES_PER_S))
        if not skipped:
            return
        skip_bytes -= len(skipped)


def more(number: int, size: int) -> bytes:
    """The next PCM16 mono at 16 kHz: `size` bytes, or what is left; empty at the end.

    A damaged file ends where the damage begins. Raises NotAudio where it holds no sound before
    that, TooMuchAudio as soon as it is longer than it may be.
    """
    import av

    file = _files[number]
    try:
        while not file.over and len(file.ready) < size:
            piece = next(file.pieces, None)
            if piece is None:
                file.over = True
            else:
                file.ready += piece
    except (av.FFmpegError, ValueError, MemoryError) as error:
        file.over = True
        if not file.ready and not file.given:
            raise unreadable(error) from None
    if not file.ready and not file.given:
        raise NotAudio(NO_AUDIO)
    taken = bytes(file.ready[: min(size, file.limit_bytes - file.given)])
    del file.ready[: len(taken)]
    file.given += len(taken)
    return taken


def end(number: int) -> None:
    """Close it. Harmless where it is not open."""
    if (file := _files.pop(number, None)) is not None:
        file.close()

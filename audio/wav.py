"""RIFF WAV in and out: what a recording on disk or an upload becomes, and what a phrase is sent as.

Pure and synchronous; the client and the server share it. Whatever cannot be read is a NotAWav
that names the file and the reason in words a person can act on.
"""

from __future__ import annotations

import io
import wave
from dataclasses import dataclass
from pathlib import Path

_PCM = 1
_SUPPORTED = "supported is PCM with 16 bit, mono or stereo"
_FORMATS = {2: "ADPCM", 3: "floating point", 6: "A-law", 7: "mu-law", 0xFFFE: "extensible"}
_EXTENSIBLE = 0xFFFE
_TAG_AT = 8 + 12
"""Where the format tag of a canonical WAV stands: behind RIFF, size, WAVE, 'fmt ', size."""


class NotAWav(Exception):
    """`path` (or the name of an upload) is not a WAV file that can be used; `why` says why."""

    def __init__(self, path: str | Path, why: str) -> None:
        super().__init__(f"{path}: {why}")
        self.path = str(path)
        self.why = why


@dataclass(frozen=True, slots=True)
class Wav:
    """PCM16 little-endian mono at `rate_hz`."""

    pcm16: bytes
    rate_hz: int

    @property
    def seconds(self) -> float:
        return len(self.pcm16) / 2 / self.rate_hz


def read_wav(path: str | Path) -> Wav:
    """The sound in a file. NotAWav where it is missing, unreadable or of another format."""
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise NotAWav(path, "there is no such file") from None
    except OSError as error:
        raise NotAWav(path, f"cannot be read ({error.strerror})") from error
    return parse_wav(data, name=path)


def parse_wav(data: bytes, *, name: str | Path = "upload") -> Wav:
    """The sound in a WAV file's bytes; several channels are mixed down to one.

    A file that ends before its header says so (a recorder that was killed, a stream that
    never knew its length) gives what there is. Raises NotAWav.
    """
    if not data:
        raise NotAWav(name, "is empty")
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        raise NotAWav(name, "is not a WAV file")
    try:
        # From memory: a header that promises 4 GiB must not make anyone allocate them.
        with wave.open(io.BytesIO(_plain(data)), "rb") as reader:
            channels, width, rate_hz = reader.getparams()[:3]
            raw = reader.readframes(reader.getnframes())
    except (wave.Error, EOFError, RuntimeError) as error:  # RuntimeError: a chunk with a mad size
        raise NotAWav(name, _why_unreadable(data, error)) from None
    if width != 2:
        raise NotAWav(name, f"holds {8 * width} bit samples; {_SUPPORTED}")
    if rate_hz <= 0:
        raise NotAWav(name, "has a sample rate of 0")
    frame = 2 * channels
    raw = raw[: len(raw) // frame * frame]
    if not raw:
        raise NotAWav(name, "holds no audio")
    return Wav(raw if channels == 1 else _mixed_down(raw, channels), rate_hz)


def _plain(data: bytes) -> bytes:
    """The same file with an extensible header of PCM told as plain PCM.

    Recorders use the extensible header for mono PCM too, and `wave` knows it only from
    Python 3.12 on. Its subformat starts 24 bytes behind the tag.
    """
    tag = data[_TAG_AT : _TAG_AT + 2]
    subformat = data[_TAG_AT + 24 : _TAG_AT + 26]
    if tag == _EXTENSIBLE.to_bytes(2, "little") and subformat == _PCM.to_bytes(2, "little"):
        return data[:_TAG_AT] + subformat + data[_TAG_AT + 2 :]
    return data


def _why_unreadable(data: bytes, error: Exception) -> str:
    tag = int.from_bytes(data[_TAG_AT : _TAG_AT + 2], "little")
    if data[12:16] == b"fmt " and tag in _FORMATS:
        return f"holds {_FORMATS[tag]} samples; {_SUPPORTED}"
    return f"is a damaged WAV file ({str(error) or 'it ends within its header'})"


def _mixed_down(raw: bytes, channels: int) -> bytes:
    import numpy as np

    from .downmix import Downmix

    frames = np.frombuffer(raw, dtype="<i2").reshape(-1, channels)
    mixed: bytes = Downmix().mono(frames).round().astype("<i2").tobytes()
    return mixed


def wav_bytes(pcm16: bytes, rate_hz: int) -> bytes:
    """A whole RIFF/WAVE file around PCM16 little-endian mono."""
    target = io.BytesIO()
    with wave.open(target, "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(rate_hz)
        writer.writeframes(pcm16)
    return target.getvalue()

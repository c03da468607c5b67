"""What bytes are, by their content: which kind of sound file, or PCM16 without any header.

Names and content types say whatever their sender likes, so only the beginning of the bytes counts.
Pure. FFmpeg, in a process of its own, has the last word on what can be read.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

LOOK_BYTES = 16 * 1024
"""How much of the beginning is needed to be sure."""

READ_HERE = ("wav", "mp3", "mp4", "ogg", "flac", "webm", "aac")
"""Kinds that can be read, in the words that people are told; mp4 holds m4a."""

_NOT_READ = (
    (b"FORM", "AIFF"),
    (b"#!AMR", "AMR"),
    (b"caff", "CAF"),
    (b"0&\xb2u", "WMA"),
    (b".snd", "AU"),
    (b"MThd", "MIDI"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff\xe0", "a picture"),
    (b"\xff\xd8\xff\xe1", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x7fELF", "a program"),
)

_MP3_RATES_HZ = {
    3: (44_100, 48_000, 32_000),
    2: (22_050, 24_000, 16_000),
    0: (11_025, 12_000, 8000),
}
_MP3_KBPS = {
    (3, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_ADTS_HEADER_BYTES = 7

LOUD_RMS = 0.35
"""Of full scale. What was compressed looks like noise of 0.58; the loudest speech has 0.3."""
RELATED = 0.3
"""Correlation of neighbouring samples, below which they have nothing to do with each other."""
TEXT_SHARE = 0.97
"""Of bytes that are letters, digits, signs and line ends. PCM16 of speech has some 40 in 100."""


class NotSound(Exception):
    """Neither a file that can be read nor PCM16. The message is for whoever sent it."""


def container_of(data: bytes) -> str | None:
    """One of READ_HERE, or None: no header that is known. Raises NotSound for the header of
    something else."""
    if data[:4] in (b"RIFF", b"RF64") and data[8:12] == b"WAVE":
        return "wav"
    if data[:4] == b"OggS":
        return "ogg"
    if data[:4] == b"fLaC":
        return "flac"
    if data[:4] == b"\x1aE\xdf\xa3":
        return "webm"
    if data[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "mp4"
    if data[:3] == b"ID3":
        return "mp3"
    if _follows(data, _mp3_frame_bytes):
        return "mp3"
    if _follows(data, _adts_frame_bytes):
        return "aac"
    for beginning, name in _NOT_READ:
        if data.startswith(beginning):
            raise NotSound(f"this is {name}; {readable()}")
    return None


def readable() -> str:
    """What may be sent, in words."""
    *others, last = READ_HERE
    return f"what can be read is {', '.join(others)} and {last}"


def check_file(data: bytes) -> str:
    """The kind of file that begins with `data`. Raises NotSound where it is none that is read."""
    kind = container_of(data)
    if kind is None:
        raise NotSound(f"this is no sound file that is known; {readable()}")
    return kind


def check_pcm16(data: bytes) -> None:
    """Raises NotSound for bytes without a header that cannot be PCM16 of speech: text, or what was
    compressed or encrypted. Silence and short sounds are believed."""
    look = data[: LOOK_BYTES // 2 * 2]
    if len(look) < 200:
        return
    row = np.frombuffer(look, np.uint8)
    printable = ((row >= 32) & (row < 127)) | (row == 9) | (row == 10) | (row == 13)
    if printable.mean() >= TEXT_SHARE:
        raise NotSound(f"this is text; {readable()}, or PCM16 without a header")
    samples = np.frombuffer(look[: len(look) // 2 * 2], "<i2").astype(np.float64) / 32_768
    rms = float(np.sqrt(np.square(samples).mean()))
    if rms > LOUD_RMS and _correlation(samples) < RELATED:
        raise NotSound(
            f"this is no sound file that is known, and as PCM16 it would be noise; {readable()}"
        )


def _correlation(samples: Any) -> float:
    """Of each sample with the next one."""
    one, other = samples[:-1] - samples[:-1].mean(), samples[1:] - samples[1:].mean()
    scale = float(np.sqrt(np.square(one).sum() * np.square(other).sum()))
    return float((one * other).sum()) / scale if scale else 1.0


def _follows(data: bytes, frame_bytes: Callable[[bytes], int]) -> bool:
    """Whether a frame begins here and another one follows it: two bytes alone may be sound."""
    size = frame_bytes(data)
    return size > 0 and frame_bytes(data[size:]) > 0


def _mp3_frame_bytes(data: bytes) -> int:
    """The length of the MPEG audio frame that begins here; 0: none does."""
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return 0
    version, layer = data[1] >> 3 & 3, 4 - (data[1] >> 1 & 3)
    bitrate, rate = data[2] >> 4, data[2] >> 2 & 3
    if version == 1 or layer == 4 or bitrate in (0, 15) or rate == 3:
        return 0
    group = 3 if version == 3 else 2
    kbps = _MP3_KBPS[group, layer if group == 3 or layer == 1 else 2][bitrate - 1]
    rate_hz, padding = _MP3_RATES_HZ[version][rate], data[2] >> 1 & 1
    if layer == 1:
        return (12_000 * kbps // rate_hz + padding) * 4
    per_frame = 72_000 if layer == 3 and version != 3 else 144_000
    return per_frame * kbps // rate_hz + padding


def _adts_frame_bytes(data: bytes) -> int:
    """The length of the AAC frame that begins here with an ADTS header; 0: none does."""
    if len(data) < _ADTS_HEADER_BYTES or data[0] != 0xFF or data[1] & 0xF6 != 0xF0:
        return 0
    if data[2] >> 2 & 15 > 12:
        return 0
    size = (data[3] & 3) << 11 | data[4] << 3 | data[5] >> 5
    return size if size > _ADTS_HEADER_BYTES else 0

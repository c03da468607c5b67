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

READ_HERE = (
    *("wav", "mp3", "mp4", "ogg", "flac", "webm", "aac"),
    *("aiff", "au", "caf", "amr", "wma", "mpeg-ts"),
)
"""Kinds that can be read, in the words that people are told; mp4 holds m4a, mov and 3gp."""

_READ = (
    (b"OggS", "ogg"),
    (b"fLaC", "flac"),
    (b"\x1aE\xdf\xa3", "webm"),
    (b"ID3", "mp3"),
    (b"ADIF", "aac"),
    (b".snd", "au"),
    (b"caff", "caf"),
    (b"#!AMR", "amr"),
    (b"riff\x2e\x91\xcf\x11", "wav"),  # Sony's, for sizes of more than 32 bits
    (b"0&\xb2u\x8ef\xcf\x11", "wma"),
)
"""What a file of a kind begins with, where that alone says it."""

_NOT_READ = (
    (b"RIFX", "a WAV with the bytes of its samples the other way round"),
    (b"MThd", "MIDI"),
    (b"wvpk", "WavPack"),
    (b"MAC ", "Monkey's Audio"),
    (b"MPCK", "Musepack"),
    (b"MP+", "Musepack"),
    (b"TTA1", "True Audio"),
    (b"DSD ", "DSD"),
    (b"FRM8", "DSD"),
    (b".RMF", "RealAudio"),
    (b".ra\xfd", "RealAudio"),
    (b"FLV\x01", "Flash video"),
    (b"NIST_1A", "SPHERE"),
    (b"Creative Voice File", "VOC"),
    (b"\x00\x00\x01\xba", "an MPEG program stream"),
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

_TS_PACKETS = ((0, 188), (4, 192))
"""Where the first packet of a transport stream has its sync byte, and how far it is to the next."""
_TS_SYNCS = 4
_TS_SYNC = 0x47

_EBML_LOOK = 64
"""How soon WebM says that it is that."""

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
    if data[:4] in (b"RIFF", b"RF64", b"BW64") and data[8:12] == b"WAVE":
        return "wav"
    if data[:4] == b"RIFF" and len(data) >= 12:
        raise NotSound(f"this is AVI, or another RIFF that is no WAV; {readable()}")
    if data[:4] == b"FORM" and data[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if data[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"):
        return "mp4"
    for beginning, kind in _READ:
        if data.startswith(beginning):
            return kind
    if _is_transport_stream(data):
        return "mpeg-ts"
    if _follows(data, _mp3_frame_bytes):
        return "mp3"
    if _follows(data, _adts_frame_bytes) or _follows(data, _loas_frame_bytes):
        return "aac"
    for beginning, name in _NOT_READ:
        if data.startswith(beginning):
            raise NotSound(f"this is {name}; {readable()}")
    return None


def live_file(data: bytes) -> str | None:
    """The kind of sound file that begins with a chunk of somebody's live sound; None: it is none.
    As sure as it is cheap: live PCM16 begins like anything, so each kind is known by more than the
    four bytes that say where to look."""
    first = data[:4]
    if first == b"RIFF" and data[8:12] == b"WAVE":
        return "wav"
    if first == b"\x1aE\xdf\xa3" and any(n in data[:_EBML_LOOK] for n in (b"webm", b"matroska")):
        return "WebM"
    if first == b"OggS" and data[4:5] == b"\0" and data[6:14] == bytes(8):
        return "Ogg"
    if first == b"fLaC" and data[5:8] == b"\0\0\x22":
        return "FLAC"
    if data[4:8] == b"ftyp" and first[:2] == b"\0\0":
        return "MP4"
    if first[:3] == b"ID3" and data[3:5] in (b"\2\0", b"\3\0", b"\4\0") and data[6:7] < b"\x80":
        return "MP3"
    if first[:1] == b"\xff":
        return _live_frames(data)
    return None


def _live_frames(data: bytes) -> str | None:
    """Of data that consists of two whole frames at least of the same kind, and a third begins."""
    for kind, frame_bytes in (("MP3", _mp3_frame_bytes), ("AAC", _adts_frame_bytes)):
        at, frames = 0, 0
        while at < len(data) and (size := frame_bytes(data[at:])):
            at, frames = at + size, frames + 1
        if frames >= 2 and at >= len(data):
            return kind
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
    if is_text(look):
        raise NotSound(f"this is text; {readable()}, or PCM16 without a header")
    samples = np.frombuffer(look[: len(look) // 2 * 2], "<i2").astype(np.float64) / 32_768
    rms = float(np.sqrt(np.square(samples).mean()))
    if rms > LOUD_RMS and abs(correlation(samples)) < RELATED:
        raise NotSound(
            f"this is no sound file that is known, and as PCM16 it would be noise; {readable()}"
        )


SAME_SIGNS = 4
"""Text of a frame's length has more different ones."""


def is_text(data: bytes) -> bool:
    """Whether nearly all of it are letters, digits and signs. A sample that stands still may look
    like two of them, again and again; no text has so few."""
    row = np.frombuffer(data, np.uint8)
    # (Not np.unique, which imports a module at its first call: there may be no descriptor left.)
    if len(set(data)) <= SAME_SIGNS:
        return False
    printable = ((row >= 32) & (row < 127)) | (row == 9) | (row == 10) | (row == 13)
    return bool(printable.mean() >= TEXT_SHARE)


def correlation(samples: Any) -> float:
    """Of each sample with the next one."""
    one, other = samples[:-1] - samples[:-1].mean(), samples[1:] - samples[1:].mean()
    scale = float(np.sqrt(np.square(one).sum() * np.square(other).sum()))
    return float((one * other).sum()) / scale if scale else 1.0


def _is_transport_stream(data: bytes) -> bool:
    return any(
        data[first : first + step * _TS_SYNCS : step] == bytes([_TS_SYNC]) * _TS_SYNCS
        for first, step in _TS_PACKETS
    )


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


def _loas_frame_bytes(data: bytes) -> int:
    """The length of the AAC frame (LATM) that begins here behind LOAS' sync word; 0: none does."""
    if len(data) < 3 or data[0] != 0x56 or data[1] & 0xE0 != 0xE0:
        return 0
    return ((data[1] & 0x1F) << 8 | data[2]) + 3

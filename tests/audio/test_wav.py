"""WAV in and out, and the reasons given for what cannot be read."""

from __future__ import annotations

import io
import struct
import wave
from pathlib import Path

import pytest

from parley.audio.wav import NotAWav, Wav, parse_wav, read_wav, wav_bytes


def made(frames: bytes, *, channels: int = 1, width: int = 2, rate_hz: int = 16_000) -> bytes:
    target = io.BytesIO()
    with wave.open(target, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(width)
        writer.setframerate(rate_hz)
        writer.writeframes(frames)
    return target.getvalue()


def with_header(tag: int, *, bits: int = 16, rate_hz: int = 16_000, extra: bytes = b"") -> bytes:
    form = struct.pack("<HHIIHH", tag, 1, rate_hz, rate_hz * bits // 8, bits // 8, bits) + extra
    data = b"\1\0\2\0"
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    body += b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def test_what_is_written_can_be_read_again() -> None:
    assert parse_wav(wav_bytes(b"\1\0\2\0", 22_050)) == Wav(b"\1\0\2\0", 22_050)


def test_a_wav_knows_its_length() -> None:
    assert Wav(bytes(2 * 8000), 16_000).seconds == 0.5


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(made(b"\1\0"))
    assert read_wav(path) == Wav(b"\1\0", 16_000)


def test_stereo_is_mixed_down() -> None:
    frames = struct.pack("<4h", 100, 300, -32768, -32768)
    assert parse_wav(made(frames, channels=2)).pcm16 == struct.pack("<2h", 200, -32768)


def test_truncated_data_gives_what_there_is() -> None:
    whole = made(struct.pack("<4h", 1, 2, 3, 4))
    assert parse_wav(whole[:-3]).pcm16 == struct.pack("<2h", 1, 2)


def test_a_length_that_was_never_filled_in_is_no_obstacle() -> None:
    data = made(b"\1\0\2\0")
    data = data[:40] + b"\xff\xff\xff\xff" + data[44:]
    assert parse_wav(data).pcm16 == b"\1\0\2\0"


def test_an_extensible_header_of_pcm_is_pcm() -> None:
    guid = struct.pack("<H", 1) + bytes.fromhex("000000001000800000aa00389b71")
    extra = struct.pack("<HHI", 22, 16, 4) + guid
    assert parse_wav(with_header(0xFFFE, extra=extra)).pcm16 == b"\1\0\2\0"


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (b"OggS" + bytes(60), "is not a WAV file"),
        (b"RIFF\0\0\0\0WAVE", "is a damaged WAV file"),
        (made(b"\1\0")[:16] + b"\x10\0\0\xff" + made(b"\1\0")[20:], "is a damaged WAV file"),
        (made(b"\1\0")[:30], "is a damaged WAV file"),
        (with_header(3, bits=32), "floating point"),
        (with_header(7, bits=8), "mu-law"),
        (with_header(0x55), "is a damaged WAV file (unknown format: 85)"),
        (made(b"\1\2\3", width=3), "24 bit"),
        (made(b"\1", width=1), "8 bit"),
        (made(b""), "holds no audio"),
        (with_header(1, rate_hz=0), "sample rate of 0"),
    ],
)
def test_what_cannot_be_used_says_why(data: bytes, why: str) -> None:
    with pytest.raises(NotAWav, match=r"thing\.wav") as caught:
        parse_wav(data, name="thing.wav")
    assert why in caught.value.why


def test_a_missing_file_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotAWav, match="there is no such file") as caught:
        read_wav(tmp_path / "none.wav")
    assert caught.value.path == str(tmp_path / "none.wav")


def test_a_folder_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(NotAWav, match="cannot be read"):
        read_wav(tmp_path)

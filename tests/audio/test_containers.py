"""What bytes are, by their content."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from parley.audio.containers import NotSound, check_file, check_pcm16, container_of, is_text
from parley.audio.wav import read_wav, wav_bytes
from parley.engines.media.decode_worker import decode
from support.blobs import recorded

SPEECH = read_wav(next((Path(__file__).parents[2] / "examples/audio").glob("1-*.wav"))).pcm16
LOUD = (np.frombuffer(SPEECH, "<i2").astype(float) * 20).clip(-32_768, 32_767).astype("<i2")

MADE = {
    "wav": wav_bytes(SPEECH, 16_000),
    "mp3": recorded(SPEECH, "mp3", "libmp3lame", 44_100),
    "mp3 of 16 kHz": recorded(SPEECH, "mp3", "libmp3lame", 16_000),
    "mp4": recorded(SPEECH, "mp4", "aac", 44_100),
    "ogg": recorded(SPEECH, "ogg", "libopus"),
    "flac": recorded(SPEECH, "flac", "flac", 16_000),
    "webm": recorded(SPEECH, "webm", "libopus"),
    "aac": recorded(SPEECH, "adts", "aac", 44_100),
    "aac in LATM": recorded(SPEECH, "latm", "aac", 44_100),
    "mp4 of a telephone": recorded(SPEECH, "3gp", "aac", 16_000),
    "aiff": recorded(SPEECH, "aiff", "pcm_s16be", 16_000),
    "au": recorded(SPEECH, "au", "pcm_s16be", 16_000),
    "au of mu-law": recorded(SPEECH, "au", "pcm_mulaw", 8_000),
    "caf": recorded(SPEECH, "caf", "alac", 16_000),
    "wav of ADPCM": recorded(SPEECH, "wav", "adpcm_ms", 16_000),
    "wav of Sony": recorded(SPEECH, "w64", "pcm_s16le", 16_000),
    "mpeg-ts": recorded(SPEECH, "mpegts", "aac", 44_100),
    "mpeg-ts with mp2": recorded(SPEECH, "mpegts", "mp2", 44_100),
}


@pytest.mark.parametrize("kind", MADE)
def test_a_file_is_known_by_its_beginning(kind: str) -> None:
    assert check_file(MADE[kind]) == kind.split()[0]


@pytest.mark.parametrize("kind", MADE)
def test_what_is_known_is_read(kind: str) -> None:
    seconds = len(decode(MADE[kind], 60_000)) / 32_000
    assert abs(seconds - len(SPEECH) / 32_000) < 0.2


@pytest.mark.parametrize("kind", ["mp3", "mp3 of 16 kHz"])
def test_an_mp3_without_tags_is_known_by_its_frames(kind: str) -> None:
    data = MADE[kind]
    size = 10 + int.from_bytes(bytes(data[6:10])) if data[:3] == b"ID3" else 0
    bare = data[data.index(b"\xff", size) :]
    while bare[1] & 0xE0 != 0xE0:
        bare = bare[bare.index(b"\xff", 1) :]
    assert bare[:3] != b"ID3"
    assert container_of(bare) == "mp3"


@pytest.mark.parametrize(
    "pcm16",
    [SPEECH, LOUD.tobytes(), bytes(3200), b"\xff\xfb\x90\x64" + SPEECH, b"\xff\xf1" * 2000, b"ab"],
)
def test_pcm16_is_no_file_and_is_believed(pcm16: bytes) -> None:
    assert container_of(pcm16) is None
    check_pcm16(pcm16)


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7 " + bytes(500),
        b"RIFF\0\0\0\0AVI LIST" + bytes(500),
        b"\0\0\1\xba" + bytes(500),
        b"PK\x03\x04" + bytes(500),
        b"<html><body>Not found</body></html>" * 20,
        b'{"error": "no such file"}' * 20,
        random.Random(1).randbytes(20_000),
        MADE["mp3"][1501:],
    ],
)
def test_what_is_neither_is_refused_in_words(data: bytes) -> None:
    with pytest.raises(NotSound, match="what can be read is wav, mp3, mp4"):
        if container_of(data) is None:
            check_pcm16(data)
    with pytest.raises(NotSound, match="what can be read"):
        check_file(data)


@pytest.mark.parametrize("size", range(12))
def test_too_little_is_nothing(size: int) -> None:
    for data in MADE.values():
        container_of(data[:size])
    check_pcm16(SPEECH[:size])


@pytest.mark.parametrize("sample", [0x2020, 0x4128, 0x7A7E, 0x0A0A])
def test_a_sample_that_stands_still_is_no_text(sample: int) -> None:
    assert not is_text(sample.to_bytes(2, "little") * 1600)
    assert is_text(b'{"type": "start"} and more' * 9)

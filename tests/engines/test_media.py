"""Recorded blobs: what is decoded, and what is refused before it does harm."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from parley.audio.wav import wav_bytes
from parley.engines.media.decode_worker import NotAudio, TooMuchAudio, decode
from support.blobs import recorded

LIMIT_MS = 10_000
TONE = (8000 * np.sin(np.arange(16_000) * 0.3)).astype("<i2").tobytes()
"""A second."""


def level(pcm16: bytes) -> float:
    return float(np.sqrt(np.mean(np.frombuffer(pcm16, "<i2").astype(float) ** 2)))


def test_a_wav_at_the_recognizers_rate_comes_out_as_it_is() -> None:
    assert decode(wav_bytes(TONE, 16_000), LIMIT_MS) == TONE


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100, 48_000])
def test_other_rates_are_resampled(rate_hz: int) -> None:
    heard = decode(wav_bytes(bytes(rate_hz * 2), rate_hz), LIMIT_MS)
    assert abs(len(heard) - 32_000) <= 64


@pytest.mark.parametrize(
    ("container", "codec", "rate_hz"),
    [
        ("webm", "libopus", 48_000),
        ("ogg", "libopus", 48_000),
        ("mp4", "aac", 44_100),
        ("flac", "flac", 16_000),
    ],
)
def test_what_browsers_record_is_read(container: str, codec: str, rate_hz: int) -> None:
    heard = decode(recorded(TONE, container, codec, rate_hz), LIMIT_MS)
    assert abs(len(heard) - len(TONE)) < 4096  # codecs pad
    assert 0.8 < level(heard) / level(TONE) < 1.2


def test_a_truncated_recording_gives_its_beginning() -> None:
    blob = recorded(TONE * 4, "webm", "libopus")
    heard = decode(blob[: len(blob) // 2], LIMIT_MS)
    assert 0 < len(heard) < len(TONE) * 4


@pytest.mark.parametrize(
    "blob",
    [
        b"",
        b"RIFF",
        b"not a recording" * 1000,
        bytes(range(256)) * 100,
        wav_bytes(b"", 16_000),
        recorded(TONE, "mp4", "aac")[:500],
        b"#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
        b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    ],
)
def test_what_is_no_recording_is_refused(blob: bytes) -> None:
    with pytest.raises(NotAudio):
        decode(blob, LIMIT_MS)


@pytest.mark.parametrize("rate_hz", [1, 400_000])
def test_a_rate_that_nobody_records_at_is_refused(rate_hz: int) -> None:
    with pytest.raises(NotAudio, match="sample rate"):
        decode(wav_bytes(bytes(200_000), rate_hz), LIMIT_MS)


def test_a_bomb_is_refused_as_soon_as_it_is_too_long() -> None:
    bomb = recorded(bytes(len(TONE) * 600), "flac", "flac", 16_000)
    assert len(bomb) < 200_000
    with pytest.raises(TooMuchAudio, match="longer than 10 s"):
        decode(bomb, LIMIT_MS)


def test_exactly_the_limit_is_allowed() -> None:
    assert len(decode(wav_bytes(TONE * 10, 16_000), LIMIT_MS)) == 10 * len(TONE)


@pytest.mark.parametrize("kind", [NotAudio, TooMuchAudio])
def test_the_failure_survives_the_way_back_from_a_worker(kind: type[NotAudio]) -> None:
    failure = pickle.loads(pickle.dumps(kind("why")))
    assert (type(failure), str(failure), failure.retryable) == (kind, "why", False)

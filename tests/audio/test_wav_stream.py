"""A WAV read while it comes, right or wrong."""

from __future__ import annotations

import struct
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.audio.wav import NotAWav
from parley.audio.wav_stream import WavStream

SOUND = np.arange(-1000, 1000, 7, dtype="<i2").tobytes()


def wav(
    data: bytes,
    *,
    tag: int = 1,
    channels: int = 1,
    rate_hz: int = 24_000,
    bits: int = 16,
    size: int | None = None,
    before: bytes = b"",
    behind: bytes = b"",
) -> bytes:
    """A file with any header. `size` is what it says of its data; None: the truth."""
    frame = channels * bits // 8
    body = b"fmt " + struct.pack(
        "<IHHIIHH", 16, tag, channels, rate_hz, rate_hz * frame, frame, bits
    )
    body += before + b"data" + struct.pack("<I", len(data) if size is None else size) + data
    body += behind
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WAVE" + body


def read(file: bytes, step: int = 1 << 20) -> tuple[bytes, int | None]:
    stream = WavStream("it")
    sound = b"".join(stream.feed(file[at : at + step]) for at in range(0, len(file), step))
    return sound + stream.finish(), stream.rate_hz


@given(st.integers(1, 60))
def test_it_gives_its_sound_however_it_comes(step: int) -> None:
    assert read(wav(SOUND), step) == (SOUND, 24_000)


@pytest.mark.parametrize("size", [0, 0xFFFF_FFFF, 0x7FFF_FFFF, 100, len(SOUND) + 5000])
@pytest.mark.parametrize("step", [3, 4096])
def test_a_wrong_length_costs_nothing(size: int, step: int) -> None:
    assert read(wav(SOUND, size=size), step)[0] == SOUND


def test_what_stands_before_and_behind_the_sound_is_none_of_it() -> None:
    extra = b"LIST" + struct.pack("<I", 6) + b"INFOxy"
    assert read(wav(SOUND, before=extra, behind=extra * 3), 5)[0] == SOUND


def test_several_files_in_one_body_are_one_sound() -> None:
    assert read(wav(SOUND) + wav(SOUND), 11)[0] == SOUND * 2


def test_stereo_is_mixed_down() -> None:
    frames = np.array([[100, 200], [-300, 300], [32767, 32767]], dtype="<i2")
    mixed = np.frombuffer(read(wav(frames.tobytes(), channels=2), 3)[0], dtype="<i2")
    assert mixed.tolist() == [150, 0, 32767]


@pytest.mark.parametrize(
    ("tag", "bits", "dtype", "scale"),
    [(1, 32, "<i4", 65536), (3, 32, "<f4", 1 / 32767), (3, 64, "<f8", 1 / 32767)],
)
def test_other_samples_become_sixteen_bits(tag: int, bits: int, dtype: str, scale: float) -> None:
    wanted = np.array([0, 1, -1, 1000, -20000, 32767], dtype="<i2")
    data = (wanted.astype(np.float64) * scale).astype(dtype).tobytes()
    got = np.frombuffer(read(wav(data, tag=tag, bits=bits), 7)[0], dtype="<i2")
    assert np.abs(got.astype(int) - wanted).max() <= 1


def test_eight_and_twenty_four_bits_become_sixteen() -> None:
    assert read(wav(bytes([0, 128, 255]), bits=8))[0] == struct.pack("<3h", -32768, 0, 32512)
    thirds = b"".join((value << 8).to_bytes(3, "little", signed=True) for value in (-5, 0, 300))
    assert read(wav(thirds, bits=24), 2)[0] == struct.pack("<3h", -5, 0, 300)


def test_numbers_that_are_none_are_silence_and_loud_ones_are_clipped() -> None:
    data = np.array([np.nan, np.inf, -np.inf, 7.0], dtype="<f4").tobytes()
    got = np.frombuffer(read(wav(data, tag=3, bits=32))[0], dtype="<i2")
    assert got.tolist() == [0, 32767, -32767, 32767]


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (b"", "is empty"),
        (b"ID3\x04" + b"\0" * 40, "is not a WAV file"),
        (b"<html>", "is not a WAV file"),
        (wav(SOUND)[:30], "ends within its header"),
        (wav(SOUND, rate_hz=0), "sample rate of 0 Hz"),
        (wav(SOUND, rate_hz=10**9), "sample rate of 1000000000 Hz"),
        (wav(SOUND, channels=200), "has 200 channels"),
        (wav(SOUND, tag=7, bits=8), "holds mu-law samples"),
        (wav(SOUND, bits=12), "holds 12 bit samples"),
        (b"RIFF\0\0\0\0WAVEdata\4\0\0\0abcd", "no format before its sound"),
        (b"RIFF\0\0\0\0WAVEfmt \xff\xff\xff\xff", "damaged"),
    ],
)
def test_what_cannot_be_read_says_why(file: bytes, why: str) -> None:
    with pytest.raises(NotAWav, match=why):
        read(file)


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_behind_a_riff_are_sound_or_refused(rest: bytes, step: int) -> None:
    try:
        sound, rate_hz = read(b"RIFF\0\0\0\0WAVE" + rest, step)
    except NotAWav:
        return
    assert len(sound) % 2 == 0
    assert not sound or rate_hz


@pytest.mark.parametrize("size", range(1, 9))
@pytest.mark.parametrize("step", [1, 3, 7])
def test_a_length_that_is_wrong_is_read_alike_however_it_comes(size: int, step: int) -> None:
    file = wav(SOUND, channels=2, size=size)
    assert read(file, step) == read(file)


def test_half_a_frame_at_the_end_is_left_out() -> None:
    assert read(wav(SOUND + b"\1", size=0))[0] == SOUND


def test_samples_beyond_all_measure_cost_themselves_and_nothing_behind_them() -> None:
    wrong = [(1e308, -1e308), (np.inf, 0.0), (np.nan, np.nan), (1e300, 1e300)]
    frames = np.array(wrong + [(0.5, 0.5)] * 4, dtype="<f8")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sound, _ = read(wav(frames.tobytes(), tag=3, channels=2, bits=64), 11)
    assert np.frombuffer(sound, "<i2")[-4:].tolist() == [16384] * 4


@pytest.mark.parametrize(("channels", "bits"), [(1, 8), (1, 16), (2, 16), (2, 24), (1, 32)])
@pytest.mark.parametrize("rate_hz", [8000, 48_000])
@pytest.mark.parametrize("pieces_ms", [20, 1])
def test_sound_that_comes_live_is_held_for_five_milliseconds_at_most(
    rate_hz: int, channels: int, bits: int, pieces_ms: int
) -> None:
    """A client that stops in the middle of a file loses no more."""
    frame = channels * bits // 8
    data = bytes(rate_hz * frame // 2)
    file = wav(data, channels=channels, bits=bits, rate_hz=rate_hz, size=0)
    stream, step = WavStream("it"), rate_hz * frame * pieces_ms // 1000
    sound = b"".join(stream.feed(file[at : at + step]) for at in range(0, len(file), step))
    held = rate_hz / 2 - len(sound) / 2
    assert held <= rate_hz * 0.005
    assert len(sound + stream.finish()) == rate_hz

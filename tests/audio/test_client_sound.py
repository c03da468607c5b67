"""What clients send who were told to send PCM16: each kind is read, or refused by its name."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest

from parley.audio import g711
from parley.audio.byte_stream import ByteStream
from parley.audio.client_sound import ClientSound, Refused
from parley.audio.wav import read_wav, wav_bytes
from support.blobs import recorded

EXAMPLES = sorted((Path(__file__).parents[2] / "examples/audio").glob("*.wav"))
SPEECH = read_wav(EXAMPLES[0]).pcm16
SAMPLES = np.frombuffer(SPEECH, "<i2")


def pushed(sound: ClientSound, data: bytes, chunk: int = 640) -> bytes:
    return b"".join(sound.push(data[i : i + chunk]) for i in range(0, len(data), chunk))


def refusal(data: bytes, chunk: int = 640) -> str:
    with pytest.raises(Refused) as first:
        pushed(sound := ClientSound(), data, chunk)
    assert not first.value.told
    with pytest.raises(Refused) as again:
        sound.push(data[-640:])
    assert again.value.told
    return first.value.message


@pytest.mark.parametrize("gain", [1.0, 0.03, 30.0])
@pytest.mark.parametrize("chunk", [320, 640, 641, 3201, 64_000])
def test_speech_is_pcm16_however_loud_and_however_it_is_cut(gain: float, chunk: int) -> None:
    for example in EXAMPLES:
        samples = np.frombuffer(read_wav(example).pcm16, "<i2")
        data = (samples * gain).clip(-32_768, 32_767).astype("<i2").tobytes()
        sound = ClientSound()
        assert pushed(sound, data, chunk) == data
        assert not sound.news


@pytest.mark.parametrize(
    "samples",
    [
        np.zeros(48_000),
        np.random.default_rng(1).normal(0, 8_000, 48_000),
        20_000 * np.sin(np.arange(48_000) * 2.8),
        15_000 * np.sign(np.sin(np.arange(48_000) * 0.1)),
    ],
    ids=["silence", "loud noise", "7 kHz", "square"],
)
def test_what_is_no_speech_is_sound_all_the_same(samples: np.ndarray) -> None:
    data = samples.astype("<i2").tobytes()
    assert pushed(ClientSound(), data) == data


def wav(samples: np.ndarray, tag: int, bits: int, channels: int, rate_hz: int = 16_000) -> bytes:
    data = samples.tobytes()
    frame = channels * bits // 8
    form = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * frame, frame, bits)
    sizes = [struct.pack("<I", n) for n in (36 + len(data), 16, len(data))]
    return b"RIFF" + sizes[0] + b"WAVEfmt " + sizes[1] + form + b"data" + sizes[2] + data


FLOATS = (SAMPLES / 32_768).astype("<f4")
WAVS = {
    "PCM16": wav(SAMPLES, 1, 16, 1),
    "float": wav(FLOATS, 3, 32, 1),
    "stereo": wav(np.repeat(SAMPLES, 2), 1, 16, 2),
    "stereo out of phase": wav(np.stack([SAMPLES, -SAMPLES], axis=1), 1, 16, 2),
    "one channel is silent": wav(np.stack([SAMPLES * 0, SAMPLES], axis=1), 1, 16, 2),
}


@pytest.mark.parametrize("kind", WAVS)
def test_a_wav_is_read_by_its_header(kind: str) -> None:
    sound = ClientSound()
    heard = np.frombuffer(pushed(sound, WAVS[kind]), "<i2").astype(int)
    assert sound.rate_hz == 16_000
    assert len(heard) == len(SAMPLES)
    gain = 0.5 if kind == "one channel is silent" else 1
    assert np.abs(heard - SAMPLES * gain).max() <= 2


def test_each_chunk_may_be_a_wav_of_its_own_and_that_is_told_once() -> None:
    sound, news = ClientSound(), []
    heard = b""
    for start in range(0, len(SPEECH), 3_200):
        heard += sound.push(wav_bytes(SPEECH[start : start + 3_200], 48_000))
        news += [sound.news] if sound.news else []
    assert heard == SPEECH
    assert sound.rate_hz == 48_000
    assert news == [
        "the audio is WAV and is read by its header: PCM of 16 bits, 1 channel, 48000 Hz"
    ]


def test_a_header_may_come_once_and_pcm16_of_its_format_behind_it() -> None:
    sound = ClientSound()
    assert sound.push(wav_bytes(b"", 24_000)) == b""
    assert pushed(sound, SPEECH) + sound.push(bytes(8)) == SPEECH + bytes(8)
    assert sound.rate_hz == 24_000


def test_after_the_next_start_it_is_what_it_is_then() -> None:
    sound = ClientSound()
    pushed(sound, WAVS["float"])
    sound.begin()
    assert pushed(sound, SPEECH) == SPEECH
    assert sound.rate_hz == 0


def test_floats_without_a_header_are_read_and_told_once() -> None:
    sound = ClientSound()
    first = sound.push(FLOATS[:320].tobytes())
    told = sound.news
    heard = np.frombuffer(first + pushed(sound, FLOATS[320:].tobytes(), 1282), "<i2").astype(int)
    assert "float" in told
    assert not sound.news
    assert np.abs(heard - SAMPLES).max() <= 1


FILES = {
    "WebM": recorded(SPEECH, "webm", "libopus"),
    "Ogg": recorded(SPEECH, "ogg", "libopus"),
    "FLAC": recorded(SPEECH, "flac", "flac", 16_000),
    "MP4": recorded(SPEECH, "mp4", "aac", 44_100),
    "MP3": recorded(SPEECH, "mp3", "libmp3lame", 16_000),
    "AAC": recorded(SPEECH, "adts", "aac", 16_000),
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("chunk", [2_000, 64_000])
def test_a_file_is_refused_by_its_name(kind: str, chunk: int) -> None:
    assert refusal(FILES[kind], chunk).startswith(f"this is {kind};")


@pytest.mark.parametrize("kind", ["WebM", "MP4", "AAC"])
def test_a_file_without_its_beginning_is_noise_and_refused(kind: str) -> None:
    assert "noise" in refusal(FILES[kind][len(FILES[kind]) // 3 :])


@pytest.mark.parametrize("law", ["ulaw", "alaw"])
def test_g711_is_noise_and_refused(law: g711.Law) -> None:
    assert "noise" in refusal(g711.encode(SPEECH, law), 160)


def test_the_other_byte_order_is_refused_by_its_name() -> None:
    assert "high byte first" in refusal(SAMPLES.byteswap().tobytes())


def test_a_wav_of_a_kind_that_is_not_read_is_refused_by_its_name() -> None:
    assert "ADPCM" in refusal(wav(SAMPLES, 2, 4, 1))


def test_a_recording_that_begins_in_the_middle_of_the_sound_is_refused_too() -> None:
    sound = ClientSound()
    pushed(sound, SPEECH)
    with pytest.raises(Refused, match="WebM"):
        sound.push(FILES["WebM"][:2_000])


def test_what_was_refused_is_taken_after_the_next_start() -> None:
    sound = ClientSound()
    with pytest.raises(Refused):
        sound.push(FILES["WebM"][:2_000])
    sound.begin()
    assert pushed(sound, SPEECH) == SPEECH


@pytest.mark.parametrize("lost_at", [9_601, 20_001])
def test_a_chunk_that_was_cut_short_costs_its_last_sample_and_no_more(lost_at: int) -> None:
    stream = ByteStream()
    heard = stream.push(SPEECH[:lost_at])
    behind = SPEECH[lost_at + 1 :]
    heard += b"".join(stream.push(behind[i : i + 640]) for i in range(0, len(behind), 640))
    assert heard[-60_000:] == SPEECH[-60_000:]


@pytest.mark.parametrize("lost", [b"\x07", b"\x07\x01\x02"])
def test_where_nothing_can_be_seen_the_next_chunk_begins_with_a_whole_sample(lost: bytes) -> None:
    same = b"\x10\x27" * 320
    stream = ByteStream()
    assert stream.push(lost) == lost[:-1]
    assert [stream.push(same) for _ in range(3)] == [same] * 3


@pytest.mark.parametrize("gain", [1.0, 0.0005])
def test_chunks_of_which_one_alone_is_odd_are_one_stream_all_the_same(gain: float) -> None:
    noise = np.random.default_rng(2).normal(0, 2, len(SAMPLES))
    data = (SAMPLES * gain + noise).astype("<i2").tobytes()
    stream = ByteStream()
    heard = stream.push(data[:6401])
    heard += b"".join(stream.push(data[i : i + 640]) for i in range(6401, len(data), 640))
    assert heard in (data, data[:-1], data[: len(heard)])
    assert len(heard) >= len(data) - 2


def test_what_is_in_doubt_over_silence_is_decided_when_there_is_sound() -> None:
    stream = ByteStream()
    data = bytes(20_001) + SPEECH[1:]
    heard = stream.push(data[:9_601])
    heard += b"".join(stream.push(data[i : i + 640]) for i in range(9_601, len(data), 640))
    assert heard[-60_000:] == SPEECH[-60_000:]

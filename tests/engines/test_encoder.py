"""Speech as files and streams, and its pace."""

from __future__ import annotations

import io
import wave
from pathlib import Path

import numpy as np
import pytest

from parley.audio.containers import check_file
from parley.audio.resampler import Resampler
from parley.audio.wav import read_wav
from parley.engines.media.decode_worker import decode
from parley.engines.media.encoder import (
    FORMATS,
    RATE_HZ,
    SpeechFormat,
    encoder_for,
    streamed_wav_head,
)
from parley.engines.media.tempo import Tempo

WAV = read_wav(next((Path(__file__).parents[2] / "examples/audio").glob("1-*.wav")))
UP = Resampler(WAV.rate_hz, RATE_HZ)
SPEECH = UP.push(WAV.pcm16) + UP.flush()
SECONDS = len(SPEECH) / 2 / RATE_HZ
PIECE = RATE_HZ // 5 * 2

KINDS: dict[SpeechFormat, str] = {
    "mp3": "mp3",
    "opus": "ogg",
    "aac": "aac",
    "flac": "flac",
    "wav": "wav",
}


def encoded(wanted: SpeechFormat) -> list[bytes]:
    encoder = encoder_for(wanted)
    pieces = [encoder.encode(SPEECH[at : at + PIECE]) for at in range(0, len(SPEECH), PIECE)]
    return [*pieces, encoder.finish()]


@pytest.mark.parametrize("wanted", KINDS)
def test_what_was_encoded_is_heard(wanted: SpeechFormat) -> None:
    whole = b"".join(encoded(wanted))
    assert check_file(whole) == KINDS[wanted]
    heard = np.frombuffer(decode(whole, 60_000), "<i2").astype(float)
    assert len(heard) / 16_000 == pytest.approx(SECONDS, abs=0.15)
    loud = np.frombuffer(SPEECH, "<i2").astype(float)
    assert np.std(heard) == pytest.approx(np.std(loud), rel=0.1)


def test_pcm_is_the_samples_themselves() -> None:
    assert b"".join(encoded("pcm")) == SPEECH


@pytest.mark.parametrize("wanted", FORMATS)
def test_sound_leaves_while_more_is_to_come(wanted: SpeechFormat) -> None:
    pieces = encoded(wanted)
    assert sum(map(len, pieces[: len(pieces) // 2])) > sum(map(len, pieces)) / 4


@pytest.mark.parametrize("wanted", FORMATS)
def test_a_stream_without_sound_is_ended_all_the_same(wanted: SpeechFormat) -> None:
    encoder = encoder_for(wanted)
    assert isinstance(encoder.encode(b"") + encoder.finish(), bytes)


def test_a_wav_that_streams_does_not_know_its_size() -> None:
    head = streamed_wav_head()
    assert head[4:8] == head[-4:] == b"\xff\xff\xff\xff"
    with wave.open(io.BytesIO(head + SPEECH)) as reader:
        assert (reader.getframerate(), reader.getnchannels()) == (RATE_HZ, 1)


@pytest.mark.parametrize("speed", [0.25, 0.4, 0.8, 1.5, 3.0, 4.0])
def test_speech_is_paced_and_keeps_its_pitch(speed: float) -> None:
    tone = np.sin(2 * np.pi * 440 * np.arange(2 * RATE_HZ) / RATE_HZ) * 8000
    pcm16 = tone.astype("<i2").tobytes()
    tempo = Tempo(speed, RATE_HZ)
    pieces = [tempo.push(pcm16[at : at + PIECE]) for at in range(0, len(pcm16), PIECE)]
    paced = np.frombuffer(b"".join(pieces) + tempo.flush(), "<i2").astype(float)
    assert len(paced) / RATE_HZ == pytest.approx(2 / speed, rel=0.05)
    middle = paced[len(paced) // 4 : -len(paced) // 4]
    spectrum = np.abs(np.fft.rfft(middle))
    assert np.argmax(spectrum) * RATE_HZ / len(middle) == pytest.approx(440, abs=6)
    assert tempo.push(b"") == b""

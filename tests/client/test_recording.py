"""Recordings in, replies out, and the recordings that come with Parley."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from parley.audio.wav import NotAWav, parse_wav
from parley.client.incoming import Phrase
from parley.client.recording import load_folder, load_recording, reply_wav, resampled
from parley.client.speech_edges import speech_edges
from parley.client.utterance import Heard, SentLog, Utterance
from support.stand_in import tone, wav

EXAMPLES = Path(__file__).parents[2] / "examples" / "audio"


def replied(*phrases: bytes) -> Utterance:
    heard = [Heard(float(i), Phrase(seq=i, audio_b64=data)) for i, data in enumerate(phrases)]
    return Utterance(name="u", sent=SentLog(16_000), heard=heard)


def test_the_right_rate_is_left_alone() -> None:
    assert resampled(b"\1\0", 16_000, 16_000) == b"\1\0"


def test_another_rate_keeps_length_and_pitch(tmp_path: Path) -> None:
    at_8k = (8000 * np.sin(np.arange(8000) * 2 * np.pi * 440 / 8000)).astype("<i2").tobytes()
    path = tmp_path / "tone.wav"
    path.write_bytes(wav(at_8k, 8000))
    recording = load_recording(path)
    assert recording.name == "tone"
    assert len(recording.pcm16) == pytest.approx(2 * 16_000, abs=20)
    spectrum = np.abs(np.fft.rfft(np.frombuffer(recording.pcm16, "<i2")))
    assert int(spectrum.argmax()) == pytest.approx(440, abs=2)


def test_a_folder_is_read_in_order_with_its_words(tmp_path: Path) -> None:
    for name in ("2-b", "1-a"):
        (tmp_path / f"{name}.wav").write_bytes(wav(tone(10)))
    (tmp_path / "words.txt").write_text("1-a.wav\tgo forward\n\nnonsense\n")
    assert [(r.name, r.spoken) for r in load_folder(tmp_path)] == [
        ("1-a", "go forward"),
        ("2-b", None),
    ]


def test_words_are_not_required(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wav(tone(10)))
    assert load_folder(tmp_path)[0].spoken is None


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotAWav, match="holds no"):
        load_folder(tmp_path)


def test_the_phrases_of_a_reply_become_one_file() -> None:
    data = reply_wav(replied(wav(b"\1\0", 22_050), b"broken", wav(b"\2\0", 22_050)))
    assert data is not None
    assert parse_wav(data).pcm16 == b"\1\0\2\0"
    assert parse_wav(data).rate_hz == 22_050


def test_a_phrase_at_another_rate_is_resampled_to_the_first() -> None:
    data = reply_wav(replied(wav(tone(100), 16_000), wav(tone(100), 8000)))
    assert data is not None
    assert parse_wav(data).seconds == pytest.approx(0.3, abs=0.01)


def test_no_phrases_make_no_file() -> None:
    assert reply_wav(replied()) is None
    assert reply_wav(replied(b"broken")) is None


def test_the_recordings_that_come_along_are_as_their_readme_says() -> None:
    recordings = load_folder(EXAMPLES)
    assert 6 <= len(recordings) <= 8
    for recording in recordings:
        with wave.open(str(EXAMPLES / f"{recording.name}.wav")) as reader:
            assert reader.getparams()[:3] == (1, 2, 16_000)
        assert recording.spoken
        edges = speech_edges(recording.pcm16, 16_000)
        assert edges is not None
        length_ms = len(recording.pcm16) / 32
        assert edges.onset_ms == pytest.approx(300, abs=20)
        assert length_ms - edges.last_ms == pytest.approx(1000, abs=20)
        assert 2900 <= length_ms <= 8000
    assert sum(path.stat().st_size for path in EXAMPLES.glob("*.wav")) < 1_400_000

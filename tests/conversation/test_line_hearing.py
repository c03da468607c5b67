"""What a telephone session takes out of the way, and that it takes no voice."""

from __future__ import annotations

import numpy as np
import pytest

from parley.client.noises import noise
from parley.client.recording import resampled
from parley.conversation.line_hearing import TOLD_MOST, LineHearing
from parley.testing.line_sounds import dialled, line_sound
from parley.testing.line_waves import pcm16_of
from parley.testing.telephone_line import as_heard

FRAME = 640


def frames(pcm16: bytes) -> list[bytes]:
    return [pcm16[at : at + FRAME] for at in range(0, len(pcm16) - FRAME + 1, FRAME)]


def through(line: LineHearing, pcm16: bytes) -> list[bool]:
    """For a detector that takes everything for speech."""
    return [line.speech(frame, True, inside=True) for frame in frames(pcm16)]


def voice(seconds: float) -> bytes:
    """Vowels, as a voice that goes up and down: PCM16 at 16 kHz."""
    t = np.arange(int(seconds * 16_000)) / 16_000
    pitch = 130 + 30 * np.sin(2 * np.pi * 2.3 * t) + 12 * np.sin(2 * np.pi * 5.1 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / 16_000
    wave = np.sum([np.sin(n * phase) / n for n in range(1, 25)], axis=0)
    pcm16: bytes = np.rint(wave * 4000).astype("<i2").tobytes()
    return pcm16


@pytest.mark.parametrize("name", ["dial tone, UK", "fax answers", "key held", "beep 1000 Hz"])
def test_a_tone_is_no_speech(name: str) -> None:
    verdicts = through(LineHearing(watches=lambda: True), as_heard(line_sound(name)))
    sounding = len(verdicts) - (50 if name == "beep 1000 Hz" else 10)
    assert not any(verdicts[6:sounding])


def test_a_voice_is_speech() -> None:
    line = LineHearing(watches=lambda: True)
    verdicts = through(line, voice(3.0))
    assert sum(verdicts) >= 0.98 * len(verdicts)
    assert not line.only_lines


@pytest.mark.parametrize(
    "name",
    [
        "hold music, chords",
        "hold music, melody",
        "hold music, arpeggio",
        "hold music, strings",
        "hold music, beat",
        "hold music, bad line",
        "hum 50 Hz",
    ],
)
def test_music_and_signals_are_only_lines(name: str) -> None:
    line = LineHearing(watches=lambda: True)
    pcm16 = as_heard(line_sound(name))
    for frame in frames(pcm16[:64_000]):
        line.speech(frame, True, inside=True)
    assert line.only_lines


def test_words_in_front_of_music_or_behind_it_are_kept() -> None:
    music = as_heard(line_sound("hold music, strings"))
    for sound in (voice(1.0) + music, music + voice(1.0)):
        line = LineHearing(watches=lambda: True)
        through(line, sound)
        assert not line.only_lines


@pytest.mark.parametrize("name", ["uh", "mm", "ah", "ee"])
def test_a_short_sound_of_a_voice_is_kept(name: str) -> None:
    line = LineHearing(watches=lambda: True)
    through(line, resampled(noise(name), 24_000, 16_000))
    assert not line.only_lines


def test_a_key_while_somebody_speaks_leaves_the_speech() -> None:
    key = as_heard(pcm16_of(dialled("5", 0.12, 0.0)))
    spoken = np.frombuffer(voice(2.0), dtype="<i2").astype(np.int32)
    both = spoken.copy()
    both[16_000 : 16_000 + len(key) // 2] += np.frombuffer(key, dtype="<i2")
    pcm16 = np.clip(both, -32_768, 32_767).astype("<i2").tobytes()
    line = LineHearing(watches=lambda: True)
    verdicts = through(line, pcm16)
    assert sum(not verdict for verdict in verdicts) <= 8
    assert not line.only_lines


def test_silence_before_an_utterance_forgets_what_was_heard() -> None:
    line = LineHearing(watches=lambda: True)
    through(line, as_heard(line_sound("hold music, chords")))
    assert line.only_lines
    line.speech(bytes(FRAME), False, inside=False)
    assert not line.only_lines


def test_tones_are_told_once_on_the_clock_of_the_session() -> None:
    line = LineHearing(watches=lambda: True)
    for frame in frames(as_heard(line_sound("beep 1000 Hz"))):
        line.speech(frame, False, inside=False)
    [beep] = line.take_told(100_000)
    assert beep.ended_ms == pytest.approx(100_000 - 1000, abs=60)
    assert line.take_told(100_000) == []
    assert not line.tone_now


def test_tones_that_nobody_takes_are_bounded() -> None:
    line = LineHearing(watches=lambda: True)
    sound = as_heard(pcm16_of(dialled("1234567890" * 8, 0.05, 0.05)))
    for frame in frames(sound):
        line.speech(frame, False, inside=False)
    assert len(line.take_told(0)) == TOLD_MOST


def test_after_a_reset_nothing_is_known() -> None:
    line = LineHearing(watches=lambda: True)
    through(line, as_heard(line_sound("hold music, chords")))
    line.reset()
    assert not line.only_lines
    assert line.take_told(0) == []

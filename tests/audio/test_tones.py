"""Tones in a stream of audio: keys by their names, beeps by their length, and what is no tone."""

from __future__ import annotations

import numpy as np
import pytest

from parley.audio import dtmf
from parley.audio.line_tone import LineTone, key_of
from parley.audio.tones import Tones
from parley.client.noises import noise
from parley.client.recording import resampled
from parley.testing.line_sounds import KEYS, dialled, line_sound
from parley.testing.line_waves import Wave, cadence, joined, pcm16_of, quiet, tone
from parley.testing.telephone_line import as_heard, through_line

FRAME = 640


def listened(pcm16: bytes, frame: int = FRAME) -> tuple[list[bool], list[LineTone]]:
    """The verdict on each frame of PCM16 at 16 kHz, and the tones that were told."""
    tones = Tones()
    pcm16 += bytes(8 * FRAME)
    verdicts = [tones.push(pcm16[at : at + frame]) for at in range(0, len(pcm16), frame)]
    return verdicts, tones.told


def told(wave: Wave, *, noise_db: float | None = None) -> list[LineTone]:
    line = through_line(pcm16_of(joined(quiet(0.3), wave, quiet(0.3))), 8000, noise_db=noise_db)
    return listened(as_heard(line))[1]


@pytest.mark.parametrize("noise_db", [None, 20.0])
def test_every_key_is_named(noise_db: float | None) -> None:
    keys = "".join(KEYS)
    found = told(dialled(keys), noise_db=noise_db)
    assert "".join(one.key for one in found) == keys


def test_keys_pressed_as_fast_as_they_may_be_are_all_named() -> None:
    assert "".join(one.key for one in told(dialled("5551234567#", 0.05, 0.05))) == "5551234567#"


def test_the_same_key_twice_is_two() -> None:
    assert [one.key for one in told(dialled("00", 0.2, 0.1))] == ["0", "0"]


@pytest.mark.parametrize("off", [-0.015, 0.015])
def test_a_key_that_is_a_little_off_is_named(off: float) -> None:
    row, column = KEYS["7"]
    assert [one.key for one in told(tone((row * (1 + off), column * (1 + off)), 0.1))] == ["7"]


@pytest.mark.parametrize("off", [-0.035, 0.035])
def test_a_key_that_is_far_off_is_none(off: float) -> None:
    row, column = KEYS["7"]
    assert [one.key for one in told(tone((row * (1 + off), column), 0.2))] == [""]


@pytest.mark.parametrize("hertz", [350, 440, 850, 1000, 1400, 2000])
@pytest.mark.parametrize("seconds", [0.15, 0.4, 1.0])
def test_a_beep_has_its_frequency_and_its_length(hertz: float, seconds: float) -> None:
    [beep] = told(tone(hertz, seconds), noise_db=20.0)
    assert beep.single
    assert not beep.key
    assert beep.hertz[0] == pytest.approx(hertz, abs=3)
    assert beep.ms == pytest.approx(seconds * 1000, abs=30)
    assert beep.ended_ms == pytest.approx(300 + seconds * 1000, abs=60)
    assert beep.level_dbfs == pytest.approx(-13, abs=2)


def test_a_signal_of_two_frequencies_has_both() -> None:
    [first, second] = told(cadence((480, 620), 0.5, 0.5, count=2))
    assert sorted(round(hertz) for hertz in first.hertz) == [480, 620]
    assert first.ms == second.ms == pytest.approx(500, abs=30)


def test_tones_that_follow_each_other_are_told_one_by_one() -> None:
    found = told(joined(tone(985.2, 0.38), tone(1428.5, 0.38), tone(1776.7, 0.38)))
    assert [round(one.hertz[0]) for one in found] == pytest.approx([985, 1428, 1776], abs=2)


@pytest.mark.parametrize("frame", [160, 320, 640, 960, 1024, 999 * 2])
def test_the_length_of_the_frames_does_not_matter(frame: int) -> None:
    _, found = listened(as_heard(line_sound("pin")), frame)
    assert "".join(one.key for one in found) == "4711#"


def test_a_tone_is_known_while_it_sounds() -> None:
    verdicts, _ = listened(as_heard(line_sound("dial tone, US")))
    assert not any(verdicts[:3])
    assert all(verdicts[6:140])
    assert not any(verdicts[-3:])


@pytest.mark.parametrize("name", ["ah", "ee", "uh", "cough", "throat", "clap", "fan", "sneeze"])
def test_voices_and_noises_are_no_tone(name: str) -> None:
    verdicts, found = listened(resampled(noise(name), 24_000, 16_000))
    assert not any(verdicts)
    assert found == []


def test_noise_has_no_lines_and_music_has_nothing_else() -> None:
    shares = {}
    for name in ("comfort noise, loud", "hold music, chords", "hold music, arpeggio"):
        tones, seen = Tones(), []
        pcm16 = as_heard(line_sound(name))
        for at in range(0, len(pcm16), FRAME):
            tones.push(pcm16[at : at + FRAME])
            seen.append(tones.staying)
        shares[name] = float(np.mean(seen))
    assert shares["comfort noise, loud"] < 0.2
    assert shares["hold music, chords"] > 0.8
    assert shares["hold music, arpeggio"] > 0.6


def test_silence_is_nothing() -> None:
    verdicts, found = listened(bytes(32_000))
    assert not any(verdicts)
    assert found == []


def test_after_a_reset_nothing_is_known() -> None:
    tones = Tones()
    assert tones.push(as_heard(line_sound("dial tone, US"))[:-FRAME])
    tones.reset()
    assert not tones.only_tone
    assert tones.staying == 0.0
    tones.push(bytes(32_000))
    assert tones.told == []


def test_a_key_takes_two_lines_that_are_about_as_strong() -> None:
    assert key_of((697, 1209), 0.5) == "1"
    assert key_of((1209, 697), 0.5) == "1"
    assert key_of((697, 1209), 0.05) == ""
    assert key_of((697,), 0.0) == ""
    assert key_of((697, 2000), 1.0) == ""


@pytest.mark.parametrize("keys", ["", "1", "1w2W#", "0123456789*#abcdABCD"])
@pytest.mark.parametrize("rate_hz", [8_000, 16_000])
def test_keys_take_as_long_as_is_said(keys: str, rate_hz: int) -> None:
    assert len(dtmf.tones(keys, rate_hz)) == dtmf.tones_ms(keys) * rate_hz // 1000 * 2


def test_keys_that_are_sent_are_heard() -> None:
    row_by_row = "".join(dtmf.KEYS)
    assert [key_of(dtmf.hertz_of(key), 1.0) for key in row_by_row] == list(row_by_row)
    assert dtmf.hertz_of("1") == (697, 1209)
    assert dtmf.hertz_of("D") == (941, 1633)
    assert dtmf.hertz_of("0") == (941, 1336)

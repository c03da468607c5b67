"""Long recordings, cut into windows."""

from __future__ import annotations

import numpy as np
import pytest

from parley.engines.asr.long_audio import FIRST_S, NEXT_S, Windows, sound_within

RATE = 16_000


def tone(seconds: float, level: int = 5000) -> bytes:
    samples = np.sin(np.arange(int(seconds * RATE)) * 0.2) * level
    pcm16: bytes = samples.astype("<i2").tobytes()
    return pcm16


def silence(seconds: float) -> bytes:
    return bytes(int(seconds * RATE) * 2)


def test_windows_hold_all_of_it_in_order_and_none_is_too_long() -> None:
    audio = b"".join(tone(1.3, 3000 + 10 * n) + silence(0.3) for n in range(40))
    windows = Windows()
    found = []
    for at in range(0, len(audio), 50_000):
        found += windows.push(audio[at : at + 50_000])
    found += windows.flush()
    assert b"".join(window.pcm16 for window in found) == audio
    assert windows.duration_s == pytest.approx(64)
    assert found[0].end_s <= FIRST_S[1]
    assert all(w.end_s - w.start_s <= NEXT_S[1] for w in found)
    assert [w.start_s for w in found[1:]] == pytest.approx([w.end_s for w in found[:-1]])
    for window in found[:-1]:  # each ends in a pause
        assert not any(window.pcm16[-3200:])


def test_as_much_is_wanted_as_the_next_window_needs() -> None:
    windows = Windows()
    assert windows.wanted == FIRST_S[1] * 32_000
    windows.push(tone(3))
    assert windows.wanted == (FIRST_S[1] - 3) * 32_000
    windows.push(tone(3))
    assert windows.wanted >= 32_000


def test_a_window_knows_where_its_sound_is() -> None:
    windows = Windows()
    assert windows.push(silence(0.5) + tone(1) + silence(1)) == []
    (window,) = windows.flush()
    assert window.sound_from_s == pytest.approx(0.4, abs=0.03)
    assert window.sound_to_s == pytest.approx(1.6, abs=0.03)
    assert not window.silent
    assert windows.flush() == []


@pytest.mark.parametrize("pcm16", [silence(2), tone(2, 10), b"", b"\0"])
def test_silence_is_known(pcm16: bytes) -> None:
    assert sound_within(pcm16) == (0, 0)

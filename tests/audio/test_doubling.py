"""8 kHz to 16 kHz, a piece at a time."""

from __future__ import annotations

import numpy as np
import pytest

from parley.audio.doubling import DELAY_MS, Doubler


def tone(hertz: float, rate_hz: int, seconds: float = 1.0) -> np.ndarray:
    return 10_000 * np.sin(2 * np.pi * hertz * np.arange(int(rate_hz * seconds)) / rate_hz)


@pytest.mark.parametrize("hertz", [300, 1000, 2500, 3400])
def test_the_band_of_a_telephone_stays_as_it_is(hertz: float) -> None:
    doubler, given = Doubler(), tone(hertz, 8000).astype("<i2")
    pieces = [doubler.push(given[at : at + 160].tobytes()) for at in range(0, 8000, 160)]
    doubled = np.frombuffer(b"".join(pieces), dtype="<i2").astype(float)
    late = round(DELAY_MS * 16)
    whole = tone(hertz, 16_000)[1000 - late : 15_000 - late]
    error = doubled[1000:15_000] - whole
    assert 20 * np.log10(np.sqrt((error**2).mean()) / 7071) < -65


def test_as_much_comes_out_as_goes_in_whatever_the_pieces() -> None:
    given = tone(440, 8000).astype("<i2").tobytes()
    one, many = Doubler(), Doubler()
    whole = one.push(given) + one.flush()
    pieces = b"".join(many.push(given[at : at + 34]) for at in range(0, len(given), 34))
    assert whole == pieces + many.flush()
    assert len(whole) == 2 * len(given) + 4 * round(DELAY_MS * 8)


def test_full_scale_does_not_wrap() -> None:
    square = np.tile(np.repeat([32_767, -32_768], 8), 50).astype("<i2")
    doubled = np.frombuffer(Doubler().push(square.tobytes()), dtype="<i2")
    assert (np.sign(doubled[200:216:2]) == np.sign(doubled[200])).sum() >= 4
    assert abs(int(doubled.max())) > 32_000


def test_nothing_in_nothing_out() -> None:
    assert Doubler().push(b"") == b""

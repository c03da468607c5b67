"""Numbers written into audio are read back, whatever it went through."""

from __future__ import annotations

import pytest

from parley.audio.resampler import Resampler
from parley.bench.instant import MOST, InstantTranscriber, heard_words, number_of, sample_of
from parley.bench.lines import frame_of_partial, numbered_line
from parley.config import Settings
from parley.engines.kit import SessionInfo


def test_a_sample_says_its_number_and_silence_says_none() -> None:
    assert [number_of(sample_of(number)) for number in range(MOST)] == list(range(MOST))
    assert number_of(0) is None
    assert number_of(-500) is None


@pytest.mark.parametrize("number", [-1, MOST])
def test_a_number_that_no_sample_can_hold_is_refused(number: int) -> None:
    with pytest.raises(ValueError, match="a sample can say"):
        sample_of(number)


def test_a_frame_that_is_missing_ends_the_count() -> None:
    whole = [7, 7, 7, *range(200, 210)]
    assert heard_words(whole) == "caller 7 frames 10"
    assert heard_words([number for number in whole if number != 205]) == "caller 7 frames 5"
    assert heard_words([7]) == ""


@pytest.mark.parametrize("rate_hz", [16_000, 24_000])
async def test_a_line_is_heard_as_what_it_says(rate_hz: int) -> None:
    line = numbered_line(41, 20, rate_hz=rate_hz, frame_ms=100)
    resampler = Resampler(rate_hz) if rate_hz != 16_000 else None
    transcriber = InstantTranscriber(SessionInfo.outside("s", Settings.defaults().hearing))
    await transcriber.begin()
    partials = []
    for frame in line.frames:
        partials.append(await transcriber.feed(resampler.push(frame) if resampler else frame))
    if resampler:
        await transcriber.feed(resampler.flush())
    assert (await transcriber.finish()).text == line.words == "caller 41 frames 19"
    assert [frame_of_partial(text) for text in partials if text] == list(range(1, 20))

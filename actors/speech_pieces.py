"""Speech as it leaves: at the client's rate, in frames of the dialect's length."""

from __future__ import annotations

from collections.abc import Iterator

from ..audio.resampler import Resampler
from ..engines.tts.interface import Speech


def at_rate(speech: Speech, rate_hz: int | None) -> Speech:
    """The same speech at this rate; None leaves it as it is."""
    if rate_hz in (None, speech.rate_hz):
        return speech
    resampler = Resampler(speech.rate_hz, rate_hz)
    return Speech(pcm16=resampler.push(speech.pcm16) + resampler.flush(), rate_hz=rate_hz)


def pieces(speech: Speech, frame_ms: int | None) -> Iterator[Speech]:
    """The same speech in frames of this length; None leaves it whole."""
    if frame_ms is None:
        yield speech
        return
    step = speech.rate_hz * frame_ms // 1000 * 2
    for start in range(0, len(speech.pcm16), step):
        yield Speech(pcm16=speech.pcm16[start : start + step], rate_hz=speech.rate_hz)

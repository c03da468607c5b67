"""The sound of one client, who was told to send PCM16 and may send something else.

What begins with a WAV's header is read by it, whatever was said of the rate; numbers that are
floats between -1 and 1 are read as such; chunks of odd length are one stream. Other kinds of files
(a browser's MediaRecorder makes WebM) and bytes that as PCM16 would be noise are recognised and
refused, once. Pure. One per client; plain PCM16 costs it a microsecond a frame, but for the first
frames behind a start.
"""

from __future__ import annotations

import numpy as np

from . import g711
from .byte_stream import PLAIN, ByteStream
from .containers import LOUD_RMS, RELATED, correlation, is_text, live_file
from .wav import NotAWav
from .wav_stream import WavStream, as_pcm16

LOOKS = 2
"""Once so many frames are plainly speech or another sound, none is looked at any more."""

LOOKED_AT = 200
"""Nor behind so many, if it was never plain."""

LOOK_LEAST_BYTES = 160
"""A frame of less says too little: 5 ms at 16 kHz, or 20 ms of G.711."""

SURE_BYTES = 8_000
"""So much has to be noise before it is taken for something else: a fifth of a second of PCM16, in
which an overdriven S may be the first sound of a word."""

FLOAT_LEAST, FLOAT_MOST = 1e-7, 8.0
"""Of a sample that is no silence, as a float. Nearly no pair of PCM16 samples reads so."""


class Refused(Exception):
    """What comes is refused until the next start. `told`: whether that was said before."""

    def __init__(self, message: str, told: bool) -> None:
        super().__init__(message)
        self.message = message
        self.told = told


class ClientSound:
    """`push` gives PCM16 mono. Where the sound itself says its rate, `rate_hz` has it, and
    otherwise 0; `news` is what is to be told of the newest chunk, empty nearly always."""

    def __init__(self) -> None:
        self.rate_hz = 0
        self.news = ""
        self._told: set[str] = set()
        self._stream = ByteStream()
        self.begin()

    def begin(self) -> None:
        """Of another piece of sound: after a start, or after a stop."""
        self.rate_hz = 0
        self._stream.forget()
        self._wav: WavStream | None = None
        self._floats: bytes | None = None
        """What is left of a number; None: they are no floats."""
        self._refused = ""
        self._looks, self._looked_at = LOOKS, LOOKED_AT
        self._noisy = self._swapped = 0

    @property
    def is_refused(self) -> bool:
        return bool(self._refused)

    def push(self, data: bytes) -> bytes:
        """Raises Refused."""
        self.news = ""
        kind = live_file(data)
        if kind == "wav":
            self._begin_wav()
        elif kind is not None:
            self._refuse(f"this is {kind}; send PCM16 without a header, or WAV")
        if self._refused:
            raise Refused(self._refused, told=True)
        if self._wav is not None:
            return self._of_wav(self._wav, data)
        if self._floats is not None:
            return self._of_floats(data)
        if not self._looks:
            return self._stream.push(data)
        self._looked_at -= 1
        if not self._looked_at:
            self._looks = 0
        if len(data) < LOOK_LEAST_BYTES or _loudness(data) < QUIET_RMS:
            return self._stream.push(data)
        if not self._stream.is_within_sample and _are_floats(data):
            self._floats = b""
            self._tell("the audio is numbers of 32 bits (float) and is read as such")
            return self._of_floats(data)
        pcm16 = self._stream.push(data)
        self._look(pcm16)
        return pcm16

    def _tell(self, news: str) -> None:
        if news not in self._told:
            self._told.add(news)
            self.news = news

    def _refuse(self, message: str) -> None:
        told, self._refused = self._refused == message, message
        self._wav = self._floats = None
        raise Refused(message, told=told)

    # WAV

    def _begin_wav(self) -> None:
        self._refused = ""
        self._floats = None
        self._stream.forget()
        self._wav = WavStream("the audio")

    def _of_wav(self, wav: WavStream, data: bytes) -> bytes:
        try:
            pcm16 = wav.feed(data)
        except NotAWav as problem:
            self._refuse(f"this is a WAV that cannot be read: it {problem.why}")
        self.rate_hz = wav.rate_hz or self.rate_hz
        if wav.told:
            self._tell(f"the audio is WAV and is read by its header: {wav.told}")
        return pcm16

    # Numbers without a header

    def _look(self, pcm16: bytes) -> None:
        """Raises Refused where they are no sound at all."""
        if (rms := _loudness(pcm16)) < QUIET_RMS:
            return
        if is_text(pcm16):
            self._refuse("this is text; send PCM16 without a header, or WAV")
        samples = np.frombuffer(pcm16, "<i2").astype(np.float64) / 32_768
        related = abs(correlation(samples))
        swapped = abs(correlation(np.frombuffer(pcm16, ">i2") / 32_768))
        if related > swapped + RELATED:
            self._looks -= 1
            self._noisy = self._swapped = 0
        elif swapped > related + RELATED:
            self._swapped += len(pcm16)
        elif rms > LOUD_RMS and (related < RELATED or _is_g711(pcm16)):
            self._noisy += len(pcm16)
        if self._swapped >= SURE_BYTES:
            self._refuse("this is PCM16 with the high byte first; send it little-endian")
        if self._noisy >= SURE_BYTES:
            self._refuse(
                "as PCM16 (little-endian, 16 bits a sample) this would be noise: it is compressed "
                "(Opus, G.711 or the like), or samples of another kind; send PCM16 without a "
                "header, or WAV"
            )

    def _of_floats(self, data: bytes) -> bytes:
        data = (self._floats or b"") + data
        whole = len(data) // 4 * 4
        self._floats = data[whole:]
        return as_pcm16(data[:whole], True, 32, 1)


QUIET_RMS = 0.003
"""Of full scale, -50 dB: below it a frame is silence, and says nothing of what follows. Neither
text nor floats read as PCM16 are so quiet."""


def _loudness(data: bytes) -> float:
    """As PCM16, root mean square of full scale. A sample that stands still is no sound."""
    samples = np.frombuffer(data, "<i2", len(data) // 2).astype(np.float32)
    samples -= samples.mean() if samples.size else 0.0
    return float(np.sqrt(samples @ samples / max(samples.size, 1))) / 32_768


def _is_g711(data: bytes) -> bool:
    """Whether as G.711 it is plainly sound."""
    laws: tuple[g711.Law, ...] = ("ulaw", "alaw")
    heard = [np.frombuffer(g711.decode(data, law), "<i2") / 32_768 for law in laws]
    return any(samples.std() > QUIET_RMS and correlation(samples) > PLAIN for samples in heard)


def _are_floats(data: bytes) -> bool:
    if len(data) % 4:
        return False
    numbers = np.frombuffer(data, "<f4")
    with np.errstate(invalid="ignore"):
        sizes = np.abs(numbers)
        fit = (sizes == 0) | ((sizes > FLOAT_LEAST) & (sizes < FLOAT_MOST))
    # PCM16 that is silent reads as zeros here, too: some of it has to be a number.
    some = (numbers != 0).mean() > 0.5 and numbers.min() != numbers.max()
    return bool(fit.all() and some)

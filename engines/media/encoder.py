"""Speech as files and streams: PCM16 in, MP3, Opus, AAC, FLAC, WAV or bare PCM out, piece by piece.

An encoder keeps its state, so that what it has given can be played while the rest is being spoken.
It is plain and blocks for about a hundredth of the sound's length: who has an event loop calls it
in a thread. It needs no process of its own, unlike decoding: the samples are Parley's own, and no
byte of a stranger's reaches FFmpeg here. A process that others' files may kill would cut the speech
of everyone else, and a call to it costs more than the encoding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, get_args

import numpy as np

from ...audio.wav import wav_bytes

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

SpeechFormat: TypeAlias = Literal["mp3", "opus", "aac", "flac", "wav", "pcm"]
FORMATS: tuple[SpeechFormat, ...] = get_args(SpeechFormat)

RATE_HZ = 24_000
"""What OpenAI's voices have, and what `pcm` means to its clients: PCM16 little-endian, mono."""

CONTENT_TYPES: dict[SpeechFormat, str] = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}

UNKNOWN_SIZE = b"\xff\xff\xff\xff"
"""Of a WAV whose end nobody knows yet."""


class Encoder(Protocol):
    """One stream. `encode` may give nothing yet; `finish` gives the rest, and comes last."""

    def encode(self, pcm16: bytes) -> bytes: ...

    def finish(self) -> bytes: ...


def encoder_for(wanted: SpeechFormat) -> Encoder:
    """For PCM16 mono at RATE_HZ."""
    match wanted:
        case "pcm":
            return _Bare(b"")
        case "wav":
            return _Bare(streamed_wav_head())
        case _:
            return _ByFFmpeg(_CODECS[wanted])


def streamed_wav_head() -> bytes:
    """The header of a WAV that lasts until its stream ends."""
    head = wav_bytes(b"", RATE_HZ)
    return head[:4] + UNKNOWN_SIZE + head[8:-4] + UNKNOWN_SIZE


@dataclass(slots=True)
class _Bare:
    """Samples as they are, behind a head."""

    head: bytes

    def encode(self, pcm16: bytes) -> bytes:
        head, self.head = self.head, b""
        return head + pcm16

    def finish(self) -> bytes:
        return self.encode(b"")


@dataclass(frozen=True, slots=True)
class _Codec:
    codec: str
    container: str
    bit_rate: int | None = None
    options: tuple[tuple[str, str], ...] = ()
    """Of the container."""


_CODECS: dict[str, _Codec] = {
    # No ID3 in front and no Xing header: players would wait for sizes that nobody knows yet.
    "mp3": _Codec("libmp3lame", "mp3", 64_000, (("write_xing", "0"), ("id3v2_version", "0"))),
    # A page every fifth of a second, where FFmpeg would collect a whole one.
    "opus": _Codec("libopus", "ogg", 32_000, (("page_duration", "200000"),)),
    "aac": _Codec("aac", "adts", 96_000),
    "flac": _Codec("flac", "flac"),
}


class _Out:
    """Where FFmpeg writes: it cannot go back, so it writes what can be streamed."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, data: bytes) -> int:
        self._written += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self._written)
        self._written.clear()
        return taken


class _ByFFmpeg:
    def __init__(self, codec: _Codec) -> None:
        import av

        self._out = _Out()
        self._container = av.open(
            self._out, "w", format=codec.container, options=dict(codec.options)
        )
        stream: Any = self._container.add_stream(codec.codec, rate=RATE_HZ)
        stream.layout = "mono"
        if codec.bit_rate is not None:
            stream.bit_rate = codec.bit_rate
        self._stream = stream
        self._resampler = av.AudioResampler(format=stream.format, layout="mono", rate=RATE_HZ)
        self._samples = 0

    def encode(self, pcm16: bytes) -> bytes:
        if pcm16:
            self._mux(self._frame(pcm16))
        return self._out.take()

    def finish(self) -> bytes:
        self._mux(None)
        self._container.mux(self._stream.encode(None))
        self._container.close()
        return self._out.take()

    def _mux(self, frame: AudioFrame | None) -> None:
        for piece in self._resampler.resample(frame):
            self._container.mux(self._stream.encode(piece))

    def _frame(self, pcm16: bytes) -> AudioFrame:
        import av

        samples = np.frombuffer(pcm16, "<i2")[None, :]
        frame = av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE_HZ, self._samples
        self._samples += samples.shape[1]
        return frame

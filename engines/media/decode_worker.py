"""The worker's side of recorded blobs: what a browser recorded, as what the recognizer hears.

FFmpeg (by PyAV) reads whatever strangers upload, so it runs here, in a process of its own that
holds nothing else: a file that crashes it or makes it hang costs its own request. It may open no
other file, knows few formats, gets little memory, and stops at the limit, before a bomb goes off.
"""

from __future__ import annotations

import io
import itertools
import resource
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from ...audio.downmix import Downmix
from ...audio.pcm import HEARING_RATE_HZ
from ...audio.wav_stream import as_pcm16
from ..failures import EngineFailure

if TYPE_CHECKING:
    import av
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream

BYTES_PER_S = HEARING_RATE_HZ * 2

FORMATS = "wav,matroska,webm,mov,mp4,m4a,ogg,flac,mp3,aac,aiff,au,caf,amr,asf,mpegts,loas,w64"
"""What MediaRecorder makes, and what people have on disk. None of them names other files; mov has
3gp, too."""

CODECS = (
    *("opus", "libopus", "vorbis", "libvorbis", "aac", "aac_latm", "flac", "alac"),
    *("mp3", "mp3float", "mp2", "mp2float", "ac3", "wmav1", "wmav2"),
    *("amrnb", "amrwb", "amr_nb", "amr_wb", "libopencore_amrnb", "libopencore_amrwb"),
    *("pcm_u8", "pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le", "pcm_f64le"),
    *("pcm_s8", "pcm_s16be", "pcm_s24be", "pcm_s32be", "pcm_f32be", "pcm_f64be"),
    *("pcm_alaw", "pcm_mulaw", "adpcm_ima_wav", "adpcm_ms", "adpcm_ima_qt"),
)
"""Decoders that may run, by FFmpeg's names."""

RATES_HZ = range(4_000, 192_001)
"""Sound below is no speech; a header of 1 Hz would make gigabytes of a few samples."""

STREAMS_MAX = 8
"""Tracks in one file; a recording has one or two."""

NO_AUDIO = "the recording holds no audio"

MEMORY_BYTES = 1 << 30
"""What this process may address beyond what it had when it was ready. A blob and its audio take
some 20 MB; the rest is for FFmpeg's own buffers."""


class NotAudio(EngineFailure):
    """The blob is nothing that can be heard: its sender's fault, not the engine's."""

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message, retryable=retryable)


class TooMuchAudio(NotAudio):
    """The blob holds more audio than is allowed."""


def load() -> None:
    """A lane's `init`: FFmpeg loaded and quiet, memory limited."""
    import av

    av.logging.set_level(av.logging.PANIC)
    with open("/proc/self/statm") as statm:
        used = int(statm.read().split()[0]) * resource.getpagesize()
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    limit = used + MEMORY_BYTES
    resource.setrlimit(
        resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard)
    )


def decode(blob: bytes, limit_ms: int) -> bytes:
    """PCM16 mono at 16 kHz. A damaged or truncated file gives what comes before the damage.

    Raises NotAudio, or TooMuchAudio as soon as more than `limit_ms` has been decoded.
    """
    import av

    pcm16 = bytearray()
    try:
        with open_sandboxed(io.BytesIO(blob)) as container:
            for piece in heard(container, limit_ms):
                pcm16 += piece
    except (av.FFmpegError, ValueError, MemoryError) as error:
        if not pcm16:
            raise unreadable(error) from None
    if not pcm16:
        raise NotAudio(NO_AUDIO)
    return bytes(pcm16[: limit_ms * BYTES_PER_S // 1000])


def open_sandboxed(source: BinaryIO) -> av.container.InputContainer:
    """What FFmpeg makes of a file; it may use nothing but this one, and knows few formats."""
    import av

    return av.open(
        source,
        mode="r",
        metadata_errors="ignore",
        options={
            "format_whitelist": FORMATS,
            "codec_whitelist": ",".join(CODECS),
            "protocol_whitelist": "none",
            "max_streams": str(STREAMS_MAX),
        },
    )


def heard(container: av.container.InputContainer, limit_ms: int) -> Iterator[bytes]:
    """PCM16 mono at 16 kHz, frame by frame. Raises what FFmpeg raises, NotAudio or TooMuchAudio."""
    import av

    frames = _frames(container, limit_ms)
    first = next(frames, None)
    if first is None:
        return
    # Two channels may take each other out. More are a film's, and FFmpeg knows how to mix those.
    channels = 2 if first.layout.nb_channels == 2 else 1
    layout = "stereo" if channels == 2 else "mono"
    resampler = av.AudioResampler(format="s16", layout=layout, rate=HEARING_RATE_HZ)
    mixer = Downmix()
    for frame in itertools.chain((first,), frames, (None,)):
        for piece in resampler.resample(frame):
            pcm16 = bytes(piece.planes[0])[: piece.samples * 2 * channels]
            yield as_pcm16(pcm16, False, 16, channels, mixer)


def unreadable(error: Exception) -> NotAudio:
    """FFmpeg's failure, for whoever sent the file."""
    return NotAudio(f"this is no recording that can be read ({_why(error)})")


def _frames(container: av.container.InputContainer, limit_ms: int) -> Iterator[AudioFrame]:
    """The decoded pieces of the first sound track, each checked before it is resampled."""
    if not container.streams.audio:
        raise NotAudio("the recording holds no sound track")
    stream: AudioStream = container.streams.audio[0]
    if stream.codec_context.name not in CODECS:
        raise NotAudio(f"the codec {stream.codec_context.name} is not read here")
    seconds = 0.0
    for frame in container.decode(stream):
        if frame.sample_rate not in RATES_HZ:
            raise NotAudio(f"a sample rate of {frame.sample_rate} Hz is not read here")
        seconds += frame.samples / frame.sample_rate
        if seconds * 1000 > limit_ms + 1:  # a millisecond for the sum's rounding
            raise TooMuchAudio(f"the recording is longer than {limit_ms / 1000:g} s")
        yield frame


def _why(error: Exception) -> str:
    return getattr(error, "strerror", None) or type(error).__name__

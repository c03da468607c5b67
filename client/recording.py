"""Recordings on their way in, replies on their way out: files at the edge of the client."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ..audio.pcm import HEARING_RATE_HZ
from ..audio.wav import NotAWav, parse_wav, read_wav, wav_bytes
from .utterance import Utterance


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """PCM16 mono at HEARING_RATE_HZ; `spoken` is what is said in it, where that is known."""

    name: str
    pcm16: bytes
    spoken: str | None = None


def load_recording(path: Path, spoken: str | None = None) -> Recording:
    """The recording in a WAV file. Raises NotAWav."""
    wav = read_wav(path)
    return Recording(
        name=path.stem, pcm16=resampled(wav.pcm16, wav.rate_hz, HEARING_RATE_HZ), spoken=spoken
    )


def load_folder(folder: Path) -> list[Recording]:
    """Every *.wav of a folder by name, with its words from words.txt where there is one.

    Raises NotAWav, also where the folder holds none.
    """
    spoken: dict[str, str] = {}
    words = folder / "words.txt"
    if words.is_file():
        lines = words.read_text(encoding="utf-8").splitlines()
        spoken = dict(line.split("\t", 1) for line in lines if "\t" in line)
    paths = sorted(folder.glob("*.wav"))
    if not paths:
        raise NotAWav(folder, "holds no *.wav")
    return [load_recording(path, spoken.get(path.name)) for path in paths]


def resampled(pcm16: bytes, from_hz: int, to_hz: int) -> bytes:
    """PCM16 mono at another rate."""
    if from_hz == to_hz:
        return pcm16
    import numpy as np
    import soxr

    samples = soxr.resample(np.frombuffer(pcm16, dtype="<i2"), from_hz, to_hz)
    converted: bytes = samples.astype("<i2").tobytes()
    return converted


def reply_wav(utterance: Utterance) -> bytes | None:
    """All phrases of a reply as one WAV at the first one's rate; None where there were none.

    A phrase that is no WAV is left out.
    """
    pcm16, rate_hz = b"", 0
    for _, phrase in utterance.phrases:
        try:
            wav = parse_wav(phrase.audio_b64)
        except NotAWav:
            continue
        rate_hz = rate_hz or wav.rate_hz
        pcm16 += resampled(wav.pcm16, wav.rate_hz, rate_hz)
    return wav_bytes(pcm16, rate_hz) if rate_hz else None

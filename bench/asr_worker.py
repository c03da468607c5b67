"""What stock faster-whisper does with the model that a lane has loaded: the other side of the
comparison. Runs in the lane's worker."""

from __future__ import annotations

import time

import numpy as np

from ..engines.asr import whisper_worker


def stock(pcm16: bytes, beam: int, tokens: int) -> tuple[float, int]:
    """`WhisperModel.transcribe` over PCM16 at 16 kHz: milliseconds, and how many tokens it made.

    Everything that would make it decode twice is off; timestamps are off as in our partials.
    """
    model = whisper_worker.loaded()
    samples = np.frombuffer(pcm16, dtype="<i2").astype(np.float32) / 32768.0
    prompt = 4 if model.model.is_multilingual else 2
    began_s = time.perf_counter()
    segments, _ = model.transcribe(
        samples,
        language="en",
        beam_size=beam,
        temperature=0.0,
        condition_on_previous_text=False,
        without_timestamps=True,
        vad_filter=False,
        # CTranslate2 takes the half of a length for the most that is decoded.
        max_new_tokens=max(2 * tokens, tokens + prompt) - prompt,
        compression_ratio_threshold=None,
        log_prob_threshold=None,
        no_speech_threshold=None,
    )
    made = sum(len(segment.tokens) for segment in segments)
    return (time.perf_counter() - began_s) * 1000, made

"""Speech faster or slower, at the pitch that it has: FFmpeg's `atempo`, for voices that have one
pace. Plain, stateful, one per stream; see encoder.py for why it needs no process."""

from __future__ import annotations

from typing import Any

import numpy as np

SLOWEST_STEP = 0.5
"""What one filter can do; for less, two stand in a row."""


class Tempo:
    """PCM16 mono at `rate_hz`. `push` may give less than it should; `flush` gives the rest."""

    def __init__(self, speed: float, rate_hz: int) -> None:
        import av

        self._av = av
        self._rate_hz = rate_hz
        self._samples = 0
        self._graph = av.filter.Graph()
        nodes: list[Any] = [
            self._graph.add_abuffer(format="s16", sample_rate=rate_hz, layout="mono")
        ]
        while speed < SLOWEST_STEP:
            nodes.append(self._graph.add("atempo", str(SLOWEST_STEP)))
            speed /= SLOWEST_STEP
        nodes += [
            self._graph.add("atempo", f"{speed:.6f}"),
            self._graph.add("aformat", "sample_fmts=s16:channel_layouts=mono"),
            self._graph.add("abuffersink"),
        ]
        self._graph.link_nodes(*nodes).configure()

    def push(self, pcm16: bytes) -> bytes:
        if not pcm16:
            return b""
        samples = np.frombuffer(pcm16, "<i2")[None, :]
        frame = self._av.AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate, frame.pts = self._rate_hz, self._samples
        self._samples += samples.shape[1]
        self._graph.push(frame)
        return self._pull()

    def flush(self) -> bytes:
        self._graph.push(None)
        return self._pull()

    def _pull(self) -> bytes:
        pcm16 = bytearray()
        while True:
            try:
                frame: Any = self._graph.pull()
            except (self._av.BlockingIOError, self._av.EOFError):
                return bytes(pcm16)
            pcm16 += bytes(frame.planes[0])[: frame.samples * 2]

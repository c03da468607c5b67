"""A sounddevice that makes no sound."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any


class FakePortAudioError(Exception):
    pass


class FakeStream:
    """Both directions; what is written lies in `played`."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.callback: Callable[..., None] | None = options.get("callback")
        self.played: list[bytes] = []
        self.calls: list[str] = []
        self.gate: threading.Event | None = None

    def start(self) -> None:
        self.calls.append("start")

    def stop(self) -> None:
        self.calls.append("stop")

    def abort(self) -> None:
        self.calls.append("abort")

    def close(self) -> None:
        self.calls.append("close")

    def write(self, data: bytes) -> None:
        self.played.append(data)
        if self.gate is not None:
            self.gate.wait(5)

    def record(self, *frames: bytes) -> None:
        """PortAudio's thread calls back."""
        assert self.callback is not None
        for frame in frames:
            self.callback(frame, len(frame) // 2, None, None)


class FakeSound(SimpleNamespace):
    def __init__(self) -> None:
        super().__init__(PortAudioError=FakePortAudioError, streams=[], broken=False, gate=None)

    def _open(self, **options: Any) -> FakeStream:
        if self.broken:
            raise FakePortAudioError("no default device")
        stream = FakeStream(**options)
        stream.gate = self.gate
        self.streams.append(stream)
        return stream

    def query_devices(self, device: object = None, kind: str | None = None) -> dict[str, Any]:
        """The default device."""
        return {"name": "fake", "max_input_channels": 1, "max_output_channels": 1}

    RawInputStream = _open
    RawOutputStream = _open

"""Every event in the kept recordings of dialect D has its shape and its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from parley.recording.mcap_file import read_recording
from support.realtime import check
from support.realtime_order import OrderModel

FILES = sorted((Path(__file__).parents[2] / "recordings").glob("realtime-*.mcap"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_recorded_events_hold(path: Path) -> None:
    out = [entry.data.get("text") for entry in read_recording(path).entries if entry.kind == "out"]
    events = [json.loads(frame) for frame in out if frame]
    assert len(events) > 20
    check(events, OrderModel())


def test_there_are_recordings() -> None:
    assert len(FILES) >= 4

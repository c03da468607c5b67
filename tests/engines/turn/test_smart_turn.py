"""Smart Turn in a lane, for real but for the model: a tiny one of its shape."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trio

from parley.engines.failures import EngineFailure, EngineUnavailable, LaneLost
from parley.engines.lanes.lane import Lane
from parley.engines.lanes.pool import LanePool
from parley.engines.turn import smart_turn_worker as worker
from parley.engines.turn.interface import Pause, TurnEndEngine
from parley.engines.turn.smart_turn import SmartTurnEnd, loader
from support.tiny_turn import write_turn_model

RATE_HZ = 16_000


def noise(seconds: float, level: float = 0.1) -> bytes:
    samples = np.random.default_rng(1).normal(0, level * 32768, int(seconds * RATE_HZ))
    return samples.clip(-32768, 32767).astype("<i2").tobytes()


@pytest.fixture
def loaded(tmp_path: Path) -> Iterator[None]:
    """For tests in this process: the worker's module is as it was, afterwards."""
    before = worker._session, worker._extract
    worker.load(str(write_turn_model(tmp_path)))
    yield
    worker._session, worker._extract = before


@asynccontextmanager
async def a_lane(init: Any) -> AsyncIterator[Lane]:
    lane = Lane("turn", init)
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            await nursery.start(lane.run)
            yield lane
            nursery.cancel_scope.cancel()


# In its lane.


@pytest.mark.slow
async def test_a_lane_gives_a_likelihood_for_any_audio(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with a_lane(loader(str(write_turn_model(tmp_path)))) as lane:
        engine: TurnEndEngine = SmartTurnEnd(LanePool([lane]))
        assert not engine.needs_text
        loud = await engine.likelihood(Pause(text="", pcm16=noise(3)))
        quiet = await engine.likelihood(Pause(text="", pcm16=noise(3) + bytes(2 * RATE_HZ)))
        assert 0 <= quiet < loud <= 1
        for pcm16 in (b"", b"\1", noise(0.01), noise(8), noise(20)):
            assert 0 <= await engine.likelihood(Pause(text="", pcm16=pcm16)) <= 1
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
async def test_a_worker_that_is_killed_is_replaced_with_the_same_model(tmp_path: Path) -> None:
    lane = Lane("turn", loader(str(write_turn_model(tmp_path))))
    engine = SmartTurnEnd(LanePool([lane]))
    pause = Pause(text="", pcm16=noise(2))
    lost = 0
    with trio.fail_after(30):
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(lane.run)
                before = await engine.likelihood(pause)
                assert lane.pid is not None
                os.kill(lane.pid, signal.SIGKILL)
        except* LaneLost:
            lost += 1
        async with trio.open_nursery() as nursery:
            await nursery.start(lane.run)
            assert await engine.likelihood(pause) == before
            nursery.cancel_scope.cancel()
    assert lost == 1


@pytest.mark.slow
async def test_a_model_that_cannot_be_loaded_is_a_load_error(tmp_path: Path) -> None:
    async with a_lane(loader(str(tmp_path / "nothing.onnx"))) as lane:
        engine = SmartTurnEnd(LanePool([lane]))
        with pytest.raises(EngineUnavailable, match=r"nothing\.onnx"):
            await engine.likelihood(Pause(text="", pcm16=noise(1)))


# In this process.


@pytest.mark.usefixtures("loaded")
def test_short_audio_stands_at_the_end() -> None:
    features = worker.features(noise(1))
    assert features.shape == (1, 80, 800)
    assert features.dtype == np.float32
    assert features[..., 701:].mean() > features[..., :698].mean() + 0.5
    assert np.ptp(features[..., 2:698], axis=-1).max() < 0.01


@pytest.mark.usefixtures("loaded")
def test_of_long_audio_the_newest_counts() -> None:
    long = noise(11)
    assert np.array_equal(worker.features(long), worker.features(long[-8 * 2 * RATE_HZ :]))


@pytest.mark.usefixtures("loaded")
def test_how_loud_it_is_does_not_matter() -> None:
    assert np.allclose(worker.features(noise(8, 0.2)), worker.features(noise(8, 0.02)), atol=0.02)


def _refused(path: Path, words: str) -> None:
    with pytest.raises(EngineUnavailable, match=words) as refusal:
        worker.load(str(path))
    assert "\n" not in str(refusal.value)


def test_a_missing_model_is_told(tmp_path: Path) -> None:
    _refused(tmp_path / "none.onnx", r"not there: .*none\.onnx; `parley models pull smart-turn`")


@pytest.mark.parametrize(
    "content", [b"", b"not a model", b"version https://git-lfs.github.com/spec/v1\n"]
)
def test_what_is_no_model_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "turn.onnx"
    path.write_bytes(content)
    _refused(path, r"turn\.onnx (cannot be loaded|is another model)")


def test_half_a_model_is_told(tmp_path: Path) -> None:
    path = write_turn_model(tmp_path)
    path.write_bytes(path.read_bytes()[:200])
    _refused(path, r"turn\.onnx cannot be loaded")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"name": "input"}, r"another model than Smart Turn v3: it takes input \["),
        ({"shape": ("batch", 80, 3000)}, r"it takes input_features \['batch', 80, 3000\]"),
        ({"shape": ("batch", 128, 800)}, r"128, 800\]"),
        ({"shape": ("batch", 800)}, "another model"),
    ],
)
def test_a_model_of_another_shape_is_told(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    _refused(write_turn_model(tmp_path, **changes), words)


def test_a_model_that_gives_no_likelihood_is_told(tmp_path: Path) -> None:
    before = worker._session, worker._extract
    _refused(write_turn_model(tmp_path, likely=False), "does not answer: .* no likelihood")
    worker._session, worker._extract = before


@pytest.mark.parametrize("module", ["onnxruntime", "faster_whisper.feature_extractor"])
def test_a_missing_library_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    _refused(write_turn_model(tmp_path), "pip install onnxruntime")


@pytest.mark.usefixtures("loaded")
def test_an_answer_that_is_no_number_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken:
        def run(self, *_: Any) -> list[Any]:
            return [np.array([[np.nan]])]

    monkeypatch.setattr(worker, "_session", Broken())
    with pytest.raises(EngineFailure, match="no likelihood"):
        worker.likelihood(noise(1))

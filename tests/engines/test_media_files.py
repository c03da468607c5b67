"""Long recordings, read piece by piece."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import trio

from parley.engines.failures import EngineTimeout, LaneLost
from parley.engines.lanes.lane import Lane
from parley.engines.media import file_worker
from parley.engines.media.decode_worker import NotAudio, TooMuchAudio
from parley.engines.media.recording_file import RecordingFile
from support.blobs import recorded
from support.live_server import WEATHER

PCM16 = WEATHER.pcm16 * 3
FLAC = recorded(PCM16, "flac", "flac", 16_000)
SIZE = 32_000


@pytest.fixture
def flac(tmp_path: Path) -> Path:
    path = tmp_path / "upload"
    path.write_bytes(FLAC)
    return path


def read(number: int, size: int = SIZE) -> bytes:
    return b"".join(iter(lambda: file_worker.more(number, size), b""))


@pytest.mark.parametrize("size", [1000, 32_000, 10_000_000])
def test_a_file_comes_in_pieces_of_the_size_that_is_asked_for(flac: Path, size: int) -> None:
    file_worker.begin(1, str(flac), 60_000)
    first = file_worker.more(1, size)
    assert len(first) == min(size, len(PCM16))
    assert first + read(1, size) == PCM16
    assert file_worker.more(1, size) == b""
    file_worker.end(1)
    file_worker.end(1)


def test_a_file_may_be_opened_in_its_middle(flac: Path) -> None:
    file_worker.begin(1, str(flac), 60_000, 50_000)
    assert read(1) == PCM16[50_000:]
    file_worker.begin(1, str(flac), 60_000, 10 * len(PCM16))
    assert read(1) == b""
    file_worker.end(1)


def test_what_is_too_long_is_given_up_where_the_limit_is(flac: Path) -> None:
    file_worker.begin(1, str(flac), 2000)
    assert len(file_worker.more(1, SIZE)) == SIZE
    with pytest.raises(TooMuchAudio):
        read(1)
    file_worker.end(1)


@pytest.mark.parametrize("data", [b"", b"no sound at all" * 100, b"fLaC" + bytes(1000)])
def test_what_is_no_sound_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "upload"
    path.write_bytes(data)
    with pytest.raises(NotAudio):
        file_worker.begin(1, str(path), 2000)
        read(1)
    file_worker.end(1)


def test_a_damaged_file_ends_at_the_damage(tmp_path: Path) -> None:
    path = tmp_path / "upload"
    path.write_bytes(FLAC[: len(FLAC) // 2])
    file_worker.begin(1, str(path), 60_000)
    got = read(1)
    assert 0 < len(got) < len(PCM16)
    assert got[:SIZE] == PCM16[:SIZE]
    file_worker.end(1)


def test_only_so_many_files_are_open(flac: Path) -> None:
    for number in range(file_worker.OPEN_MAX + 5):
        file_worker.begin(number, str(flac), 60_000)
    assert len(file_worker._files) == file_worker.OPEN_MAX
    for number in range(file_worker.OPEN_MAX + 5):
        file_worker.end(number)
    assert not file_worker._files


class FakeLane:
    """In place of the media lane. Its worker is lost at the calls that `lost` names."""

    def __init__(self, lost: dict[int, Exception]) -> None:
        self.generation = 1
        self.calls = 0
        self.posted: list[object] = []
        self._lost = lost

    async def call(
        self, fn: Callable[..., object], *args: object, generation: int | None = None
    ) -> object:
        await trio.lowlevel.checkpoint()
        self.calls += 1
        if (failure := self._lost.get(self.calls)) is not None:
            for number in list(file_worker._files):
                file_worker.end(number)
            self.generation += 1
            raise failure
        assert generation in (None, self.generation)
        return fn(*args)

    def post(self, fn: Callable[..., object], *args: object, generation: int) -> None:
        self.posted.append(fn(*args))


async def whole(lane: FakeLane, path: Path) -> bytes:
    recording = RecordingFile(cast(Lane, lane), path, 60_000)
    got = b""
    try:
        while piece := await recording.more(SIZE):
            got += piece
    finally:
        recording.close()
        recording.close()
    return got


async def test_a_recording_is_read_to_its_end_and_closed(flac: Path, autojump_clock: Any) -> None:
    lane = FakeLane({})
    assert await whole(lane, flac) == PCM16
    assert len(lane.posted) == 1


async def test_a_worker_that_is_lost_by_anothers_file_costs_nothing(
    flac: Path, autojump_clock: Any
) -> None:
    lane = FakeLane({4: LaneLost("gone"), 5: LaneLost("gone again")})
    assert await whole(lane, flac) == PCM16


@pytest.mark.parametrize("failure", [LaneLost("gone"), EngineTimeout("a trap")])
async def test_a_file_that_breaks_its_worker_is_given_up(
    failure: Exception, flac: Path, autojump_clock: Any
) -> None:
    lane = FakeLane(dict.fromkeys(range(1, 100), failure))
    with pytest.raises(type(failure)):
        await whole(lane, flac)
    assert lane.calls <= 3

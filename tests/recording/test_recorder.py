"""A recording as it is written: the session never waits for it, whatever the disk does."""

from __future__ import annotations

import errno
import io
import os
import resource
import shutil
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

import pytest
import trio

from parley.recording.mcap_file import open_recording, read_recording
from parley.recording.privacy import Privacy
from parley.recording.recorder import Recorder
from parley.recording.tape import Entry, Header
from parley.recording.waiting import Budget
from parley.telemetry import Telemetry
from support.logs import caught_log

HEADER = Header(
    session_id="0123456789ab",
    dialect="prompt-voice",
    opened_ms=1_790_000_000_000,
    settings={},
    detector_frame_samples=320,
)
FLUSH_S = 0.2
"""Threads write, so that no clock can be made to jump: what waits a second, waits this long."""


@pytest.fixture(autouse=True)
def flushes_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parley.recording.recorder.FLUSH_S", FLUSH_S)


def frame(number: int, size: int = 3200) -> Entry:
    return Entry(at_s=number / 10, source=f"in#{number}", audio=bytes(size))


def counted(telemetry: Telemetry, name: str) -> float:
    return telemetry.registry.get_sample_value(f"parley_{name}_total") or 0.0


@asynccontextmanager
async def recording(path: Path, telemetry: Telemetry, **options: object) -> AsyncIterator[Recorder]:
    """A recorder at work; it is closed, and has ended, behind the block."""
    recorder = Recorder(path, HEADER, telemetry=telemetry, **options)  # type: ignore[arg-type]
    with trio.fail_after(15):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(recorder.run)
            yield recorder
            recorder.close()


@pytest.fixture
def telemetry() -> Telemetry:
    return Telemetry()


async def test_a_session_is_written_as_it_runs(tmp_path: Path, telemetry: Telemetry) -> None:
    path = tmp_path / "a.mcap"
    async with recording(path, telemetry) as recorder:
        recorder.write(frame(1))
        await trio.sleep(2.5 * FLUSH_S)
        early = read_recording(path)
        assert early.entries == [frame(1)]
        assert early.cut
        recorder.write(frame(2))
    whole = read_recording(path)
    assert whole.entries == [frame(1), frame(2)]
    assert not whole.cut
    assert not recorder.recording


async def test_what_is_written_after_the_end_is_nothing(
    tmp_path: Path, telemetry: Telemetry
) -> None:
    async with recording(tmp_path / "a.mcap", telemetry) as recorder:
        pass
    recorder.write(frame(1))
    assert read_recording(tmp_path / "a.mcap").entries == []


async def test_a_full_queue_leaves_a_counted_gap(tmp_path: Path, telemetry: Telemetry) -> None:
    path = tmp_path / "a.mcap"
    async with recording(path, telemetry, queue_bytes=40_000) as recorder:
        for number in range(1, 31):  # the recorder gets no turn meanwhile
            recorder.write(frame(number))
        await trio.sleep(2.5 * FLUSH_S)
        recorder.write(frame(31))
    found = read_recording(path)
    assert found.entries == [*(frame(n) for n in range(1, 11)), frame(31)]
    assert found.gaps == counted(telemetry, "recording_gaps") == 20
    assert found.unreplayable == "it has gaps: 20 entries are missing"
    assert not found.cut


async def test_a_gap_at_the_end_is_told_too(tmp_path: Path, telemetry: Telemetry) -> None:
    async with recording(tmp_path / "a.mcap", telemetry, queue_bytes=5_000) as recorder:
        recorder.write(frame(1))
        recorder.write(frame(2))
    assert read_recording(tmp_path / "a.mcap").gaps == 1


async def test_all_recordings_share_a_budget(tmp_path: Path, telemetry: Telemetry) -> None:
    budget = Budget(most=5_000)
    async with (
        recording(tmp_path / "a.mcap", telemetry, budget=budget) as first,
        recording(tmp_path / "b.mcap", telemetry, budget=budget) as second,
    ):
        first.write(frame(1))
        second.write(frame(1))
    assert len(read_recording(tmp_path / "a.mcap").entries) == 1
    assert read_recording(tmp_path / "b.mcap").gaps == 1
    assert budget.used == 0


class Disk(io.FileIO):
    """Refuses to write when it has so many bytes."""

    def __init__(self, path: Path, room: int) -> None:
        super().__init__(path, "xb")
        self._room = room

    def write(self, data: object) -> int:
        size = memoryview(data).nbytes  # type: ignore[arg-type]
        if self.tell() + size > self._room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)  # type: ignore[arg-type]


FRAME_BYTES = 20_000


async def fails(path: Path, telemetry: Telemetry, **options: object) -> list[dict[str, object]]:
    """Write for as long as three flushes take; the warnings that were logged meanwhile."""
    with caught_log() as log:
        async with recording(path, telemetry, **options) as recorder:
            for number in range(1, 30):
                recorder.write(frame(number, FRAME_BYTES))
                await trio.sleep(FLUSH_S / 10)
            assert not recorder.recording
            assert recorder.failed
    warnings = [line for line in log.lines() if line["level"] == "warning"]
    assert [line["event"] for line in warnings] == ["recording_failed"]
    assert counted(telemetry, "recordings_failed") == 1
    return warnings


async def test_a_full_disk_ends_the_recording_with_one_warning(
    tmp_path: Path, telemetry: Telemetry
) -> None:
    path = tmp_path / "a.mcap"
    room = 400_000  # more than one flush writes, less than three
    (warning,) = await fails(path, telemetry, open_file=lambda p: io.BufferedWriter(Disk(p, room)))
    assert warning["error"] == "No space left on device"
    assert warning["path"] == str(path)
    found = read_recording(path)
    assert found.cut
    assert 0 < len(found.entries) <= room // FRAME_BYTES


async def test_a_file_that_may_not_grow_ends_the_recording(
    tmp_path: Path, telemetry: Telemetry
) -> None:
    path = tmp_path / "a.mcap"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, limits[1]))
    try:
        (warning,) = await fails(path, telemetry)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert warning["error"] == "File too large"
    assert read_recording(path).cut


async def test_a_recording_larger_than_all_may_be_ends(
    tmp_path: Path, telemetry: Telemetry
) -> None:
    (warning,) = await fails(tmp_path / "a.mcap", telemetry, max_bytes=100_000)
    assert "more than may be kept" in str(warning["error"])


async def test_a_folder_that_is_not_there_is_one_warning(
    tmp_path: Path, telemetry: Telemetry
) -> None:
    (warning,) = await fails(tmp_path / "none" / "a.mcap", telemetry)
    assert warning["error"] == "No such file or directory"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_read_only_folder_is_one_warning(tmp_path: Path, telemetry: Telemetry) -> None:
    os.chmod(tmp_path, stat.S_IRUSR | stat.S_IXUSR)
    try:
        (warning,) = await fails(tmp_path / "a.mcap", telemetry)
    finally:
        os.chmod(tmp_path, stat.S_IRWXU)
    assert warning["error"] == "Permission denied"


async def test_a_folder_that_may_not_be_written_is_one_warning(telemetry: Telemetry) -> None:
    (warning,) = await fails(Path("/proc/a.mcap"), telemetry)
    assert warning["error"]


async def test_a_folder_removed_while_it_runs_is_one_warning(
    tmp_path: Path, telemetry: Telemetry
) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()

    async def remove() -> None:
        await trio.sleep(0.7 * FLUSH_S)
        shutil.rmtree(folder)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(remove)
        (warning,) = await fails(folder / "a.mcap", telemetry)
    assert warning["error"] == "the file was removed"


class Stuck(io.BytesIO):
    """A disk that answers no more, for a while."""

    def __init__(self, until: list[bool]) -> None:
        super().__init__()
        self._until = until

    def flush(self) -> None:
        while not self._until:
            trio.from_thread.run(trio.sleep, 0.01)


async def test_a_disk_that_hangs_does_not_hold_the_end(
    tmp_path: Path, telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parley.recording.recorder.CLOSE_S", 0.3)
    done: list[bool] = []

    def stuck(path: Path) -> IO[bytes]:
        return Stuck(done)

    with caught_log() as log:
        started = trio.current_time()
        async with recording(tmp_path / "a.mcap", telemetry, open_file=stuck) as recorder:
            for number in range(1, 10):
                recorder.write(frame(number))
                await trio.sleep(0.01)
        assert trio.current_time() - started < 3
        done.append(True)
    (warning,) = log.events("recording_failed")
    assert "the disk took more than" in warning["error"]


@pytest.mark.parametrize("closed", [False, True])
async def test_a_recorder_that_is_cancelled_leaves_what_it_has(
    closed: bool, tmp_path: Path, telemetry: Telemetry
) -> None:
    recorder = Recorder(tmp_path / "a.mcap", HEADER, telemetry=telemetry)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(recorder.run)
        await trio.sleep(0.3)
        recorder.write(frame(1))
        if closed:
            recorder.close()
        nursery.cancel_scope.cancel()
    found = read_recording(tmp_path / "a.mcap")
    assert found.entries == [frame(1)]
    assert found.cut != closed
    recorder.write(frame(2))
    assert not recorder.recording


async def test_only_its_own_user_may_read_it(tmp_path: Path, telemetry: Telemetry) -> None:
    path = tmp_path / "a.mcap"
    async with recording(path, telemetry):
        pass
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600


# Privacy

SECRET = "the lamp is in the cellar"
SOUND = "QUJD" * 40
TALK = [
    Entry(at_s=0.1, source="in#1", data={"text": f'{{"type":"text","content":"{SECRET}"}}'}),
    Entry(at_s=0.1, source="in#2", data={"text": f'{{"type":"audio","data":"{SOUND}"}}'}),
    Entry(at_s=0.1, source="in#3", data={"text": f"no json: {SECRET} {SOUND}"}),
    Entry(at_s=0.1, source="in#4", audio=b"sound" * 20),
    Entry(at_s=0.1, source="detector", data={"speech": "0101"}),
    Entry(at_s=0.1, source="asr.feed#1", data={"text": SECRET, "bytes": 5}),
    Entry(at_s=0.1, source="asr.finish#1", data={"transcript": {"text": SECRET}}),
    Entry(at_s=0.1, source="llm.reply#1", data={"conversation": [{"content": SECRET}]}),
    Entry(at_s=0.1, source="llm.token#1", data={"token": SECRET}),
    Entry(at_s=0.1, source="llm.token#2", data={"token": None}),
    Entry(
        at_s=0.2,
        source="llm.token#3",
        data={"failure": "LaneLost", "message": SECRET, "retryable": False},
    ),
    Entry(at_s=0.2, source="tts.speak#1", data={"said": SECRET, "rate_hz": 1}, audio=b"sound" * 9),
    Entry(
        at_s=0.3,
        source="out#1",
        data={"text": f'{{"type":"tts_chunk","text":"{SECRET}","audio_b64":"{SOUND}"}}'},
    ),
    Entry(at_s=0.3, source="out#2", data={"text": f'{{"type":"{SECRET}","{SECRET}":1}}'}),
]


@pytest.mark.parametrize(("audio", "text"), [(True, False), (False, True), (False, False)])
async def test_what_is_to_be_left_out_is_not_in_the_file(
    audio: bool, text: bool, tmp_path: Path, telemetry: Telemetry
) -> None:
    path = tmp_path / "a.mcap"
    privacy = Privacy(audio=audio, text=text)
    async with recording(path, telemetry, privacy=privacy) as recorder:
        for entry in TALK:
            recorder.write(entry)
    data = path.read_bytes()
    assert (b"cellar" in data) == text
    assert (b"soundsound" in data) == (SOUND.encode() in data) == audio
    with open_recording(path) as found:
        entries = list(found)
    assert [entry.source for entry in entries] == [entry.source for entry in TALK]
    assert entries[4] == TALK[4]
    assert entries[-2].data["text"].startswith('{"type": "tts_chunk"')

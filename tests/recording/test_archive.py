"""Recordings that are put where all servers have them: a folder, and S3 over a real socket."""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
import trio.testing

from parley.recording import archive as archives
from parley.recording.archive import Archive, ArchiveFailed, BadArchive, archive_problem
from parley.recording.held import hold, is_held
from parley.recording.retention import prune
from parley.recording.uploader import LAST_S, Uploader
from parley.telemetry import Telemetry
from support.logs import caught_log
from support.s3 import S3, needs_s3, s3_server

pytest.importorskip("obstore")

NAMES = [f"2026112{n}-120000-0123456789a{n}.mcap" for n in range(3)]


@pytest.fixture(scope="module")
def s3() -> Iterator[S3]:
    with s3_server() as server:
        yield server


def recorded(folder: Path, count: int = 3) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = [folder / name for name in NAMES[:count]]
    for number, path in enumerate(paths):
        path.write_bytes(bytes([number]) * 1000)
    return paths


# The archive


def test_a_folder_takes_and_gives(tmp_path: Path) -> None:
    archive = Archive(f"file://{tmp_path}/all/of/them")
    (path,) = recorded(tmp_path / "here", 1)
    archive.put(path)
    assert archive.get(path.name, 1e6) == bytes(1000)
    assert archive.get(path.name, 999) is None, "larger than is wanted"
    assert archive.get(NAMES[1], 1e6) is None


@needs_s3
def test_s3_takes_and_gives(s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    s3.use(monkeypatch)
    archive = Archive(s3.url("some/folder"))
    path = tmp_path / NAMES[0]
    sound = bytes(range(256)) * 4 * 15_000  # over one part of an upload
    path.write_bytes(sound)
    archive.put(path)
    assert archive.get(path.name, 1e9) == sound
    assert archive.get(NAMES[1], 1e9) is None
    assert s3.names() == [f"some/folder/{path.name}"]


@needs_s3
def test_what_s3_refuses_is_said_without_any_key(
    s3: S3, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3.use(monkeypatch)
    (path,) = recorded(tmp_path, 1)
    with pytest.raises(ArchiveFailed, match=r"no such bucket|not do") as refused:
        Archive("s3://nobody-has-this/folder").put(path)
    assert s3.secret not in str(refused.value)


def test_an_archive_that_is_away_fails_in_a_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-secret")
    (path,) = recorded(tmp_path, 1)
    with pytest.raises(ArchiveFailed, match="cannot be reached") as failed:
        Archive("s3://bucket").put(path)
    assert "canary-secret" not in str(failed.value)


@pytest.mark.parametrize(
    "url",
    [
        "ftp://host/folder",
        "bucket",
        "s3://",
        "s3:///folder",
        "s3://key:secret@bucket/folder",
        "s3://bucket?secret=x",
        "http://bucket/folder",
        "file://host/folder",
        "file:///",
    ],
)
def test_a_url_that_cannot_be_meant_is_refused_without_its_secret(url: str) -> None:
    with pytest.raises(BadArchive) as refused:
        Archive(url)
    assert "secret=x" not in str(refused.value)
    assert "key:secret" not in str(refused.value)
    assert archive_problem(url) == str(refused.value)


def test_without_the_library_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert archive_problem("s3://bucket") == archives.NOT_INSTALLED
    assert archive_problem(None) is None


# Whose a file is


def test_who_writes_a_file_holds_it_until_it_is_closed(tmp_path: Path) -> None:
    path = tmp_path / NAMES[0]
    with path.open("wb") as file:
        hold(file)
        assert is_held(path)
        assert prune(tmp_path, now_s=1e12, keep_days=1, keep_mb=0) == []
    assert not is_held(path)
    assert prune(tmp_path, now_s=1e12, keep_days=1, keep_mb=0) == [path]


# The uploader


class Shaky:
    """An archive that fails so often before it takes something."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.taken: list[str] = []

    def put(self, path: Path) -> None:
        if self.failures:
            self.failures -= 1
            raise ArchiveFailed("it is away")
        path.read_bytes()
        self.taken.append(path.name)


def uploader(archive: object, folder: Path, telemetry: Telemetry | None = None) -> Uploader:
    return Uploader(
        archive,  # type: ignore[arg-type]
        telemetry or Telemetry(),
        folder=lambda: folder,
        busy=lambda: (),
    )


async def until(what: object) -> None:
    with trio.fail_after(10):
        while not what():  # type: ignore[operator]
            await trio.sleep(0.01)


async def test_what_lies_there_is_put_and_removed(tmp_path: Path, nursery: trio.Nursery) -> None:
    paths = recorded(tmp_path)
    (tmp_path / "a-file-of-yours.txt").write_text("stays")
    archive = Shaky()
    up = uploader(archive, tmp_path)
    nursery.start_soon(up.run)
    await until(lambda: len(archive.taken) == 3)
    assert archive.taken == NAMES
    await until(lambda: not any(path.exists() for path in paths))
    (path,) = recorded(tmp_path, 1)
    up.ended()
    await until(lambda: len(archive.taken) == 4 and not path.exists())
    assert (tmp_path / "a-file-of-yours.txt").exists()


async def test_what_is_written_stays_until_it_is_whole(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    whole, half, empty = recorded(tmp_path)
    empty.write_bytes(b"")
    archive = Shaky()
    up = uploader(archive, tmp_path)
    with half.open("ab") as file:
        hold(file)
        nursery.start_soon(up.run)
        await until(lambda: archive.taken == [whole.name])
        up.ended()
        await trio.sleep(0.1)
        assert half.exists()
    up.ended()
    await until(lambda: archive.taken == [whole.name, half.name])
    assert empty.exists()


async def test_an_archive_that_is_away_is_tried_again_and_told_once(
    tmp_path: Path, nursery: trio.Nursery
) -> None:
    recorded(tmp_path)
    archive, telemetry = Shaky(failures=2), Telemetry()
    with caught_log() as log:
        nursery.start_soon(uploader(archive, tmp_path, telemetry).run)
        await until(lambda: len(archive.taken) == 3)
    told = [line["event"] for line in log.lines() if line["event"].startswith("archive")]
    assert told == ["archive_away", "archive_back"]
    await until(lambda: "parley_recordings_archived_total 3.0" in telemetry.exposition().decode())
    assert "parley_recordings_not_archived_total 2.0" in telemetry.exposition().decode()


async def test_a_server_that_stops_puts_what_is_left(tmp_path: Path) -> None:
    archive = Shaky()
    up = uploader(archive, tmp_path)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(up.run)
        await trio.sleep(0.05)
        recorded(tmp_path)
        up.stop()
    assert archive.taken == NAMES


async def test_a_server_that_stops_waits_for_no_archive_that_is_away(tmp_path: Path) -> None:
    paths = recorded(tmp_path)
    up = uploader(Shaky(failures=1000), tmp_path)
    with caught_log() as log, trio.fail_after(LAST_S / 2):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(up.run)
            await trio.sleep(0.05)
            up.stop()
    assert [line["count"] for line in log.events("recordings_left")] == [3]
    assert all(path.exists() for path in paths)


async def test_a_thread_that_hangs_holds_up_a_stop_for_a_bounded_time(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    up = uploader(Shaky(), tmp_path)
    up._put_all = functools.partial(trio.sleep, 1e6)  # type: ignore[method-assign, assignment]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(up.run)
        await trio.sleep(1)
        up.stop()
    assert trio.current_time() <= 1 + LAST_S

"""A recording is a test: pytest collects `*.mcap` and replays each exactly.

Switched on by `parley_recordings = true` in pytest's settings, so that nobody's other MCAP files
are touched. The expectation is in the file: what went out then has to go out again, to the frame.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        "parley_recordings", "collect *.mcap as recorded sessions", type="bool", default=False
    )


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    if file_path.suffix == ".mcap" and parent.config.getini("parley_recordings"):
        collector: pytest.Collector = RecordingFile.from_parent(parent, path=file_path)
        return collector
    return None


class RecordingFile(pytest.File):
    def collect(self) -> Iterable[pytest.Item]:
        yield ReplayItem.from_parent(self, name="replay")


class ReplayItem(pytest.Item):
    def runtest(self) -> None:
        import trio
        import trio.testing

        from .compare import first_difference
        from .mcap_file import RecordingError, read_recording
        from .recorded import replay_recording

        clock = trio.testing.MockClock(autojump_threshold=0)
        try:
            recording = read_recording(self.path)
            replayed = trio.run(replay_recording, recording, clock=clock)
        except RecordingError as problem:
            raise Differs(str(problem)) from None
        difference = replayed.diverged or first_difference(recording.entries, replayed.out)
        if difference is not None:
            raise Differs(difference)

    def repr_failure(
        self,
        excinfo: pytest.ExceptionInfo[BaseException],
        style: object = None,
    ) -> str:
        if isinstance(excinfo.value, Differs):
            return f"{self.path}: {excinfo.value}"
        return str(super().repr_failure(excinfo))

    def reportinfo(self) -> tuple[Path, int, str]:
        return self.path, 0, f"replay of {self.path.name}"


class Differs(Exception):
    """The session is not what it was. The text says where."""

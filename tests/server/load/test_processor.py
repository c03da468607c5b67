"""How much of the processor is taken: the kernel's counters, real and written by hand."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest

from parley import cores
from parley.server.load.processor import Processor, Taken
from parley.server.load.watch import OURS, LoadWatch


def burn(seconds: float) -> None:
    until_s = time.process_time() + seconds
    while time.process_time() < until_s:
        pass


def test_nothing_is_told_before_there_is_something_to_compare() -> None:
    assert Processor().look(1.0) is None


def test_what_this_process_uses_is_its_own_share() -> None:
    processor = Processor()
    processor.look(0.0)
    burn(0.3)
    taken = processor.look(1.0)
    assert taken is not None
    assert taken.own * cores.usable() == pytest.approx(0.3, abs=0.1)
    assert 0 < taken.machine <= 1


def test_a_limit_of_a_container_is_the_whole_machine(tmp_path: Path) -> None:
    quota, stat = tmp_path / "cpu.max", tmp_path / "cpu.stat"
    quota.write_text("100000 100000\n")
    stat.write_text("usage_usec 5000000\nuser_usec 1\n")
    processor = Processor(quota=quota, stat=stat)
    processor.look(10.0)
    stat.write_text("usage_usec 6500000\nuser_usec 1\n")
    taken = processor.look(12.0)
    assert taken is not None
    assert taken.machine == pytest.approx(0.75)


@pytest.mark.parametrize("text", ["", "usage_usec\n", "usage_usec x\n", "other 5\n"])
def test_counters_that_cannot_be_read_tell_nothing(text: str, tmp_path: Path) -> None:
    quota, stat = tmp_path / "cpu.max", tmp_path / "cpu.stat"
    quota.write_text("100000 100000\n")
    stat.write_text(text)
    processor = Processor(quota=quota, stat=stat)
    assert [processor.look(1.0), processor.look(2.0)] == [None, None]


def test_a_process_that_comes_or_goes_makes_no_jump() -> None:
    pids = [os.getpid()]
    processor = Processor(lambda: pids)
    processor.look(0.0)
    pids[:] = [psutil.Process().ppid(), 2**22 - 1]
    taken = processor.look(1.0)
    assert taken is not None
    assert taken.own < 1
    pids[:] = []
    assert processor.look(2.0) is not None


class Script:
    """Tells what it was given."""

    def __init__(self, *taken: Taken | None) -> None:
        self._taken = list(taken)

    def look(self, now_s: float) -> Taken | None:
        return self._taken.pop(0)


@pytest.mark.parametrize(
    ("own", "machine", "loop", "counts"),
    [
        (OURS, 0.9, 0.5, 0.9),
        (0.95, 1.0, 0.0, 1.0),
        (0.3, 1.0, 0.2, 0.3),
        (0.0, 0.8, 0.0, 0.0),
        (0.1, 0.1, 0.95, 0.95),
    ],
)
async def test_what_others_take_is_no_reason(
    own: float, machine: float, loop: float, counts: float
) -> None:
    taken = Taken(own=own, machine=machine, loop=loop)
    watch = LoadWatch((), None, Script(None, taken))  # type: ignore[arg-type]
    watch.taken = lambda: 7
    watch._look_at_the_processor()
    assert not watch.cpu.samples
    watch._look_at_the_processor()
    assert list(watch.cpu.samples) == [(counts, 7)]

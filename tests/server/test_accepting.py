"""Accepting where there are no descriptors: one line, patience, and on."""

from __future__ import annotations

import errno
import resource
from collections.abc import Callable
from typing import cast

import pytest
import trio
import trio.testing

from parley.server.accepting import MAX_PAUSE_S, accept_for_ever, make_room_for
from support.logs import caught_log


class Listener:
    """Fails as often as it is told, then has one connection after another."""

    def __init__(self, failures: int, number: int = errno.EMFILE) -> None:
        self._failures = failures
        self._number = number
        self.asked_s: list[float] = []

    async def accept(self) -> str:
        self.asked_s.append(trio.current_time())
        await trio.sleep(1 if self._failures <= 0 else 0)
        self._failures -= 1
        if self._failures >= 0:
            raise OSError(self._number, "no")
        return "a stream"


async def accept(listener: Listener, take: Callable[[object], object], for_s: float) -> None:
    with trio.move_on_after(for_s):
        await accept_for_ever(cast(trio.SocketListener, listener), take)


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS])
async def test_a_server_without_descriptors_says_so_once_and_goes_on(
    number: int, autojump_clock: trio.testing.MockClock
) -> None:
    taken: list[object] = []
    listener = Listener(20, number)
    with caught_log() as log:
        await accept(listener, taken.append, 60)
    assert len(taken) > 20
    (told,) = log.events("cannot_accept")
    assert told["level"] == "error" and told["error"] and told["advice"]
    assert len(log.events("accepting_again")) == 1
    pauses = [b - a for a, b in zip(listener.asked_s, listener.asked_s[1:20], strict=False)]
    assert [round(pause, 6) for pause in pauses] == sorted(round(pause, 6) for pause in pauses)
    assert pauses[-1] == pytest.approx(MAX_PAUSE_S)
    assert len(log.lines()) == 2


async def test_a_listener_that_is_broken_is_a_crash(
    autojump_clock: trio.testing.MockClock,
) -> None:
    with pytest.raises(OSError, match="no"):
        await accept(Listener(1, errno.EBADF), lambda stream: None, 10)


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """The soft and the hard limit of open files, which nobody changes for this process."""
    found = [(256, 1024)]
    monkeypatch.setattr(resource, "getrlimit", lambda which: found[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda which, limit: found.append(limit))
    return found


def test_the_soft_limit_is_raised_as_far_as_is_needed(limits: list[tuple[int, int]]) -> None:
    with caught_log() as log:
        make_room_for(connections=200, workers=4)
    assert 600 < limits[-1][0] <= 1024
    assert log.lines() == []


def test_a_limit_that_is_too_low_is_told_with_what_to_do(limits: list[tuple[int, int]]) -> None:
    limits.append((64, 64))
    with caught_log() as log:
        make_room_for(connections=200, workers=4)
    (told,) = log.events("few_descriptors")
    assert told["limit"] == 64 and told["wanted"] > 600
    assert "ulimit -n" in told["advice"]
    assert limits[-1] == (64, 64)

"""What is loaded again at SIGHUP, and what becomes of what cannot be."""

from __future__ import annotations

import os
import signal

import pytest
import trio

from parley.server.signals import TOGETHER_S, reload, watch_signals
from support.logs import caught_log


def test_everything_is_loaded_again_and_that_is_a_line() -> None:
    done: list[str] = []
    with caught_log() as log:
        reload([lambda: done.append("tokens"), lambda: done.append("certificates")])
    assert done == ["tokens", "certificates"]
    assert [line["event"] for line in log.lines()] == ["reloaded"]


def test_what_cannot_be_loaded_costs_a_line_and_the_others_are_loaded() -> None:
    def fail() -> None:
        raise ValueError("tokens.toml: not valid TOML")

    done: list[str] = []
    with caught_log() as log:
        reload([fail, lambda: done.append("certificates")])
    assert done == ["certificates"]
    (told,) = log.lines()
    assert told["event"] == "not_reloaded"
    assert str(told["error"]).startswith("ValueError")


async def received(
    *numbers: signal.Signals, pause_s: float = TOGETHER_S + 0.05
) -> tuple[list[str], list[str]]:
    """What was called, and what the log says, when this process gets these signals."""
    called: list[str] = []
    with caught_log() as log, trio.move_on_after(5):
        async with trio.open_nursery() as nursery:
            await nursery.start(
                watch_signals,
                lambda: called.append("stop"),
                lambda: called.append("end"),
                [lambda: called.append("reload")],
            )
            for number in numbers:
                os.kill(os.getpid(), number)
                await trio.sleep(pause_s)
            nursery.cancel_scope.cancel()
    return called, [line["event"] for line in log.lines()]


@pytest.mark.parametrize(
    ("numbers", "called", "told"),
    [
        ([signal.SIGHUP, signal.SIGHUP], ["reload", "reload"], ["reloaded", "reloaded"]),
        ([signal.SIGTERM], ["stop"], ["stopping"]),
        ([signal.SIGINT, signal.SIGTERM], ["stop", "end"], ["stopping", "stopping_at_once"]),
        (
            [signal.SIGTERM, signal.SIGHUP],
            ["stop", "reload"],
            ["stopping", "reloaded"],
        ),
    ],
    ids=lambda value: "+".join(getattr(item, "name", item) for item in value),
)
async def test_each_signal_has_its_meaning(
    numbers: list[signal.Signals], called: list[str], told: list[str]
) -> None:
    assert await received(*numbers) == (called, told)


async def test_two_signals_at_once_are_one_wish() -> None:
    """`timeout` tells the process, and then its group."""
    called, told = await received(signal.SIGTERM, signal.SIGTERM, pause_s=0.01)
    assert (called, told) == (["stop"], ["stopping"])

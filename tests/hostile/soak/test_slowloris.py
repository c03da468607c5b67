"""Connections that never become a request, while people talk.

    python -m pytest tests/hostile/soak/test_slowloris.py --full

Server, talkers and attackers are a process each. A connection without a request is closed within
ten seconds, and nobody who talks notices it. All of them share the cores of one machine: with
--full the same attackers first come to a listener that is no server of ours, so that it is known
what the talkers notice of the attackers' own work.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio

from parley.bench.caller import Notes
from support.figures import Figures
from support.talkers import attacked, counted, instant_server, p95_ms, talkers, talking

pytestmark = pytest.mark.slow

CLOSED_S = 10.0
DEAF = Path(__file__).parents[2] / "support/deaf_listener.py"


@asynccontextmanager
async def nobodys_listener() -> AsyncIterator[int]:
    """The port of one in a process of its own."""
    process = await trio.lowlevel.open_process(
        [sys.executable, str(DEAF)], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        yield int(await process.stdout.receive_some(16))
    finally:
        process.kill()
        await process.wait()


@pytest.mark.long
async def test_those_who_send_no_request_are_closed_and_talkers_do_not_notice(
    tmp_path: Path, full: bool, figures: Figures
) -> None:
    dripping, silent, people, seconds = (200, 1000, 10, 30.0) if full else (20, 150, 3, 12.0)
    kinds = (("drip", dripping), ("silent", silent), ("body", dripping))

    async def under_attack(port: int) -> tuple[dict[str, Any], float, Notes]:
        """What the attackers found, and what the talkers: the p95 of their partials in ms."""
        found: dict[str, Any] = {}

        async def attack(kind: str, count: int) -> None:
            found[kind] = await attacked(port, kind, count, seconds)

        async with trio.open_nursery() as nursery:
            for kind, count in kinds:
                nursery.start_soon(attack, kind, count)
            notes = await counted(callers, seconds)
        return found, p95_ms(notes.frame_lag_s), notes

    async with instant_server(tmp_path) as server, talking(callers := talkers(server.port, people)):
        await trio.sleep(3)
        quiet_ms = p95_ms((await counted(callers, seconds / 2)).frame_lag_s)
        beside_ms = quiet_ms
        if full:
            async with nobodys_listener() as port:
                _, beside_ms, _ = await under_attack(port)
            await trio.sleep(3)
        found, during_ms, notes = await under_attack(server.port)
    for kind, count in kinds:
        closed_s = found[kind]["closed_s"]
        # Those beyond the bound may be reset before they have noticed that they were accepted.
        assert len(closed_s) + found[kind]["refused"] == count
        longest_s = max(closed_s)
        figures.tell(f"slowloris, {count} that {kind}: closed within", f"{longest_s:.1f} s", "10 s")
        assert longest_s <= CLOSED_S + (2 if not full else 0)
    figures.tell(
        f"slowloris: partial lag p95 of {people} talkers, quiet, attackers elsewhere, attacked",
        f"{quiet_ms:.1f}, {beside_ms:.1f}, {during_ms:.1f} ms",
        "+10 %",
    )
    assert not notes.failures
    assert notes.lines
    if full:
        most_ms = 1.1 * max(quiet_ms, beside_ms) + 2
        assert during_ms <= most_ms, "two milliseconds are the noise of the measurement"

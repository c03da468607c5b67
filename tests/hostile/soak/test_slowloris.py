"""Connections that never become a request, while people talk.

    python -m pytest tests/hostile/soak/test_slowloris.py --full

Server, talkers and attackers are a process each. A connection without a request is closed within
ten seconds, and nobody who talks notices it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from support.figures import Figures
from support.talkers import attacked, counted, instant_server, p95_ms, talkers, talking

pytestmark = pytest.mark.slow

CLOSED_S = 10.0


async def test_those_who_send_no_request_are_closed_and_talkers_do_not_notice(
    tmp_path: Path, full: bool, figures: Figures
) -> None:
    dripping, silent, people, seconds = (200, 1000, 10, 30.0) if full else (20, 150, 3, 12.0)
    found: dict[str, Any] = {}

    async def attack(kind: str, count: int) -> None:
        found[kind] = await attacked(server.port, kind, count, seconds)

    async with instant_server(tmp_path) as server, talking(callers := talkers(server.port, people)):
        await trio.sleep(3)
        quiet = await counted(callers, seconds / 2)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(attack, "drip", dripping)
            nursery.start_soon(attack, "silent", silent)
            nursery.start_soon(attack, "body", dripping)
            attacked_notes = await counted(callers, seconds)
    for kind, count in (("drip", dripping), ("silent", silent), ("body", dripping)):
        closed_s = found[kind]["closed_s"]
        assert found[kind]["opened"] == len(closed_s) == count, f"{kind}: {found[kind]['refused']}"
        longest_s = max(closed_s)
        figures.tell(f"slowloris, {count} that {kind}: closed within", f"{longest_s:.1f} s", "10 s")
        assert longest_s <= CLOSED_S + (2 if not full else 0)
    before_ms, during_ms = p95_ms(quiet.frame_lag_s), p95_ms(attacked_notes.frame_lag_s)
    figures.tell(
        f"slowloris: partial lag p95 of {people} talkers, quiet and attacked",
        f"{before_ms:.0f} and {during_ms:.0f} ms",
        "+10 %",
    )
    assert not attacked_notes.failures
    assert attacked_notes.lines
    if full:
        assert during_ms <= 1.1 * before_ms + 2, "two milliseconds are the noise of the measurement"

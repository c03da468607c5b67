"""More people than there is room for, all at once: who is not let in learns it at once.

python -m pytest tests/hostile/soak/test_stampede_of_connects.py --full
"""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from support.figures import Figures
from support.talkers import attacked, counted, instant_server, p95_ms, talkers, talking

pytestmark = pytest.mark.slow


@pytest.mark.long
async def test_who_is_refused_learns_it_at_once_and_talkers_do_not_notice(
    tmp_path: Path, full: bool, figures: Figures
) -> None:
    people, knocking, rounds = (10, 50, 40) if full else (3, 20, 5)
    answers: list[float] = []
    statuses: dict[str, int] = {}
    server_of = instant_server(tmp_path, most=people)
    async with server_of as server, talking(callers := talkers(server.port, people)):
        await trio.sleep(3)
        quiet = await counted(callers, 5)
        for caller in callers:
            caller.counting = True
        for _ in range(rounds):
            found = await attacked(server.port, "connect", knocking, 5)
            answers += found["answer_s"]
            for status, count in found["statuses"].items():
                statuses[status] = statuses.get(status, 0) + count
        noticed = await counted(callers, 2)
    assert statuses == {"503": knocking * rounds}
    figures.tell(f"{knocking} at once are refused: p95", f"{p95_ms(answers):.0f} ms", "100 ms")
    figures.tell(
        "lag p95 of those who are in, before and behind it",
        f"{p95_ms(quiet.frame_lag_s):.0f} and {p95_ms(noticed.frame_lag_s):.0f} ms",
    )
    assert not noticed.failures
    if full:
        assert p95_ms(answers) < 100

"""Fifty sessions on one server, and every 100 ms some actor or lane of it is killed.

Who is restarted goes on: of the sessions only those are lost whose sender, dialogue or supervisor
was hit, and who was lost is talking again within a second. A real server process, over sockets.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import trio

from support.figures import Figures
from support.returning_talkers import chaos_server, many_talkers, refused, unanswered
from support.talkers import p95_ms

pytestmark = [pytest.mark.slow, pytest.mark.no_cover]

SEED = 21
HEALTHY_S = 1.0
"""A session that was lost is followed by a new one within so long."""
SESSIONS = {False: 9, True: 50}
SECONDS = {False: 6.0, True: 60.0}
EVERY_S = 0.1


async def test_killed_at_random_under_load(tmp_path: Path, full: bool, figures: Figures) -> None:
    seconds, sessions = SECONDS[full], SESSIONS[full]
    with trio.fail_after(seconds + 60):
        async with chaos_server(tmp_path, seed=SEED, every_s=EVERY_S) as server:
            talkers = many_talkers(sessions, server.port, SEED)
            async with trio.open_nursery() as nursery:
                for talker in talkers:
                    nursery.start_soon(talker.run)
                await trio.sleep(seconds)
                broken = server.broken()
                losses = [loss for talker in talkers for loss in talker.losses]
                nursery.cancel_scope.cancel()
    came_again = [s for talker in talkers for s in talker.came_again_s]
    silent = [line for talker in talkers for line in unanswered(talker.notes)]
    told = [why for talker in talkers for why in refused(talker.notes)]
    context = f"seed {SEED}, {dict(broken.counts)}, lost: {losses[:8]}"
    figures.tell("stampede: actors and lanes killed", sum(broken.counts.values()))
    figures.tell(
        "stampede: sessions lost, of those that policy ends",
        f"{len(losses)} of {broken.sessions}",
        "no other",
    )
    slowest_s = max(came_again, default=0.0)
    figures.tell(
        "stampede: healthy again after, p95 and most",
        f"{p95_ms(came_again) / 1000:.2f}, {slowest_s:.2f} s of {len(came_again)}",
        "< 1 s",
    )
    assert sum(broken.counts.values()) > seconds / EVERY_S / 4, context
    assert len(losses) <= broken.sessions, context
    assert slowest_s < HEALTHY_S, context
    assert silent == [], context
    assert len(told) <= broken.words_of_why, Counter(told)

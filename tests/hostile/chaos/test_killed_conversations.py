"""Generated conversations in which some actor is crashed at some moment.

The conversations are those of `test_conversations_property`: speech and silences of any length,
messages legal and illegal, engines that are slow and fail, and a peer that hangs up at any time.
Beside all of that one actor is crashed at one of its points. What is restarted goes on, and the
session comes to rest; what is significant ends it. The suite tries sixty; `--full` 5,000.
"""

from __future__ import annotations

import pytest
import trio
import trio.testing
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_conversations_property import Script, _Run, scripts

from support.figures import Figures
from support.killed_scene import CONDUCTOR, SIGNIFICANT, SUPERVISORS
from support.killing import SENDS, WAITS, Killer, Point

pytestmark = pytest.mark.no_cover  # many runs of code that other tests cover

EXAMPLES = {False: 10, True: 1667}
"""In each of three dialects."""
ENDS_SESSION = SIGNIFICANT | SUPERVISORS | CONDUCTOR
ACTORS = (
    *("receiver", "vad", "asr", "llm", "phraser", "tts", "playout"),
    *("sender", "dialogue", "orders", "conductor"),
)
POINTS = st.builds(
    Point,
    st.sampled_from(ACTORS),
    st.sampled_from((WAITS, SENDS)),
    st.one_of(st.integers(1, 12), st.integers(1, 150)),
)


class Killed(_Run):
    """One conversation, and the crash in it."""

    def __init__(self, script: Script, at: Point) -> None:
        super().__init__(script)
        self.killer = Killer("test", at)

    async def run(self) -> None:
        living = trio.lowlevel.current_statistics().tasks_living
        with trio.fail_after(3600), self.killer.watching():
            await self._converse()
        await trio.testing.wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().tasks_living == living
        assert not self.transcriber.open
        assert self.responder.active == 0
        assert self.synthesizer.active == 0
        assert self.synthesizer.most_active <= 1
        self._check_roles()
        self._check_tools()
        at, done = self.killer.at, self.killer.done
        assert at is not None
        if not done or at.actor not in ENDS_SESSION:
            self._check_broken()
            self._check_finals()
        elif at.actor != "sender":  # else a frame may be half written, and nothing follows
            closed = self.client.closed
            told = [m for m in self.client.of("error") if "INTERNAL" in m["code"].upper()]
            if closed is not None and closed.code == 1011 and not self.script.stalls:
                assert told, "1011 without a word"

    def _check_at_rest(self) -> None:
        """The counts of what was heard are not those of a conversation without crashes."""


def _converse(script: Script, at: Point) -> None:
    trio.run(Killed(script, at).run, clock=trio.testing.MockClock(autojump_threshold=0))


@pytest.mark.parametrize(("dialect", "agent"), [("A", False), ("B", False), ("C", True)])
def test_one_crash_in_a_generated_conversation(
    dialect: str, agent: bool, full: bool, figures: Figures
) -> None:
    @settings(
        max_examples=EXAMPLES[full],
        deadline=None,
        suppress_health_check=list(HealthCheck),
        print_blob=True,
        database=None,
    )
    @given(scripts(dialect, agent=agent), POINTS)
    def converse(script: Script, at: Point) -> None:
        _converse(script, at)

    converse()
    figures.tell(f"generated conversations with a crash, {dialect}", EXAMPLES[full], "all hold")

"""A session that is cancelled at any of its steps leaves nothing behind and no half message."""

from __future__ import annotations

import json

import pytest
import trio

from parley.testing import every_step
from parley.testing.performing import Performance
from parley.testing.scene import Scene
from parley.testing.scenes import SCENES
from parley.transport import PeerGone
from support.breadth import breadth

pytestmark = pytest.mark.no_cover  # many runs of code that other tests cover

Clock = trio.testing.MockClock

STRIDE = breadth("PARLEY_STRIDE", 13, 5)
"""Of what stands in STRIDES; PARLEY_STRIDE=1 tries every step of every scene."""
LONG_STRIDE = 1 if STRIDE == 1 else 61 * STRIDE + 1
"""Of all others. No multiple of the steps that a frame of audio takes, or each attempt would end
at the same place."""
AGENT_STRIDE = 1 if STRIDE == 1 else 183 * STRIDE + 1
"""Of scenes with an agent, which are many, and alike but for what the agent does."""
PHONE_STRIDE = 1 if STRIDE == 1 else 732 * STRIDE + 1
"""Of telephone calls, which have a carrier with a clock of its own, and so ten times the steps."""
STRIDES = {
    ("drained-in-a-reply", "alone"): STRIDE,
    ("left-in-a-reply", "alone"): STRIDE,
    ("drained-in-a-reply", "recorded"): STRIDE,
    ("drained-in-a-reply-begun-early", "alone"): STRIDE,
    ("left-in-a-reply-begun-early", "recorded"): STRIDE,
    ("agent-tool-must-finish", "recorded"): LONG_STRIDE,
    ("agent-tool-must-finish", "alone"): LONG_STRIDE,
}
"""Short scenes that hold most of what can be cancelled, step by step."""


class Attempted:
    """The latest of many performances of a scene."""

    def __init__(self, scene: Scene, *, recorded: bool) -> None:
        self.scene = scene
        self.recorded = recorded

    async def run(self) -> None:
        self.latest = Performance(self.scene, recorded=self.recorded)
        try:
            await self.latest.run()
        except* PeerGone:
            pass  # the peer still spoke when the session was cancelled

    def left_over(self) -> list[str]:
        """What should not be there after the end."""
        found = []
        if self.latest.transcriber.open:
            found.append("an open utterance")
        if self.latest.responder.active:
            found.append("a reply that goes on")
        if self.latest.synthesizer.active:
            found.append("a synthesis that goes on")
        for frame in self.latest.received:
            if isinstance(frame, str):
                json.loads(frame)
            elif len(frame) % 2:
                found.append("half a sample")
        return found


@pytest.mark.few(14)
@pytest.mark.parametrize("how", ["alone", "recorded"])
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
async def test_at_every_step_of_a_scene(scene: Scene, how: str, autojump_clock: Clock) -> None:
    attempted = Attempted(scene, recorded=how == "recorded")
    otherwise = LONG_STRIDE if scene.agent is None else AGENT_STRIDE
    if scene.dialect.profile.telephone:
        otherwise = PHONE_STRIDE
    stride = STRIDES.get((scene.name, how), otherwise)
    steps = 0
    tasks_before = trio.lowlevel.current_statistics().tasks_living
    async for attempt in every_step(attempted.run, stride=stride):
        steps = attempt.step
        assert attempted.left_over() == [], f"cancelled at step {attempt.step}"
        assert trio.lowlevel.current_statistics().tasks_living == tasks_before
        with pytest.raises(PeerGone):
            await attempted.latest.server_end.send("x")
    assert steps > 100


def test_the_strides_are_of_scenes_that_there_are() -> None:
    assert {name for name, _ in STRIDES} <= SCENES.keys()

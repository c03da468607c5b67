"""Every actor of a session, crashed at every message and wherever it waits.

What is restarted goes on with what it had in hand: nothing is lost, and nothing is said twice. The
crash of the sender or the dialogue ends the session, with INTERNAL and 1011. Each turn and each
session has one end, and nothing is left of either. Sessions beside it do not notice.

The short form crashes some ninety points; `--full` all of those of short scenes, and of each scene
of the table as many as are spread over it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import pytest
import trio
import trio.testing

from parley.client.in_memory import InMemoryClient
from parley.embedding import OwnEngines, open_server
from parley.protocol.io_speech import DIALECT as IO_SPEECH
from parley.protocol.newspeech import DIALECT as NEWSPEECH
from parley.protocol.prompt_voice import DIALECT as PROMPT_VOICE
from parley.testing import (
    ScriptedDetector,
    ScriptedResponder,
    ScriptedSynthesizer,
    ScriptedTranscriber,
    silence,
    speech,
)
from parley.testing.scene import Say, Scene, Send, Wait
from parley.testing.scenes import SCENES
from parley.transport import PeerGone
from support.figures import Figures
from support.killed_scene import KilledScene
from support.killing import SENDS, WAITS, Killer, Point

pytestmark = pytest.mark.no_cover  # many runs of code that other tests cover

SHORT = replace(
    SCENES["barge-in"],
    name="short",
    kept=False,
    peer=(Send("start"), Say(400, 900), Say(500, 900), Wait(2)),
    reply=(0.15, "The ", "light ", "is off. ", 0.3, "Is there ", "more?"),
    asr={"delays_s": {"feed": 0.012, "finish": 0.06}, "word_ms": 150},
)
"""A question, and an interruption of its answer: few steps, and nearly all that a session does."""

SHORTS = [
    replace(SHORT, name=f"short-{dialect.profile.name}", dialect=dialect)
    for dialect in (PROMPT_VOICE, IO_SPEECH, NEWSPEECH)
]
EACH = 6
"""How many points of each kind of an actor are tried in a scene of the table."""


def spread(points: Sequence[Point], each: int | None) -> list[Point]:
    """Of each actor's points of each kind so many, from the first to the last; None: all."""
    kinds: dict[tuple[str, str], list[Point]] = defaultdict(list)
    for point in points:
        kinds[point.actor, point.how].append(point)
    if each is None:
        return list(points)
    return [
        kind[at * (len(kind) - 1) // max(each - 1, 1)]
        for kind in kinds.values()
        for at in range(min(each, len(kind)))
    ]


def crash(scene: Scene, each: int | None, *, recorded: bool = False) -> tuple[int, list[str]]:
    """How many points were tried, and what was wrong at which."""
    reference = KilledScene(scene, None, recorded=recorded).run()
    wrong = reference.wrong(reference)
    assert wrong == [], "without any crash"
    points = spread(reference.killer.points(), each)
    found = []
    for point in points:
        killed = KilledScene(scene, point, recorded=recorded).run()
        found += [f"{scene.name}, {point}: {what}" for what in killed.wrong(reference)]
    return len(points), found


@pytest.mark.parametrize("scene", SHORTS, ids=[scene.name for scene in SHORTS])
def test_at_every_point_of_a_short_conversation(scene: Scene, full: bool, figures: Figures) -> None:
    tried, wrong = crash(scene, None if full else 1)
    assert wrong == []
    figures.tell(f"actors crashed at a point of {scene.name}", tried, "0 against the policy")


@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
def test_at_points_of_every_scene(scene: Scene, full: bool, figures: Figures) -> None:
    if not full:
        pytest.skip("with --full")
    tried, wrong = crash(scene, 2 if scene.dialect.profile.telephone else EACH)
    assert wrong == []
    figures.tell(f"actors crashed at a point of {scene.name}", tried, "0 against the policy")


# Sessions beside it


NEIGHBOURLY = [
    Point(actor, how, number)
    for actor in (
        "receiver",
        "vad",
        "asr",
        "dialogue",
        "llm",
        "phraser",
        "tts",
        "playout",
        "sender",
    )
    for how, number in ((WAITS, 2), (SENDS, 3))
]


async def _talks(client: InMemoryClient) -> None:
    with suppress(PeerGone):
        await client.start()
        await client.speak(speech(600) + silence(1300))
        await client.speak(speech(600) + silence(1300))
        await trio.sleep(4)


async def _beside(point: Point | None) -> tuple[bool, list[object]]:
    """Two sessions on one server, of which one is hit. Whether it was, and what the other got."""
    own = OwnEngines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: ScriptedTranscriber(["hello there", "stop that now"]),
        responder=ScriptedResponder(then=["Fine. ", 0.2, "And you?"]),
        synthesizer=ScriptedSynthesizer(),
    )
    kinds = ("final_transcript", "barge_in", "llm_token", "tts_chunk", "tts_complete")
    async with (
        open_server(own=own) as server,
        server.connect("/ws") as victim,
        server.connect("/ws") as other,
    ):
        info = await victim.wait_for("info")
        killer = Killer(info["session_id"], point)
        with killer.watching():
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_talks, victim)
                nursery.start_soon(_talks, other)
        told = other.of(*kinds)
        got = [(m["type"], m.get("text"), len(m.get("audio_b64", ""))) for m in told]
        assert other.closed is None
        assert server.status().ready
        return killer.done, [*got, [m["code"] for m in other.of("error")]]


def test_other_sessions_of_the_server_do_not_notice(full: bool) -> None:
    def run(point: Point | None) -> tuple[bool, list[object]]:
        return trio.run(_beside, point, clock=trio.testing.MockClock(autojump_threshold=0))

    _, undisturbed = run(None)
    for point in NEIGHBOURLY if full else NEIGHBOURLY[::2]:
        hit, got = run(point)
        assert hit, point
        assert got == undisturbed, point

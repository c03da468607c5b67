"""What a reply asked for is said later, in a whole session under virtual time."""

from __future__ import annotations

from dataclasses import replace

import pytest
import trio.testing

from parley.conversation.later import LATER_MAX, ForgetLater, SayLater
from parley.engines.llm.scripted import Step
from parley.protocol.prompt_voice import DIALECT as PROMPT_VOICE
from parley.testing.performing import Performance, perform
from parley.testing.scene import Action, Say, Scene, Send, Wait
from parley.testing.scenes import SCENES

Clock = trio.testing.MockClock
RING = SayLater(text="Ring.", after_s=3.0)


def spoken(performance: Performance) -> list[tuple[float, str]]:
    """What the voice was asked to say, and when that was there."""
    return [
        (round(entry.at_s, 2), entry.data["said"])
        for entry in performance.recording().entries
        if entry.kind == "tts.speak"
    ]


def scene(reply: tuple[Step, ...], *peer: Action, **changes: object) -> Scene:
    begun: tuple[Action, ...] = (Send("start"), Say(700, 700 + 100, 20))
    asked = replace(
        SCENES["timer-rings"], dialect=PROMPT_VOICE, replies=(reply,), reply=("Yes.",), peer=begun
    )
    return replace(asked, peer=(*begun, *peer), **changes)  # type: ignore[arg-type]


async def test_it_is_said_at_its_time_and_remembered(autojump_clock: Clock) -> None:
    performance = await perform(SCENES["timer-rings"])
    assert spoken(performance) == [
        *((1.57, "A timer is set."), (4.57, "Ring."), (4.65, "It is time."))
    ]
    assert len(performance.responder.conversations) == 1  # nobody was asked what to say then


async def test_while_somebody_speaks_and_is_answered_it_waits(autojump_clock: Clock) -> None:
    said = spoken(await perform(SCENES["timer-waits-for-speech"]))
    assert [text for _, text in said] == [
        "A timer is set.", "The light is off.", "Is there", "more?", "Ring.", "It is time."
    ]  # fmt: skip
    assert said[0][0] + RING.after_s < 6.47 < said[-2][0]  # it was due while the person spoke


async def test_it_waits_for_the_end_of_its_own_reply(autojump_clock: Clock) -> None:
    soon = SayLater(text="Ring.", after_s=0.0)
    said = spoken(await perform(scene((soon, "A timer, ", "from now."), Wait(4))))
    assert [text for _, text in said] == ["A timer, from now.", "Ring."]
    assert said[1][0] - said[0][0] > 0.7  # it takes 0.72 s to say


async def test_the_next_request_shows_that_it_was_said(autojump_clock: Clock) -> None:
    performance = await perform(
        scene((RING, "Set."), Wait(5), Say(600, 2000), words=("set a timer", "thank you"))
    )
    second = performance.responder.conversations[1]
    assert [(m.role, m.text) for m in second[1:]] == [
        ("user", "set a timer"),
        ("assistant", "Set.\nRing."),
        ("user", "thank you"),
    ]


async def test_words_over_it_interrupt_it_like_any_reply(autojump_clock: Clock) -> None:
    long = SayLater(text="Ring, ring, ring, ring, ring, ring, ring, ring, ring.", after_s=2.0)
    performance = await perform(
        scene((long, "Set."), Wait(2.6), Say(900, 1500), words=("set a timer", "stop that now"))
    )
    assert performance.telemetry.registry.get_sample_value("parley_interruptions_total") == 1
    heard = performance.responder.conversations[1][2].text
    assert heard.startswith("Set.\nRing,")
    assert "[interrupted]" in heard


@pytest.mark.parametrize(
    ("reply", "peer"),
    [
        ((RING, "Set."), (Send("cancel"), Wait(6))),
        ((RING, ForgetLater(), "Not after all."), (Wait(6),)),
        ((RING, "Set.", ConnectionError("gone")), (Wait(6),)),
    ],
    ids=["cancelled", "forgotten", "failed"],
)
async def test_of_what_was_taken_back_or_never_finished_nothing_is_said(
    autojump_clock: Clock, reply: tuple[Step, ...], peer: tuple[Action, ...]
) -> None:
    if isinstance(reply[-1], Exception):
        from parley.engines.failures import EngineFailure

        reply = (*reply[:-1], EngineFailure("gone"))
    said = spoken(await perform(scene(reply, *peer)))
    assert "Ring." not in [text for _, text in said]


async def test_a_session_that_is_ended_says_nothing_more(autojump_clock: Clock) -> None:
    performance = Performance(scene((RING, "Set."), Wait(1)))

    async def drained() -> None:
        await trio.sleep(2.0)
        performance.session.drain()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(drained)
        await performance.run()
    assert [text for _, text in spoken(performance)] == ["Set."]


async def test_what_is_too_much_is_counted(autojump_clock: Clock) -> None:
    wishes = [SayLater(text=f"{n}.", after_s=600.0) for n in range(LATER_MAX + 2)]
    performance = await perform(scene((*wishes, "Set."), Wait(1)))
    dropped = performance.telemetry.registry.get_sample_value(
        "parley_drops_total", {"edge": "later"}
    )
    assert dropped == 2

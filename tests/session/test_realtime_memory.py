"""After an interruption over dialect D, what the client holds, what the session holds and what the
model is asked next say the same, to the word: with clients that truncate, and with those that do
not.

A client that truncates does what OpenAI's Agents SDKs do: at `speech_started` it throws its sound
away, tells how much it has played, and asks for the item.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
import trio
import trio.testing

from parley.conversation.items import AssistantMessage
from support.breadth import breadth
from support.realtime import AUDIO, Realtime, realtime

INTERRUPTIONS = breadth("PARLEY_EXAMPLES", 6, 15)
TEXT = "It will be sunny in the morning, and after noon some clouds come, with rain at night."
FAST = {"type": "server_vad", "silence_duration_ms": 200}


async def interruption(seed: int, *, truncates: bool) -> None:
    chance = random.Random(seed)
    words = ["what will it be", "stop that please now"]
    async with realtime([(TEXT,)], words=words) as talk:
        await talk.hears_by(FAST)
        await talk.speak(600, 300)
        await talk.wait(AUDIO)
        await talk.quiet(chance.randrange(20, 3600, 20))
        async with trio.open_nursery() as nursery:
            if truncates:
                late_ms = chance.randrange(0, 200)
                nursery.start_soon(truncate, talk, late_ms)
            await talk.speak(900, 600)
        await talk.wait("response.done", count=2)
        (item,) = talk.of("response.done")[0]["response"]["output"]
        told = item["content"][0]["transcript"]
        if truncates:
            told = talk.of("conversation.item.retrieved")[0]["item"]["content"][0]["transcript"]
        assert TEXT.startswith(told)
        (said, *_) = (i for i in talk.session.parts.items if isinstance(i, AssistantMessage))
        assert said.heard == told
        await talk.responds()
        asked = [text for role, text in talk.asked() if role == "assistant"]
        assert asked[0] == (f"{told}… [interrupted]" if told else "Fine.")


async def truncate(talk: Realtime, late_ms: int) -> None:
    """What was played when the speech was told, by a client whose loudspeaker is late."""
    await talk.wait("input_audio_buffer.speech_started", count=2)
    deltas: list[dict[str, Any]] = talk.of(AUDIO)
    begun_s = next(at for at, event in talk.client.received if event["type"] == AUDIO)
    sent_ms = sum(len(event["delta"]) for event in deltas) * 3 / 4 / 48
    played_ms = max(0.0, min((trio.current_time() - begun_s) * 1000 - late_ms, sent_ms))
    item_id = deltas[0]["item_id"]
    await talk.send(
        "conversation.item.truncate",
        item_id=item_id,
        content_index=0,
        audio_end_ms=int(played_ms),
    )
    await talk.wait("conversation.item.truncated")
    await talk.send("conversation.item.retrieve", item_id=item_id)
    await talk.wait("conversation.item.retrieved")


@pytest.mark.parametrize("truncates", [True, False])
def test_everybody_holds_the_same_words(truncates: bool) -> None:
    async def converse(seed: int) -> None:
        await interruption(seed, truncates=truncates)

    for seed in range(INTERRUPTIONS):
        trio.run(converse, seed, clock=trio.testing.MockClock(autojump_threshold=0))

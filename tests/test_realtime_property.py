"""Generated conversations over dialect D: whatever a client does, the order and the shape of what
it is told hold, and what it holds for the conversation is what the session holds, and what the
model is asked next.

PARLEY_EXAMPLES conversations are run; the suite runs some of them.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
import trio
import trio.testing

from parley.conversation.items import Items
from parley.engines.failures import EngineFailure
from parley.engines.turn.text import TextTurnEnd
from parley.protocol.chat import ToolCall
from support.breadth import breadth
from support.realtime import AUDIO, Realtime, realtime

EXAMPLES = breadth("PARLEY_EXAMPLES", 12, 30)
CHUNKS = 12

TOOLS = [
    {"type": "function", "name": name, "parameters": {"type": "object", "properties": {}}}
    for name in ("clock", "weather")
]
SENTENCES = (
    "Yes.",
    "It is sunny, and it will stay so.",
    "First one thing. Then another thing follows. And a third thing ends it.",
    "Three point one four is enough for most things, and ten is too much.",
)


class Conversation:
    """One, by its seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.returned: set[str] = set()
        self.given = 0
        self.by_hand = False

    def replies(self) -> list[tuple[Any, ...]]:
        made: list[tuple[Any, ...]] = []
        for number in range(40):
            words = self.random.choice(SENTENCES).split(" ")
            steps: list[Any] = [f"{word} " for word in words[:-1]] + [words[-1]]
            chance = self.random.random()
            if chance < 0.2:
                names = self.random.sample(["clock", "weather"], self.random.randint(1, 2))
                steps += [
                    ToolCall(id=f"c{number}{name}", name=name, arguments="{}") for name in names
                ]
            elif chance < 0.25:
                steps = [EngineFailure("the model is gone", retryable=False)]
            elif chance < 0.35:
                steps.insert(self.random.randint(0, len(steps)), self.random.choice([0.3, 1.5]))
            made.append(tuple(steps))
        return made

    def words(self) -> list[str]:
        """Of utterances: mostly words, sometimes nothing, or a listener's sign."""
        said = ["what about the other one", "stop that please", "tell me more of it", "", "mm-hmm"]
        return [self.random.choice(said) for _ in range(60)]

    async def run(self, talk: Realtime) -> None:
        await self.tune(talk)
        for _ in range(self.random.randint(3, 9)):
            await self.random.choice(
                [
                    self.speak,
                    self.speak,
                    self.speak,
                    self.type,
                    self.respond,
                    self.respond,
                    self.cancel,
                    self.truncate,
                    self.delete,
                    self.tools_return,
                    self.wait,
                    self.tune,
                ]
            )(talk)
        if self.by_hand:
            await talk.hears_by({"type": "server_vad", "silence_duration_ms": 300})
        await rest(talk)

    # What a client does

    async def tune(self, talk: Realtime) -> None:
        kind = self.random.choice(["server_vad", "server_vad", "semantic_vad", None])
        self.by_hand = kind is None
        detection: dict[str, Any] | None = None
        if kind is not None:
            detection = {"type": kind, "create_response": self.random.random() < 0.8}
            talk.model.interrupts = True
        if kind == "server_vad" and detection is not None:
            detection["silence_duration_ms"] = self.random.choice([200, 500])
        more: dict[str, Any] = {"tools": TOOLS if self.random.random() < 0.7 else []}
        if self.random.random() < 0.2:
            more["output_modalities"] = [self.random.choice(["text", "audio"])]
        await talk.hears_by(detection, **more)

    async def speak(self, talk: Realtime) -> None:
        ms = self.random.choice([120, 300, 600, 1200])
        await talk.speak(
            ms, self.random.choice([100, 400, 900]), chunk_ms=self.random.choice([20, 100])
        )
        if self.random.random() < (0.8 if self.by_hand else 0.1):
            await talk.send(
                f"input_audio_buffer.{self.random.choice(['commit', 'commit', 'clear'])}"
            )

    async def type(self, talk: Realtime) -> None:
        fields: dict[str, Any] = {}
        if self.random.random() < 0.5:
            self.given += 1
            fields["id"] = f"given{self.given}"
        await talk.types(self.random.choice(["hello", "and then", "why"]), **fields)

    async def respond(self, talk: Realtime) -> None:
        wish: dict[str, Any] = {}
        if self.random.random() < 0.3:
            wish["conversation"] = "none"
        if self.random.random() < 0.3:
            wish["output_modalities"] = [self.random.choice(["text", "audio"])]
        if self.random.random() < 0.2:
            wish["max_output_tokens"] = self.random.randint(1, 4)
        await talk.send("response.create", response=wish)
        await trio.sleep(self.random.choice([0, 0.1, 0.8]))

    async def cancel(self, talk: Realtime) -> None:
        await talk.send("response.cancel")

    async def truncate(self, talk: Realtime) -> None:
        """As a client does that was interrupted: so much of the newest sound was played."""
        deltas = talk.of(AUDIO)
        if not deltas:
            return
        item_id = deltas[-1]["item_id"]
        sent_ms = sum(len(e["delta"]) for e in deltas if e["item_id"] == item_id) * 3 / 4 / 48
        await talk.send(
            "conversation.item.truncate",
            item_id=item_id,
            content_index=0,
            audio_end_ms=int(sent_ms * self.random.random()),
        )

    async def delete(self, talk: Realtime) -> None:
        items = [e["item"]["id"] for e in talk.of("conversation.item.added")]
        if items:
            item_id = self.random.choice(items)
            await talk.send("conversation.item.delete", item_id=item_id)

    async def tools_return(self, talk: Realtime) -> None:
        for event in talk.of("response.function_call_arguments.done"):
            if event["call_id"] in self.returned or self.random.random() < 0.2:
                continue
            self.returned.add(event["call_id"])
            item = {
                "type": "function_call_output",
                "call_id": event["call_id"],
                "output": "noon",
            }
            await talk.send("conversation.item.create", item=item)
        if self.random.random() < 0.7:
            await talk.send("response.create")

    async def wait(self, talk: Realtime) -> None:
        await talk.quiet(self.random.choice([300, 2000]))


async def rest(talk: Realtime) -> None:
    """Until nothing is going on."""
    await talk.quiet(1500)
    for _ in range(200):
        if (
            talk.session.parts.machines.at_rest
            and not talk.session.parts.machines.conducting.waiting
        ):
            return
        await talk.quiet(500)
    raise AssertionError("the session does not come to rest")


async def agree(talk: Realtime) -> None:
    """The client's items are the session's, and the next request's."""
    items: Items = talk.session.parts.items
    view = client_view(talk)
    for item_id in view:
        await talk.send("conversation.item.retrieve", item_id=item_id)
    count = len(view)
    if count:
        await talk.wait("conversation.item.retrieved", count=count)
    for item_id, text in view.items():
        own = items.view(item_id)
        assert own is not None, f"{item_id} is not in the session"
        if text is not None:
            assert own.text == text, f"{item_id}: {own.text!r} in the session, {text!r} told"
    said = [text for item_id, text in view.items() if text and "_r" in item_id]
    await talk.responds(output_modalities=["text"])
    asked = [text for role, text in talk.asked() if role == "assistant" and text]
    flat = (
        " ".join(asked).replace("… [interrupted]", "").replace("(The assistant speaks first.)", "")
    )
    at = 0
    for text in said:
        assert text in flat[at:], f"{text!r} is not in what the model is asked: {asked}"
        at = flat.index(text, at)


def client_view(talk: Realtime) -> dict[str, str | None]:
    """What a client holds of each item: its words, by what it was told last."""
    held: dict[str, str | None] = {}
    for event in talk.events:
        match event["type"]:
            case "conversation.item.added" | "conversation.item.done":
                held[event["item"]["id"]] = words_of(event["item"])
            case "conversation.item.input_audio_transcription.completed":
                if event["item_id"] in held:
                    held[event["item_id"]] = event["transcript"]
            case "conversation.item.deleted":
                held.pop(event["item_id"], None)
            case "conversation.item.truncated":
                if event["item_id"] in held:
                    held[event["item_id"]] = None  # clients ask for it then
            case _:
                pass
    return held


def words_of(item: dict[str, Any]) -> str | None:
    if item["type"] != "message":
        return None
    (part,) = item["content"] or [{}]
    found: str | None = part.get("text", part.get("transcript"))
    return found


async def converse(seed: int) -> None:
    conversation = Conversation(seed)
    judged = TextTurnEnd("en") if seed % 2 else None
    async with realtime(
        conversation.replies(), turn_end=judged, words=conversation.words(), ws_idle_timeout=0
    ) as talk:
        await conversation.run(talk)
        await agree(talk)


@pytest.mark.parametrize("chunk", range(CHUNKS))
def test_generated_conversations(chunk: int) -> None:
    for seed in range(chunk, EXAMPLES, CHUNKS):
        try:
            trio.run(converse, seed, clock=trio.testing.MockClock(autojump_threshold=0))
        except BaseException as error:
            raise AssertionError(f"conversation {seed}") from error

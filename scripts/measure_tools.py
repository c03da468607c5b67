"""How much later an answer is heard for one call of a tool: from the end of speech to the first
sound, with and without, side by side, on a live port.

    python scripts/measure_tools.py [TURNS]

The model is scripted: 200 ms to its first token in each round. The tool takes 50 ms. The person
types, which is the end of speech to the millisecond; the voice takes no time. What is reported is
the time between the two, without the model's second 200 ms.
"""

from __future__ import annotations

import json
import statistics
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import trio

from parley.agent import Agent
from parley.client.wire import WebSocketWire, open_wire
from parley.embedding import OwnEngines, Settings, open_server
from parley.engines.llm.interface import ReplyPart, ToolCall, ToolOffer
from parley.protocol.chat import ChatMessage
from parley.testing import ScriptedDetector, ScriptedSynthesizer, ScriptedTranscriber

FIRST_TOKEN_S = 0.2
TOOL_S = 0.05

SHOP: Agent[None] = Agent("You sell flowers.", name="shop")


@SHOP.tool
async def opening_hours() -> str:
    """When the shop is open."""
    await trio.sleep(TOOL_S)
    return "9 to 18"


class Model:
    """Calls the tool where it is asked to, and answers."""

    def with_tools(self, tools: Sequence[ToolOffer]) -> Model:
        return self

    @asynccontextmanager
    async def reply(
        self, conversation: Sequence[ChatMessage]
    ) -> AsyncIterator[AsyncIterator[ReplyPart]]:
        yield self._parts(conversation[-1])

    async def _parts(self, newest: ChatMessage) -> AsyncIterator[ReplyPart]:
        await trio.sleep(FIRST_TOKEN_S)
        if newest.text == "with":
            yield ToolCall(id="", name="opening_hours", arguments="{}")
        else:
            yield "From nine to six."


async def first_sound_s(wire: WebSocketWire, text: str) -> float:
    """From the words to the first frame of audio; then the rest of the reply is awaited."""
    began_s = trio.current_time()
    await wire.send(json.dumps({"type": "text", "content": text}))
    while not isinstance(await wire.receive(), bytes):
        pass
    heard_s = trio.current_time() - began_s
    while True:
        frame = await wire.receive()
        if isinstance(frame, str) and json.loads(frame)["type"] == "tts_complete":
            await trio.sleep(0.1)
            return heard_s


async def measure(turns: int) -> None:
    own = OwnEngines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: ScriptedTranscriber([]),
        responder=Model(),
        synthesizer=ScriptedSynthesizer(ms_per_char=10),
    )
    settings = Settings.defaults(stream_log_level="error")
    async with (
        open_server(settings, port=0, own=own, agents=[SHOP]) as server,
        open_wire(server.url("/engine")) as wire,
    ):
        without, extra = [], []
        for _ in range(turns):
            plain_s = await first_sound_s(wire, "without")
            called_s = await first_sound_s(wire, "with")
            without.append(plain_s - FIRST_TOKEN_S)
            extra.append(called_s - plain_s - FIRST_TOKEN_S)
    print(f"{turns} turns each; the model's {FIRST_TOKEN_S * 1000:.0f} ms are taken off")
    for name, values in (("without a tool", without), ("one call adds", extra)):
        middle, most = statistics.median(values) * 1000, max(values) * 1000
        print(f"{name:<16} median {middle:6.1f} ms, most {most:6.1f} ms")
    print(f"of which the tool itself took {TOOL_S * 1000:.0f} ms")


if __name__ == "__main__":
    trio.run(measure, int(sys.argv[1]) if len(sys.argv) > 1 else 30)

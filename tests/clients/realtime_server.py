"""A whole Parley on a free port of loopback, whose model answers by rules, for clients of the
Realtime API that are programs of their own.

    python realtime_server.py

Recognizer and voice are real ones. Prints `{"port": ...}` once it can talk, and ends when its
standard input does.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from parley.embedding import (
    ChatMessage,
    EngineFailure,
    OwnEngines,
    ReplyPart,
    Responder,
    Settings,
    open_server,
)
from parley.protocol.chat import ToolCall, ToolOffer

STORY = " ".join(
    f"Chapter {word} is about a house by the sea, and the people who lived there once."
    for word in ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
)


@dataclass(frozen=True, slots=True)
class Rules:
    """What it says depends on the last words alone, and on the tools that it is offered."""

    tools: tuple[ToolOffer, ...] = ()

    def with_tools(self, tools: Sequence[ToolOffer]) -> Responder:
        return Rules(tuple(tools))

    @asynccontextmanager
    async def reply(
        self, conversation: Sequence[ChatMessage]
    ) -> AsyncIterator[AsyncIterator[ReplyPart]]:
        await trio.lowlevel.checkpoint()
        yield self._parts(conversation)

    async def _parts(self, conversation: Sequence[ChatMessage]) -> AsyncIterator[ReplyPart]:
        for part in self._reply(conversation):
            await trio.sleep(0.01)
            yield part

    def _reply(self, conversation: Sequence[ChatMessage]) -> list[ReplyPart]:
        results: list[str] = []
        for message in conversation:
            results = [*results, message.text] if message.role == "tool" else []
        if results:
            return _words(f"The tools say: {', '.join(results)}.")
        asked = next((m.text for m in reversed(conversation) if m.role == "user"), "")
        lower = asked.lower().rpartition("\n")[2]  # items in a row are one message
        if "fail" in lower:
            raise EngineFailure("the rules were asked to fail", retryable=False)
        if "story" in lower:
            return _words(STORY)
        if calls := [call for tool in self.tools if (call := _call(tool, lower))]:
            return [*calls]
        return _words(f"You said: {asked or 'nothing'}.")


def _call(tool: ToolOffer, asked: str) -> ToolCall | None:
    """A tool is called whose name holds a word of what was asked, as `get_weather` may."""
    wanted = set(re.findall(r"[a-z]{4,}", asked)) & set(tool.name.lower().split("_"))
    if not wanted:
        return None
    arguments = dict.fromkeys(tool.parameters.get("properties", {}), "London")
    return ToolCall(id="", name=tool.name, arguments=json.dumps(arguments))


def _words(text: str) -> list[ReplyPart]:
    return [*re.findall(r"\S+\s*", text)]


async def main() -> None:
    settings = Settings.defaults(
        # Scenarios are played at once: nobody is turned away for load.
        stream_max_cpu_share=0,
        stream_max_loop_lag_ms=0,
        stream_max_lane_wait_ms=0,
        stream_max_talking_share=0,
        stream_asr_lanes=1,
        stream_tts_engine="pyttsx3",
        stream_tts_thread_workers=1,
        stream_log_level="WARNING",
        parley_models_dir=os.environ.get("PARLEY_MODELS_DIR") or None,
    )
    async with open_server(settings, port=0, own=OwnEngines(responder=Rules())) as server:
        await server.until_ready()
        print(json.dumps({"port": server.port}), flush=True)
        await trio.to_thread.run_sync(sys.stdin.read, abandon_on_cancel=True)


if __name__ == "__main__":
    trio.run(main)

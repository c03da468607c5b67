"""A GGUF model of one's own, by its path: llama.cpp in a worker process (gguf_worker.py).

The worker speaks OpenAI's chat API on a free port of loopback, so that a reply is an ordinary
request, and to cancel it is to close its connection. When the worker dies, replies fail in words,
and another one is started.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import structlog
import trio

from ...config import Answering
from ...protocol.chat import ChatMessage, ToolOffer
from ..failures import EngineFailure, EngineUnavailable
from ..services.json_answer import parse_json
from .interface import ReplyPart, offering
from .offered import WithTools
from .openai import OpenAIResponder, open_openai

LOAD_S = 180.0
"""A model of several gigabytes on a cold disk takes its time."""

AGAIN_S = 2.0
"""Between two workers, where the first one died."""

END_S = 3.0
"""A worker ends by itself in less, when its standard input does."""

CONTEXT = 4096
"""Tokens of a conversation that the model sees."""

MAX_LINE_BYTES = 10_000
"""Of what the worker says of itself: an address, or an error with a path in it."""


class _Told(msgspec.Struct):
    url: str | None = None
    error: str | None = None


@dataclass(slots=True, kw_only=True)
class GgufResponder:
    """Satisfies Responder, CallsTools, Warms, Runs, Described and Loads. One per server."""

    path: Path
    max_tokens: int
    temperature: float | None
    load_error: str | None = field(default=None, init=False)
    """Why the model cannot be used, once that is known."""
    _current: OpenAIResponder | None = field(default=None, init=False)

    @property
    def ready(self) -> bool:
        return self._current is not None

    def reply(
        self, conversation: Sequence[ChatMessage]
    ) -> AbstractAsyncContextManager[AsyncIterator[ReplyPart]]:
        return self.reply_with(conversation, ())

    def with_tools(self, tools: Sequence[ToolOffer]) -> WithTools:
        return WithTools(self, tuple(tools))

    @asynccontextmanager
    async def reply_with(
        self, conversation: Sequence[ChatMessage], tools: Sequence[ToolOffer]
    ) -> AsyncIterator[AsyncIterator[ReplyPart]]:
        if self._current is None:
            raise EngineFailure(self.load_error or f"the model {self.path.name} is still loading")
        async with AsyncExitStack() as stack:
            current = offering(self._current, tools)
            yield await stack.enter_async_context(current.reply(conversation))

    async def warm(self) -> None:
        if self._current is not None:
            await self._current.warm()
        else:
            await trio.lowlevel.checkpoint()

    def described(self) -> str:
        state = "" if self.ready else " (not loaded)" if self.load_error else " (loading)"
        return f"{self.path.stem}, a model in a process of Parley's own{state}"

    def advice(self) -> str | None:
        return self.load_error

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Keep a worker with the model in it. Never returns."""
        task_status.started()
        log = structlog.get_logger()
        while True:
            try:
                await self._hold()
                log.warning("model_worker_died", model=self.path.name)
            except EngineFailure as failure:
                self.load_error = str(failure)
                log.error("model_not_loaded", model=self.path.name, error=str(failure))
                await trio.sleep_forever()  # the same file would fail again
            await trio.sleep(AGAIN_S)

    async def _hold(self) -> None:
        """One worker, to its end. Raises EngineUnavailable where the model cannot be loaded."""
        worker = __name__.replace(".gguf", ".gguf_worker")
        try:
            process = await trio.lowlevel.open_process(
                [sys.executable, "-m", worker, str(self.path), str(CONTEXT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        except OSError as error:
            reason = error.strerror or str(error)
            raise EngineUnavailable(f"the model's worker cannot be started: {reason}") from None
        try:
            url = await _address(process)
            async with open_openai(
                model=self.path.stem,
                max_tokens=self.max_tokens,
                temperature=self.temperature,
                base_url=url,
            ) as responder:
                self._current, self.load_error = responder, None
                structlog.get_logger().info("model_loaded", model=self.path.name)
                await process.wait()
        finally:
            self._current = None
            await _end(process)


async def _address(process: trio.Process) -> str:
    """Where the worker serves, once it does."""
    if process.stdout is None:
        raise EngineUnavailable("the model's worker has no output")
    line = b""
    with trio.move_on_after(LOAD_S):
        while not line.endswith(b"\n") and len(line) < MAX_LINE_BYTES:
            more = await process.stdout.receive_some(MAX_LINE_BYTES)
            if not more:
                break
            line += more
    try:
        told = parse_json(line, _Told)
    except ValueError:
        raise EngineUnavailable("the model's worker ended while it loaded the model") from None
    if told.url is None:
        raise EngineUnavailable(told.error or "the model's worker said nothing")
    return told.url


async def _end(process: trio.Process) -> None:
    """Closes its input, waits, kills. Runs to its end even when cancelled."""
    with trio.CancelScope(shield=True):
        if process.stdin is not None:
            await process.stdin.aclose()
        with trio.move_on_after(END_S) as limit:
            await process.wait()
        if limit.cancelled_caught:
            process.kill()
            await process.wait()
        if process.stdout is not None:
            await process.stdout.aclose()


def opened(answering: Answering) -> GgufResponder:
    """As the settings describe it. Raises EngineUnavailable where there is no such file."""
    if answering.gguf is None:
        raise EngineUnavailable("STREAM_GGUF_MODEL is not set: it is the path of a .gguf file")
    path = Path(answering.gguf).expanduser()
    if not path.is_file():
        raise EngineUnavailable(f"STREAM_GGUF_MODEL: there is no file {path}")
    limits: dict[str, Any] = {
        "max_tokens": answering.max_tokens,
        "temperature": answering.temperature,
    }
    return GgufResponder(path=path, **limits)

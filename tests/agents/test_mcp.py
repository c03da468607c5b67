"""Tools of MCP servers: real servers as processes and over HTTP, which die, hang and misbehave."""

from __future__ import annotations

import gc
import importlib.util
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
import trio
import trio.testing
from mcp.shared.memory import create_client_server_memory_streams
from mcp.shared.message import SessionMessage
from mcp_types import JSONRPCRequest, JSONRPCResponse

from parley.agent import Agent, BadAgent, Call, McpServer
from parley.agents import mcp_connection, mcp_pace, mcp_process
from parley.agents.mcp import McpTools
from parley.agents.mcp_connection import McpConnection
from parley.agents.registry import Agents
from parley.agents.tool import Tool, ToolFailed
from parley.config import Settings
from parley.embedding import OwnEngines, open_server
from parley.engines.llm.interface import ReplyPart
from parley.protocol.chat import ChatMessage, ToolCall, ToolOffer
from parley.testing import (
    ScriptedDetector,
    ScriptedSynthesizer,
    ScriptedTranscriber,
)
from support.browser import free_port
from support.logs import caught_log

SUPPORT = Path(__file__).resolve().parents[1] / "support"
LIMIT_S = 30.0
"""For what takes a second: it is there for hangs."""
POLL_S = 0.01


def served(*arguments: str, name: str = "test") -> McpServer:
    return McpServer(
        name=name, command=(sys.executable, str(SUPPORT / "mcp_server.py"), *arguments)
    )


def raw(*arguments: str) -> McpServer:
    return McpServer(name="raw", command=(sys.executable, str(SUPPORT / "mcp_raw.py"), *arguments))


@dataclass(frozen=True, slots=True)
class Lent:
    agent: Agent[Any]
    mcp: McpTools

    def tools(self) -> dict[str, Tool]:
        return {tool.name: tool for tool in self.mcp.tools_for(self.agent)}

    async def call(self, name: str, /, **arguments: object) -> Any:
        return await self.tools()[name].run(None, arguments)

    @property
    def connected(self) -> bool:
        return all(one.connected for one in self.mcp.connections.values())

    async def until(self, holds: Callable[[], bool]) -> None:
        while not holds():
            await trio.sleep(POLL_S)


@asynccontextmanager
async def lent(*servers: McpServer, connect: bool = True) -> AsyncIterator[Lent]:
    """The tools of these servers, once they are there."""
    mcp = McpTools(servers)
    found = Lent(Agent("Help.", name="helper", tools=servers), mcp)
    with trio.fail_after(LIMIT_S):
        async with trio.open_nursery() as nursery:
            for run in mcp.tasks().values():
                nursery.start_soon(run)
            if connect:
                await found.until(lambda: found.connected)
            yield found
            nursery.cancel_scope.cancel()


async def pids(notes: Path) -> list[int]:
    """The processes of a raw server."""
    while not (notes / "processes").exists():
        await trio.sleep(POLL_S)
    return [int(word) for word in (notes / "processes").read_text().split()]


def running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


# What a tool is


async def test_a_servers_tools_are_offered_as_the_server_describes_them() -> None:
    async with lent(served()) as it:
        tool = it.tools()["get_time"]
        assert tool.description == "The time at a place."
        assert tool.parameters["properties"]["place"]["type"] == "string"
        assert tool.parameters["required"] == ["place"]


async def test_a_call_gives_what_the_tool_says() -> None:
    async with lent(served()) as it:
        assert await it.call("get_time", place="Rome") == "12:30 in Rome"
        assert json.loads(await it.call("add", a=1, b=2)) == {"sum": 3}
        assert await it.call("structured") == '{"answer":42}'
        image, text = (await it.call("picture")).splitlines()
        assert (image, text) == ("[image, image/png: it cannot be shown here]", "a cat")


async def test_a_tool_that_fails_says_so() -> None:
    async with lent(served()) as it:
        with pytest.raises(ToolFailed, match="fail"):
            await it.call("fail")
        with pytest.raises(ToolFailed, match="place"):
            await it.call("get_time")
        assert it.connected


@pytest.mark.long
async def test_two_servers_of_which_one_is_there_twice_are_told_apart() -> None:
    async with lent(served(name="home"), served(name="work"), served(name="home")) as it:
        assert len(it.mcp.connections) == 2
        assert {"home_get_time", "work_get_time"} <= set(it.tools())
        assert "get_time" not in it.tools()
        assert await it.call("home_pid") != await it.call("work_pid")


@pytest.mark.long
async def test_many_calls_run_at_once_over_one_connection() -> None:
    async with lent(served()) as it:
        began_s = trio.current_time()
        async with trio.open_nursery() as nursery:
            for _ in range(40):
                nursery.start_soon(_waits, it, 0.3)
        assert trio.current_time() - began_s < 3


async def _waits(it: Lent, seconds: float) -> None:
    assert await it.call("wait", seconds=seconds) == "waited"


@pytest.mark.long
async def test_new_tools_are_known_when_the_server_says_so() -> None:
    async with lent(served()) as it:
        await it.call("learn", name="sing")
        await it.until(lambda: "sing" in it.tools())
        assert await it.call("sing") == "new"


async def test_a_server_of_somebody_else_lends_its_tools() -> None:
    time = McpServer(name="time", command=(sys.executable, "-m", "mcp_server_time"))
    async with lent(time) as it:
        assert set(it.tools()) == {"get_current_time", "convert_time"}
        places = {"source_timezone": "Asia/Tokyo", "target_timezone": "Asia/Kolkata"}
        told = json.loads(await it.call("convert_time", time="12:30", **places))
        assert "T09:00" in told["target"]["datetime"]
        with pytest.raises(ToolFailed, match="Nowhere"):
            await it.call("get_current_time", timezone="Nowhere/Atall")


# Cancelling


async def test_a_cancelled_call_is_cancelled_at_the_server_and_others_go_on(tmp_path: Path) -> None:
    async with lent(served(f"notes={tmp_path}")) as it, trio.open_nursery() as nursery:
        scope = trio.CancelScope()

        async def interrupted() -> None:
            with scope:
                await it.call("wait", seconds=600)

        nursery.start_soon(interrupted)
        await it.until((tmp_path / "waiting").exists)
        nursery.start_soon(_waits, it, 0.1)
        scope.cancel()
        await it.until((tmp_path / "cancelled").exists)
        assert await it.call("get_time", place="Bonn") == "12:30 in Bonn"


# Servers that die


async def test_a_server_that_dies_during_a_call_fails_it_at_once_and_comes_back() -> None:
    async with lent(served()) as it:
        first = await it.call("pid")
        with pytest.raises(ToolFailed, match="broke during the call"), trio.fail_after(5):
            await it.call("die")
        assert "get_time" in it.tools(), "its tools are still offered"
        assert await it.call("pid") != first, "the call has waited for the new connection"


@pytest.mark.long
@pytest.mark.slow
async def test_a_server_that_cannot_start_is_tried_again(tmp_path: Path) -> None:
    with caught_log() as log:
        async with lent(served(f"notes={tmp_path}", "starts=2")) as it:
            assert await it.call("get_time", place="Bern") == "12:30 in Bern"
    [lost] = log.events("mcp_not_connected")
    assert lost["reason"] == "it ended with exit code 1; it said: cannot start yet"
    assert "terminal" in lost["advice"]


async def test_a_program_that_there_is_not_is_named_once() -> None:
    missing = McpServer(name="nothing", command=("parley-no-such-program", "secret"))
    with caught_log() as log:
        async with lent(missing, connect=False):
            await trio.sleep(1)
    [lost] = log.events("mcp_not_connected")
    assert lost["advice"] == "parley-no-such-program is not installed, or not on the PATH"
    assert "secret" not in log.getvalue()


async def test_a_call_to_a_server_that_is_away_fails_after_a_short_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp_connection, "CALL_WAIT_S", 0.1)
    monkeypatch.setattr(mcp_pace, "FIRST_PAUSE_S", 60.0)
    monkeypatch.setattr(mcp_pace, "MAX_PAUSE_S", 60.0)
    async with lent(served()) as it:
        tool = it.tools()["get_time"]
        with pytest.raises(ToolFailed):
            await it.call("die")
        with pytest.raises(ToolFailed, match="test cannot be reached at the moment"):
            await tool.run(None, {"place": "Rome"})


# Servers that misbehave


async def test_lines_that_are_no_messages_are_passed_over() -> None:
    with caught_log() as log:
        async with lent(raw("junk")) as it:
            assert await it.call("echo", word="hi") == '{"word": "hi"}'
    [told] = log.events("mcp_no_message")
    assert told["line"] == "Loading model: 50%"


@pytest.mark.long
@pytest.mark.slow
async def test_a_server_that_floods_does_not_keep_others_from_working() -> None:
    async with lent(raw("flood", "noisy")):
        lag_s = 0.0
        for _ in range(100):
            began_s = trio.current_time()
            await trio.sleep(0.005)
            lag_s += trio.current_time() - began_s - 0.005
        assert lag_s < 0.5, "the event loop is busy with the flood"


async def test_standard_error_goes_to_the_log_at_debug_and_not_all_of_it() -> None:
    with caught_log(stream_log_level="debug") as log:
        async with lent(served("stderr=5000")):
            pass
    lines = log.events("mcp_stderr")
    assert lines[0]["line"] == "hello from the server"
    assert lines[0]["level"] == "debug"
    assert len(lines) < 100


async def test_a_line_without_end_costs_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_process, "MAX_MESSAGE_BYTES", 300_000)
    with caught_log() as log:
        async with lent(raw("huge")) as it:
            with pytest.raises(ToolFailed, match="broke during the call"):
                await it.call("echo")
            await it.until(lambda: bool(log.events("mcp_not_connected")))
    assert log.events("mcp_not_connected")[0]["reason"] == (
        "it wrote a line of more than 300,000 bytes"
    )


async def test_a_server_that_never_answers_is_killed_after_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp_connection, "START_S", 0.3)
    monkeypatch.setattr(mcp_process, "GRACE_S", 0.1)
    with caught_log() as log:
        async with lent(raw("silent", f"notes={tmp_path}"), connect=False) as it:
            [pid] = await pids(tmp_path)
            await it.until(lambda: bool(log.events("mcp_not_connected")))
            assert not running(pid)
    lost = log.events("mcp_not_connected")[0]
    assert lost["reason"] == "it did not say what tools it has within 0.3 s"


@pytest.mark.long
async def test_a_server_that_reads_nothing_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mcp_process, "WRITE_S", 0.2)
    monkeypatch.setattr(mcp_process, "GRACE_S", 0.1)
    with caught_log() as log:
        async with lent(raw("deaf")) as it:
            with pytest.raises(ToolFailed, match="broke during the call"):
                await it.call("echo", much="x" * 1_000_000)
            await it.until(lambda: bool(log.events("mcp_not_connected")))
    assert log.events("mcp_not_connected")[0]["reason"] == "it has read nothing for 0.2 s"


# The end


@pytest.mark.parametrize("mode", ["plain", "silent", "leaves", "deaf"])
async def test_nothing_of_a_server_is_left_at_the_end(
    mode: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mcp_process, "GRACE_S", 0.3)
    async with lent(raw(mode, f"notes={tmp_path}"), connect=mode != "silent"):
        processes = await pids(tmp_path)
        assert all(running(pid) for pid in processes)
    with trio.fail_after(2):  # what was killed is gone a moment later
        while any(running(pid) for pid in processes):
            await trio.sleep(POLL_S)


async def test_a_server_is_given_none_of_parleys_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    async with lent(raw(f"notes={tmp_path}")):
        [pid] = await pids(tmp_path)
        given = psutil.Process(pid).environ()
    assert "OPENAI_API_KEY" not in given
    assert given["PATH"] == os.environ["PATH"]


# HTTP


@asynccontextmanager
async def http_server(port: int) -> AsyncIterator[trio.Process]:
    async with trio.open_nursery() as nursery:
        command = [*served(f"http={port}").command]
        process: trio.Process = await nursery.start(trio.run_process, command)
        with trio.fail_after(LIMIT_S):
            while True:
                try:
                    stream = await trio.open_tcp_stream("127.0.0.1", port)
                except OSError:
                    await trio.sleep(POLL_S)
                else:
                    await stream.aclose()
                    break
        yield process
        nursery.cancel_scope.cancel()


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
async def test_a_server_over_http_lends_its_tools_and_may_be_started_anew() -> None:
    """The client library leaves generators of its HTTP client to the garbage collector, of which
    Trio warns; what they read from is closed."""
    port = free_port()
    there = McpServer(name="web", url=f"http://127.0.0.1:{port}/mcp")
    async with lent(there, connect=False) as it:
        async with http_server(port):
            await it.until(lambda: it.connected)
            first = await it.call("pid")
            assert await it.call("get_time", place="Oslo") == "12:30 in Oslo"
            with pytest.raises(ToolFailed, match="fail"):
                await it.call("fail")
        async with http_server(port):
            with pytest.raises(ToolFailed):  # it does not know the session of the one before
                await it.call("pid")
            with trio.fail_after(3):  # it waits for the new connection, and no longer
                assert await it.call("pid") != first
    gc.collect()


async def test_a_server_over_http_that_is_gone_is_noticed_without_a_call(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """It takes no more than a ping and the wait for its answer. Then it is tried again."""
    answers = ["initialize", "tools/list", "ping"]
    begun = []

    @asynccontextmanager
    async def connect(server: McpServer, log: object) -> AsyncIterator[Any]:
        begun.append(trio.current_time())
        async with (
            create_client_server_memory_streams() as (ours, (heard, write)),
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(_answer, heard, write, answers)
            yield ours
            nursery.cancel_scope.cancel()

    there = McpServer(name="web", url="http://127.0.0.1:1/mcp")
    with caught_log() as log:
        connection = McpConnection(there, lambda: None, connect)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(connection.run)
            await trio.sleep(3600)
            answers.remove("ping")
            await trio.sleep(30)
            nursery.cancel_scope.cancel()
    assert begun == [0, 3600 + 10 + 0.25]
    [lost] = log.events("mcp_not_connected")
    assert lost["reason"] == "it did not answer within 10 s"


async def _answer(heard: Any, write: Any, answers: Sequence[str]) -> None:
    async for item in heard:
        asked = item.message
        if isinstance(asked, JSONRPCRequest) and asked.method in answers:
            result: dict[str, Any] = {}
            if asked.method == "initialize":
                result = {
                    "protocolVersion": (asked.params or {})["protocolVersion"],
                    "capabilities": {},
                    "serverInfo": {"name": "web", "version": "1"},
                }
            elif asked.method == "tools/list":
                result = {"tools": []}
            answer = JSONRPCResponse(jsonrpc="2.0", id=asked.id, result=result)
            await write.send(SessionMessage(answer))


async def test_a_server_over_http_that_is_not_there_is_told_in_one_line() -> None:
    with caught_log() as log:
        there = McpServer(name="web", url=f"http://127.0.0.1:{free_port()}/mcp?key=secret")
        async with lent(there, connect=False):
            await trio.sleep(0.8)
    [lost] = log.events("mcp_not_connected")
    assert lost["advice"] == "is the server running, and is its address right?"
    assert "secret" not in log.getvalue()


# In Parley


def test_without_the_package_the_agents_say_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    agent: Agent[None] = Agent("Help.", name="helper", tools=[served()])
    with pytest.raises(BadAgent, match=r"pip install 'parley-voice\[mcp\]'"):
        Agents([agent], Settings.defaults())
    assert not Agents([Agent("Help.", name="helper")], Settings.defaults()).mcp.connections


def test_the_settings_alone_make_an_agent_with_servers() -> None:
    settings = Settings.defaults(stream_mcp_servers="a=true; http://127.0.0.1:1/mcp")
    assert list(Agents((), settings).mcp.tasks()) == ["mcp-a", "mcp-127.0.0.1"]


class Asking:
    """A model that calls the tool that it is asked to call, once it is offered, and else says
    something."""

    def __init__(self) -> None:
        self.offered: set[str] = set()
        self.conversations: list[Sequence[ChatMessage]] = []

    def with_tools(self, tools: Sequence[ToolOffer]) -> Asking:
        self.offered = {tool.name for tool in tools}
        return self

    @asynccontextmanager
    async def reply(
        self, conversation: Sequence[ChatMessage]
    ) -> AsyncIterator[AsyncIterator[ReplyPart]]:
        self.conversations.append(conversation)
        wanted = re.fullmatch(r"\(Call (\w+) (.*)\)", conversation[-1].text)

        async def saying() -> AsyncIterator[ReplyPart]:
            await trio.lowlevel.checkpoint()
            if wanted:
                number = f"call-{len(self.conversations)}"
                yield ToolCall(id=number, name=wanted[1], arguments=wanted[2])
            else:
                yield "It is. "

        yield saying()

    @property
    def results(self) -> list[str]:
        return [message.text for message in self.conversations[-1] if message.role == "tool"]


@asynccontextmanager
async def conversing(agent: Agent[Any], model: Asking) -> AsyncIterator[None]:
    """A call with the agent."""
    own = OwnEngines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: ScriptedTranscriber([]),
        responder=model,
        synthesizer=ScriptedSynthesizer(ms_per_char=1),
    )
    with trio.fail_after(LIMIT_S):
        async with (
            open_server(Settings.defaults(), own=own, agents=[agent]) as server,
            server.connect("/engine"),
        ):
            yield


async def until_offered(call: Call[Any], model: Asking, tool: str) -> None:
    while tool not in model.offered:
        await call.reply("Is there such a tool?")


async def test_a_model_calls_a_tool_of_a_server_that_comes_during_the_call() -> None:
    """What it calls lives as long as Parley, and no longer."""
    model, over = Asking(), trio.Event()
    agent: Agent[None] = Agent("Help.", name="helper", tools=[served()])

    @agent.on_call
    async def talk(call: Call[None]) -> None:
        await until_offered(call, model, "pid")
        await call.reply("Call pid {}")
        over.set()

    async with conversing(agent, model):
        await over.wait()
        [pid] = map(int, model.results)
        assert running(pid)
    assert not running(pid)


async def test_an_interruption_cancels_the_call_at_the_server(tmp_path: Path) -> None:
    model, over = Asking(), trio.Event()
    agent: Agent[None] = Agent("Help.", name="helper", tools=[served(f"notes={tmp_path}")])

    @agent.on_call
    async def talk(call: Call[None]) -> None:
        await until_offered(call, model, "wait")
        call.start_soon(call.reply, 'Call wait {"seconds": 600}')
        while not (tmp_path / "waiting").exists():
            await trio.sleep(POLL_S)
        await call.interrupt()
        while not (tmp_path / "cancelled").exists():
            await trio.sleep(POLL_S)
        await call.reply('Call get_time {"place": "Rome"}')
        over.set()

    async with conversing(agent, model):
        await over.wait()
    assert model.results[-1] == "12:30 in Rome"

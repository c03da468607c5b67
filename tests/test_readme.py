"""The README keeps its word: its example runs, its commands exist."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from parley.agent import ReplyOver
from parley.audio.wav import read_wav
from parley.embedding import OwnEngines, SessionEvent, Settings, open_server
from parley.testing import (
    ScriptedDetector,
    ScriptedSynthesizer,
    ScriptedTranscriber,
    silence,
    speech,
)
from support.live_server import open_live_server

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[list[str]]:
    lines = [line for block in blocks("console") for line in block.splitlines()]
    return [shlex.split(line[2:], comments=True) for line in lines if line.startswith("$ ")]


@pytest.mark.slow
async def test_the_client_in_the_readme_holds_a_conversation(
    capsys: pytest.CaptureFixture[str],
) -> None:
    _, source = blocks("python")
    client: dict[str, Any] = {"__name__": "readme"}
    exec(compile(source, "README.md", "exec"), client)
    recording = ROOT / "examples/audio/1-weather.wav"
    async with open_live_server() as server:
        with trio.fail_after(30):
            reply = await client["converse"](server.url("/ws"), str(recording))
    printed = capsys.readouterr().out
    assert "final_transcript what is the weather like today" in printed
    assert "partial_transcript what" in printed
    assert reply.startswith(b"RIFF")
    assert len(reply) > 20_000


SPOKEN = "What are your opening hours on Saturday?"


@pytest.mark.parametrize("path", ["/ws?name=Ann", "/stream?name=Ann", "/engine?name=Ann"])
async def test_the_agent_in_the_readme_answers_with_its_tool_and_without_any_model(
    path: str, autojump_clock: trio.testing.MockClock
) -> None:
    agent: dict[str, Any] = {"__name__": "readme"}
    exec(compile(blocks("python")[0], "README.md", "exec"), agent)
    heard: list[ReplyOver] = []

    def watch(event: SessionEvent) -> None:
        if isinstance(event, ReplyOver):
            heard.append(event)

    own = OwnEngines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: ScriptedTranscriber([SPOKEN], word_ms=50),
        synthesizer=ScriptedSynthesizer(),
    )
    agent["shop"].name = "shop"
    settings = Settings.defaults(stream_llm_engine="local")
    async with (
        open_server(settings, own=own, agents=[agent["shop"]], watchers=[watch]) as server,
        server.connect(path) as client,
    ):
        await trio.sleep(5)
        if not path.startswith("/engine"):
            await client.start()
        await client.speak(speech(900) + silence(1500))
        await trio.sleep(5)
    assert [event.text for event in heard] == [
        "Flower shop, hello Ann! How can I help you?",
        "9 to 13.",
    ]


def test_every_make_target_in_the_readme_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    wanted = {
        word
        for command in commands()
        if "make" in command
        for word in command[command.index("make") + 1 :]
        if "=" not in word
    }
    assert {"run", "test", "demo"} <= wanted
    for target in wanted:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_recordings_in_the_readme_can_be_played() -> None:
    for path in set(re.findall(r"examples/audio/\S+\.wav", README)):
        assert read_wav(ROOT / path).rate_hz == 16_000


def test_the_extras_that_the_readme_names_exist() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for extra in re.findall(r"'\.\[(\w+)\]'", README):
        assert extra in project["optional-dependencies"]

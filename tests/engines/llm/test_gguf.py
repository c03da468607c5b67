"""A language model of one's own, in a worker: with real weights, and with files that are none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from parley.config import Settings
from parley.engines.failures import EngineFailure, EngineUnavailable
from parley.engines.llm import gguf
from parley.engines.llm.gguf import GgufResponder, opened
from parley.engines.llm.interface import ToolCall, ToolOffer, offering
from parley.engines.llm.openai_quirks import Quirks
from parley.engines.models.packaged import SMOLLM2
from parley.engines.room import open_engine_room
from parley.protocol.chat import ChatMessage
from support.real_models import MODELS_DIR, needs

pytest.importorskip("xllamacpp")

LIMIT_S = 60.0
ASKED = [ChatMessage(role="user", text="Say hello to me.")]


def responder(path: Path) -> GgufResponder:
    return GgufResponder(path=path, max_tokens=40, temperature=0.0)


async def until_ready(responder: GgufResponder) -> None:
    with trio.fail_after(LIMIT_S):
        while not responder.ready and not responder.load_error:
            await trio.sleep(0.02)


def worker_pids() -> set[int]:
    """Of the workers that this process has started."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if int(status[1]) == os.getpid() and b"gguf_worker" in command and status[0] != "Z":
            found.add(int(folder.name))
    return found


@needs(SMOLLM2)
async def test_its_server_takes_tools_calls_and_results() -> None:
    tool = ToolOffer(name="opening_hours", description="When the shop is open.")
    call = ToolCall(id="openin001", name="opening_hours", arguments="{}")
    conversation = [
        ChatMessage(role="user", text="When are you open?"),
        ChatMessage(role="assistant", text="", calls=(call,)),
        ChatMessage(role="tool", text="From 9 to 18.", call_id="openin001"),
    ]
    model = responder(SMOLLM2.place(MODELS_DIR))
    async with trio.open_nursery() as nursery:
        await nursery.start(model.run)
        await until_ready(model)
        with trio.fail_after(LIMIT_S):
            async with offering(model, [tool]).reply(conversation) as parts:
                assert len([part async for part in parts if isinstance(part, str)]) >= 2
        assert model._current is not None
        assert model._current.quirks == Quirks()
        nursery.cancel_scope.cancel()


@needs(SMOLLM2)
async def test_its_worker_ignores_signals_of_the_group_and_ends_with_us() -> None:
    """Ctrl-C in a terminal is for the server, which lets replies finish first."""
    worker = await trio.lowlevel.open_process(
        [
            *(sys.executable, "-m", "parley.engines.llm.gguf_worker"),
            *(str(SMOLLM2.place(MODELS_DIR)), "512"),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert worker.stdin is not None and worker.stdout is not None
    with trio.fail_after(LIMIT_S):
        assert b"url" in await worker.stdout.receive_some()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        worker.send_signal(number)
    await trio.sleep(0.3)
    assert worker.poll() is None
    await worker.stdin.aclose()
    with trio.fail_after(2):
        await worker.wait()
    await worker.stdout.aclose()


@needs(SMOLLM2)
async def test_it_talks_is_cancelled_and_comes_back_after_a_crash(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gguf, "AGAIN_S", 0.1)
    model = responder(SMOLLM2.place(MODELS_DIR))
    async with trio.open_nursery() as nursery:
        await nursery.start(model.run)
        with pytest.raises(EngineFailure, match="still loading"):
            async with model.reply(ASKED):
                pass
        await until_ready(model)
        with trio.fail_after(LIMIT_S):
            async with model.reply(ASKED) as tokens:
                text = "".join([token async for token in tokens if isinstance(token, str)])
            assert len(text) >= 2
            async with model.reply(ASKED) as tokens:
                await anext(tokens)  # and left in the middle
            (pid,) = worker_pids()
            os.kill(pid, signal.SIGKILL)
            while model.ready:
                await trio.sleep(0.01)
            await until_ready(model)
            assert worker_pids() - {pid}
            async with model.reply(ASKED) as tokens:
                assert await anext(tokens)
        nursery.cancel_scope.cancel()
    assert not worker_pids()


@needs(SMOLLM2)
async def test_the_server_is_ready_when_the_model_is() -> None:
    settings = Settings.defaults(
        stream_gguf_model=str(SMOLLM2.place(MODELS_DIR)),
        stream_asr_engine="pocketsphinx",
        stream_tts_engine="pyttsx3",
    )
    assert settings.llm_engine == "gguf"
    async with open_engine_room(settings) as room, trio.open_nursery() as nursery:
        assert "llm: loading" in room.not_ready()
        await nursery.start(room.supervisor().run)
        with trio.fail_after(LIMIT_S):
            while any(line.startswith("llm") for line in room.not_ready()):
                await trio.sleep(0.02)
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is no GGUF file"),
        (b"GGML rest", "is no GGUF file"),
        (b"GGUF" + bytes(1000), "cannot be loaded"),
    ],
)
async def test_a_file_that_is_none_is_told_in_words(
    tmp_path: Path, content: bytes, problem: str
) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    await _fails(path, problem)


@needs(SMOLLM2)
async def test_half_a_model_is_told_in_words(tmp_path: Path) -> None:
    path = tmp_path / "half.gguf"
    whole = SMOLLM2.place(MODELS_DIR).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    await _fails(path, "cannot be loaded")


async def _fails(path: Path, problem: str) -> None:
    model = responder(path)
    async with trio.open_nursery() as nursery:
        await nursery.start(model.run)
        await until_ready(model)
        assert model.load_error is not None
        assert problem in model.load_error
        assert "not loaded" in model.described()
        with pytest.raises(EngineFailure, match=problem):
            async with model.reply(ASKED):
                pass
        nursery.cancel_scope.cancel()


def test_a_path_that_is_none_is_refused_at_the_start() -> None:
    with pytest.raises(EngineUnavailable, match=r"there is no file /nowhere/model\.gguf"):
        opened(Settings.defaults(stream_gguf_model="/nowhere/model.gguf").answering)
    with pytest.raises(EngineUnavailable, match="STREAM_GGUF_MODEL is not set"):
        opened(Settings.defaults(stream_llm_engine="gguf").answering)

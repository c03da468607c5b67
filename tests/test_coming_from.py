"""docs/COMING_FROM.md keeps its word: its clients get answers, its settings are as they were."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
import trio

from parley.config.variables import Variables
from support.live_server import open_live_server
from support.pages import ROOT, blocks_of, commands_of, text_of

PAGE = "docs/COMING_FROM.md"

BEFORE: Mapping[str, Mapping[str, object]] = {
    "prompt-voice": {
        "STREAM_MODEL_WHISPER": "small-int8",
        "STREAM_VAD_SILENCE_MS": 700,
        "STREAM_PARTIAL_INTERVAL_MS": 1000,
        "STREAM_PCM_CHUNK_SIZE": 5120,
        "STREAM_MAX_UTTERANCE_MS": 30_000,
        "STREAM_BACKPRESSURE_THRESHOLD": 50,
        "STREAM_BACKPRESSURE_SKIP_FRAMES": 3,
        "OPENAI_MODEL": "gpt-3.5-turbo",
        "OPENAI_MAX_TOKENS": 150,
        "OPENAI_TEMPERATURE": 0.7,
        "STREAM_LLM_TIMEOUT_S": 30,
        "STREAM_TTS_MAX_PHRASE_LENGTH": 60,
        "STREAM_TTS_THREAD_WORKERS": 2,
        "STREAM_TTS_TIMEOUT_S": 10,
        "STREAM_MAX_PENDING_PHRASES": 5,
        "STREAM_LOG_LATENCY": True,
    },
    "io-speech": {
        "WS_MAX_CONNECTIONS": 100,
        "WS_PING_INTERVAL": 30,
        "WS_PING_TIMEOUT": 10,
        "VAD_ENERGY_THRESHOLD": 0.01,
        "VAD_SPEECH_PAD_MS": 300,
        "VAD_SILENCE_DURATION_MS": 700,
    },
}
"""The defaults that the older servers' documents give, of what kept its name and its default."""


@pytest.mark.parametrize("server", BEFORE)
def test_the_migration_page_lists_the_settings_that_did_not_change(server: str) -> None:
    section = text_of(PAGE).split(f"## {server}")[1].split("\n## ")[0]
    listed = section.split("same names and defaults.**")[1].split("\n\n")[0]
    for name, default in BEFORE[server].items():
        assert f"`{name}`" in listed
        assert Variables.model_fields[name.lower()].default == default, name


@pytest.mark.slow
async def test_the_client_of_the_migration_page_gets_its_answer(tmp_path: Path) -> None:
    (block,) = [b for b in blocks_of(PAGE) if b.language == "python"]
    script = tmp_path / "client.py"
    async with open_live_server() as server:
        script.write_text(block.text.replace("ws://127.0.0.1:8765/", server.url("/engine")))
        with trio.fail_after(30):
            done = await trio.run_process([sys.executable, str(script)], capture_stdout=True)
    assert "2 plus 2 is 4" in done.stdout.decode()


@pytest.mark.few(1)
@pytest.mark.slow
@pytest.mark.parametrize(
    ("command", "path"), [("talk", "/ws"), ("io_speech.py", "/stream")], ids=["ws", "stream"]
)
async def test_the_commands_of_the_migration_page_get_an_answer(
    command: str, path: str, tmp_path: Path
) -> None:
    """As they stand there, but for the address, and by this Python."""
    (line,) = [
        found.words
        for block in blocks_of(PAGE)
        for found in commands_of(block)
        if command in " ".join(found.words)
    ]
    async with open_live_server() as server:
        url = server.url(path)
        words = [url if word.startswith("ws://") else word for word in line[1:]]
        module = ["-m", "parley"] if line[0].endswith("parley") else []
        out = ["--out", str(tmp_path / "reply.wav")] if module else []
        with trio.fail_after(60):
            done = await trio.run_process(
                [sys.executable, *module, *words, *out], capture_stdout=True, cwd=ROOT
            )
    assert "what is the weather like today" in done.stdout.decode().lower()

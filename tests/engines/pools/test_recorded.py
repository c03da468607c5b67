"""A conversation whose engines are pools is recorded above them, and its replay needs none."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import openai.resources.audio
import openai.resources.chat  # noqa: F401 (the seconds this may take are not a test's)
import pytest
import trio
import trio.testing

from parley.audio.wav import wav_bytes
from parley.client.in_memory import InMemoryClient
from parley.config import Settings
from parley.embedding import open_server
from parley.engines.kit import OwnEngines
from parley.engines.vad.scripted import ScriptedDetector
from parley.recording.mcap_file import read_recording
from parley.recording.recorded import replay_recording
from parley.recording.tape import Entry
from parley.testing import silence, speech
from support import llm_server as wire
from support.llm_server import Behaviour, open_llm_server
from support.whole_answers import answer, tell_json

LIMIT_S = 30.0
SOUND = answer(wav_bytes(bytes(range(1, 201)) * 24, 24_000), "audio/wav")
GONE = "http://127.0.0.1:9/v1"


def out_of(entries: list[Entry]) -> list[Entry]:
    return [
        replace(entry, data={k: v for k, v in entry.data.items() if k != "waited"})
        for entry in entries
        if entry.kind == "out"
    ]


async def conversation(folder: Path) -> list[str]:
    """Two turns over places that are gone, broken and well; the second reply breaks off. Gives the
    finals that the client was told."""
    async with AsyncExitStack() as stack:

        async def pool(broken: Behaviour, well: Behaviour) -> str:
            urls = [GONE]
            for behaviour in (broken, well):
                server = await stack.enter_async_context(open_llm_server())
                server.default = behaviour
                urls.append(server.base_url)
            return ",".join(urls)

        settings = Settings.defaults(
            stream_record_dir=str(folder),
            stream_asr_engine="openai",
            stream_llm_engine="openai",
            stream_tts_engine="openai",
            stream_language="en",
            openai_asr_base_url=await pool(wire.refuse(500), tell_json({"text": "hello there"})),
            openai_base_url=await pool(wire.cut("Once upon", " a time"), wire.tell("Fine.")),
            openai_tts_base_url=await pool(wire.plain(b"<html>", "text/html"), SOUND),
        )
        own = OwnEngines(detector=lambda session: ScriptedDetector())
        server = await stack.enter_async_context(open_server(settings, own=own))
        client: InMemoryClient = await stack.enter_async_context(server.connect("/ws"))
        for turn in (1, 2):
            await client.start()
            await client.speak(speech(600) + silence(900), speed=4)
            await client.wait_for("tts_complete", count=turn)
        return [str(final["text"]) for final in client.of("final_transcript")]


@pytest.mark.slow
def test_a_replay_needs_no_pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")

    async def main() -> list[str]:
        with trio.fail_after(LIMIT_S):
            return await conversation(tmp_path)

    assert trio.run(main) == ["hello there", "hello there"]
    [file] = tmp_path.glob("*.mcap")
    recording = read_recording(file)
    clock = trio.testing.MockClock(autojump_threshold=0)
    replayed = trio.run(replay_recording, recording, clock=clock)
    assert replayed.diverged is None
    assert out_of(list(replayed.out)) == out_of(list(recording.entries))
    assert not any("failure" in e.data for e in recording.entries if e.kind == "asr.finish")

"""A server that records: files that replay to the last frame, and conversations that never suffer.

In real time, with scripted engines: what a disk does is not virtual.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from parley.client.in_memory import InMemoryClient
from parley.config import Settings
from parley.embedding import RunningServer, open_server
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.kit import OwnEngines
from parley.engines.llm.scripted import ScriptedResponder
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.vad.scripted import ScriptedDetector
from parley.protocol.newspeech import DIALECT
from parley.recording.mcap_file import RecordingError, read_recording
from parley.recording.recorded import replay_recording, settings_of
from parley.recording.recordings import Recordings
from parley.recording.replay import Replayed
from parley.recording.tape import Recording
from parley.telemetry import Telemetry
from parley.testing import silence, speech
from support.live_server import open_client, open_live_server
from support.logs import caught_log

LIMIT_S = 30.0


def own() -> OwnEngines:
    return OwnEngines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: ScriptedTranscriber(
            ["hello there", "stop it"], delays_s={"feed": 0.003, "finish": 0.02}
        ),
        responder=ScriptedResponder(then=["It ", 0.02, "is ", "fine. ", 0.05, "Is ", "it?"]),
        synthesizer=ScriptedSynthesizer(delay_s=0.02),
    )


@asynccontextmanager
async def recorded(folder: Path | None, **settings: object) -> AsyncIterator[RunningServer]:
    where = {} if folder is None else {"stream_record_dir": str(folder)}
    chosen = Settings.defaults(**(where | settings))
    with trio.fail_after(LIMIT_S):
        async with open_server(chosen, own=own()) as server:
            yield server


async def spoken(client: InMemoryClient) -> None:
    await client.start()
    await client.speak(speech(600) + silence(900), speed=4)
    await client.wait_for("tts_complete")


async def typed(client: InMemoryClient) -> None:
    await client.say(type="text", content="hello")
    await client.wait_for("tts_complete")


async def two_things(server: RunningServer) -> None:
    """Conversations at the same time, one of them with audio from outside."""
    async with server.connect("/ws") as first, server.connect("/engine") as second:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(spoken, first)
            nursery.start_soon(typed, second)
            await trio.sleep(0.3)
            await server.broadcast_audio(speech(200), 16_000)
        assert [line.recording for line in server.status().sessions] == [True, True]


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.mcap"))


def replayed(recording: Recording) -> Replayed:
    """In a run of its own, under virtual time."""
    return trio.run(replay_recording, recording, clock=trio.testing.MockClock(autojump_threshold=0))


def out_of(entries: list[Any]) -> list[Any]:
    return [
        (e.at_s, {k: v for k, v in e.data.items() if k != "waited"}, e.audio)
        for e in entries
        if e.kind == "out"
    ]


def run(main: Callable[[], Awaitable[None]]) -> None:
    trio.run(main)


@pytest.mark.slow
def test_what_a_server_recorded_replays_to_the_last_frame(tmp_path: Path) -> None:
    folder = tmp_path / "made" / "at the start"

    async def main() -> None:
        async with recorded(folder) as server:
            await two_things(server)

    run(main)
    assert len(files(folder)) == 2
    dialects = set()
    for path in files(folder):
        recording = read_recording(path)
        assert not recording.cut
        assert recording.unreplayable is None
        assert "play" in {entry.kind for entry in recording.entries}
        assert settings_of(recording.header).stream_record_dir == str(folder)
        assert recording.header.engines["asr"] == "own"
        again = replayed(recording)
        assert again.diverged is None
        assert len(out_of(recording.entries)) > 5
        assert out_of(again.out) == out_of(recording.entries)
        dialects.add(recording.header.dialect)
    assert len(dialects) == 2


@pytest.mark.slow
@pytest.mark.parametrize("left_out", ["stream_record_audio", "stream_record_text"])
def test_what_leaves_something_out_says_so_and_is_not_replayed(
    left_out: str, tmp_path: Path
) -> None:
    async def main() -> None:
        async with (
            recorded(tmp_path, **{left_out: False}) as server,
            server.connect("/ws") as client,
        ):
            await spoken(client)

    run(main)
    (path,) = files(tmp_path)
    assert (b"hello there" in path.read_bytes()) == (left_out == "stream_record_audio")
    with pytest.raises(RecordingError, match=left_out.upper()):
        replayed(read_recording(path))


async def test_nothing_is_recorded_unless_it_is_asked_for(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with recorded(None) as server, server.connect("/engine") as client:
        await typed(client)
        assert [line.recording for line in server.status().sessions] == [False]


async def test_a_share_of_none_records_none(
    tmp_path: Path, autojump_clock: trio.testing.MockClock
) -> None:
    async with (
        recorded(tmp_path, stream_record_share=0) as server,
        server.connect("/engine") as client,
    ):
        await typed(client)
        assert [line.recording for line in server.status().sessions] == [False]
    assert files(tmp_path) == []


TOKEN = "0123456789abcdef"


async def test_a_client_gets_the_recording_of_its_own_session(tmp_path: Path) -> None:
    with trio.fail_after(LIMIT_S):
        async with open_live_server() as live:
            async with open_client(f"{live.url('/engine')}?record={TOKEN}") as client:
                await client.say(type="text", content="hello")
                await client.wait_for("tts_complete")
                assert [line["recording"] for line in await live.sessions()] == [True]
            await live.until_empty()
            await trio.sleep(0.5)
            answer = await live.get(f"/recordings/{TOKEN}")
            assert answer.status == 200
            (tmp_path / "a.mcap").write_bytes(answer.body)
            assert not read_recording(tmp_path / "a.mcap").cut
            for other in ("f" * 16, "..", "a/b", ""):
                assert (await live.get(f"/recordings/{other}")).status == 404
            assert (await live.get("/recordings")).status == 404


@pytest.mark.long
async def test_who_may_not_ask_or_asks_badly_is_served_and_not_recorded() -> None:
    for allowed, tokens in (("off", [TOKEN]), ("on", ["short", "a" * 65, ""])):
        async with open_live_server(stream_record_on_request=allowed) as live:
            for token in tokens:
                with trio.fail_after(LIMIT_S):
                    async with open_client(f"{live.url('/engine')}?record={token}") as client:
                        await client.say(type="text", content="hello")
                        await client.wait_for("tts_complete")
                        assert [line["recording"] for line in await live.sessions()] == [False]
                        assert (await live.get(f"/recordings/{token}")).status == 404


async def test_files_that_were_asked_for_go_with_the_server() -> None:
    settings = Settings.defaults()
    recordings = Recordings(settings, {}, Telemetry())
    (child,) = recordings.children()
    async with trio.open_nursery() as nursery:
        await nursery.start(child.run)
        recorder = recordings.start(
            "aabbccddeeff", DIALECT, opened_ms=0, frame_samples=480, token=TOKEN
        )
        assert recorder is not None
        await trio.sleep(0.1)
        recorder.close()
        with trio.fail_after(5):
            while await recordings.fetch(TOKEN) is None:
                await trio.sleep(0.05)
        folder = recorder.path.parent
        assert folder.is_dir()
        assert folder.stat().st_mode & 0o077 == 0
        nursery.cancel_scope.cancel()
    assert not folder.exists()
    assert await recordings.fetch(TOKEN) is None


@pytest.mark.parametrize(
    ("host", "asked", "may"),
    [
        *(("127.0.0.1", "auto", True), ("localhost", "auto", True), ("::1", "auto", True)),
        *(("0.0.0.0", "auto", False), ("192.168.1.5", "auto", False), ("::", "auto", False)),
        *(("0.0.0.0", "on", True), ("127.0.0.1", "off", False)),
    ],
)
def test_who_may_ask(host: str, asked: str, may: bool) -> None:
    settings = Settings.defaults(parley_host=host, stream_record_on_request=asked)
    assert settings.recording.on_request is may
    assert Recordings(settings, {}, Telemetry()).grants(TOKEN) is may


def test_the_share_is_kept_and_a_session_is_always_judged_the_same() -> None:
    def rule(share: float) -> Recordings:
        settings = Settings.defaults(stream_record_dir="x", stream_record_share=share)
        return Recordings(settings, {}, Telemetry())

    ids = [f"{number:012x}" for number in range(2000)]
    quarter, half, every = ({i for i in ids if of.takes(i)} for of in map(rule, (0.25, 0.5, 1)))
    assert 400 < len(quarter) < 600
    assert quarter < half < every
    assert every == set(ids)
    again = rule(0.25)
    assert quarter == {i for i in ids if again.takes(i)}


async def unharmed(folder: Path, spoil: Callable[[], object]) -> list[dict[str, Any]]:
    """Two conversations, the folder spoilt in the first; the warnings."""
    with caught_log() as log:
        async with recorded(folder) as server:
            async with server.connect("/ws") as client:
                await trio.sleep(0.7)
                spoil()
                await spoken(client)
                await trio.sleep(0.7)
                assert [line.recording for line in server.status().sessions] == [False]
            async with server.connect("/engine") as client:
                await typed(client)
                assert client.of("error") == []
    return [line for line in log.lines() if line["level"] in ("warning", "error")]


@pytest.mark.slow
async def test_a_folder_removed_while_it_runs_harms_no_conversation(tmp_path: Path) -> None:
    folder = tmp_path / "recordings"
    warnings = await unharmed(folder, lambda: shutil.rmtree(folder))
    assert [line["event"] for line in warnings] == ["recording_failed"] * 2
    assert len({line["session_id"] for line in warnings}) == 2


@pytest.mark.slow
async def test_a_folder_that_cannot_be_made_harms_no_conversation(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    warnings = await unharmed(tmp_path / "file" / "recordings", lambda: None)
    told = ["cannot_work", "recordings_folder", *["recording_failed"] * 2]
    assert [line["event"] for line in warnings] == told


@pytest.mark.slow
async def test_old_recordings_are_removed_when_one_ends(tmp_path: Path) -> None:
    old = tmp_path / "20200101-000000-0123456789ab.mcap"
    theirs = tmp_path / "mine.mcap"
    for path in (old, theirs):
        path.write_bytes(b"x" * 10)
        os.utime(path, (0, 0))
    async with recorded(tmp_path) as server, server.connect("/engine") as client:
        await typed(client)
    assert not old.exists()
    assert theirs.exists()
    assert len(files(tmp_path)) == 2

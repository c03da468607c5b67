"""What a person is told at the start, and who hears, answers and speaks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import trio

from parley.config import Settings
from parley.embedding import OwnEngines
from parley.engines.lanes.standing import LaneState
from parley.engines.llm.scripted import ScriptedResponder
from parley.engines.room import EngineRoom, open_engine_room
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.server import banner
from parley.server.tree import Server

NOTHING_PULLED = "/nowhere/models"


async def room(own: OwnEngines | None = None, **settings: Any) -> EngineRoom:
    wanted = {"parley_models_dir": NOTHING_PULLED} | settings
    async with open_engine_room(Settings.defaults(**wanted), own or OwnEngines()) as opened:
        return opened


async def lines(port: int = 8084, own: OwnEngines | None = None, **settings: Any) -> Sequence[str]:
    opened = await room(own, **settings)
    return banner.ready(opened.settings, opened, port)


def value(told: Sequence[str], name: str) -> list[str]:
    return [line.split(maxsplit=1)[1] for line in told if line.split()[:1] == [name]]


async def test_it_says_where_to_go_who_is_there_and_how_to_stop() -> None:
    told = await lines(9000)
    assert told[0] == "Parley is ready: open http://127.0.0.1:9000/ and press Talk."
    assert value(told, "hears") == ["pocketsphinx, English; it mishears one word in three"]
    assert value(told, "speaks") == ["eSpeak NG"]
    assert value(told, "answers") == ["a few rules of Parley's own: no language model is connected"]
    assert value(told, "clients") == ["ws://127.0.0.1:9000/ws, /stream and /engine"]
    assert value(told, "stop")[0].startswith("Ctrl-C")
    better = value(told, "better")
    assert [line.split(":")[0] for line in better] == [
        "a better recognizer", "a human voice", "a language model"
    ]  # fmt: skip
    assert not value(told, "note")


async def test_what_an_engine_said_when_it_was_loaded_is_a_note_and_told_once() -> None:
    opened = await room()
    for lane in opened.lanes:
        lane.remark = "Whisper runs on the CPU"
    told = banner.ready(opened.settings, opened, 8084)
    assert value(told, "note") == ["Whisper runs on the CPU"]


@pytest.mark.parametrize(
    ("host", "shown"),
    [("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("::1", "[::1]"), ("10.1.2.3", "10.1.2.3")],
)
async def test_an_address_that_one_can_open_is_shown(host: str, shown: str) -> None:
    told = await lines(parley_host=host, parley_insecure=True)
    assert told[0] == f"Parley is ready: open http://{shown}:8084/ and press Talk."
    assert bool(value(told, "note")) == (host in ("0.0.0.0", "::"))


async def test_what_was_chosen_on_purpose_is_not_called_worse() -> None:
    told = await lines(
        stream_asr_engine="pocketsphinx",
        stream_tts_engine="pyttsx3",
        stream_tts_voice="de",
        openai_base_url="http://user:secret@model.example:9999/v1",
        openai_model="m-1",
    )
    assert value(told, "better") == []
    assert value(told, "answers") == ["m-1 at model.example:9999"]
    assert value(told, "speaks") == ["eSpeak NG, voice de"]


async def test_services_and_files_are_named_without_secrets(tmp_path: Path) -> None:
    for name in ("de_DE-thorsten-medium.onnx", "de_DE-thorsten-medium.onnx.json"):
        (tmp_path / name).touch()
    told = (
        await room(
            stream_asr_engine="openai",
            openai_asr_base_url="http://user:secret@ears.example/v1",
            stream_tts_engine="piper",
            stream_piper_voice=str(tmp_path / "de_DE-thorsten-medium.onnx"),
        )
    ).who()
    assert told["hears"] == "whisper-1 at ears.example"
    assert told["speaks"] == "Piper, voice de_DE-thorsten-medium"
    assert "secret" not in repr(told)


async def test_an_embedders_engines_are_its_own() -> None:
    own = OwnEngines(responder=ScriptedResponder(), synthesizer=ScriptedSynthesizer())
    told = (await room(own)).who()
    assert told["answers"] == told["speaks"] == "an engine of the embedding program's own"
    assert told["hears"].startswith("pocketsphinx")


def test_what_cannot_work_is_a_line_each() -> None:
    told = banner.cannot(["tts: no voice", "asr: a model is damaged"])
    assert told[1:3] == ["  tts: no voice", "  asr: a model is damaged"]


async def test_the_process_tells_people_on_stdout_when_it_can_talk(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from parley.server import process

    opened = await room()
    server = Server(opened.settings, opened)
    waits: list[dict[str, str | None]] = [{"asr": None}, {"tts": "no voice"}, {"tts": None}, {}]
    monkeypatch.setattr(EngineRoom, "_not_ready", lambda self: waits[0])
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(process._tell_people, opened.settings, opened, server, 8084)
            while len(waits) > 1:
                await trio.sleep(0.12)
                waits.pop(0)
    out = capsys.readouterr().out
    begins = [out.index(words) for words in ("is starting", "cannot talk yet", "is ready: open")]
    assert begins == sorted(begins)


async def test_what_cannot_work_is_told_with_what_to_do(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    told = await lines(stream_record_dir=str(file / "below"))
    [line] = value(told, "cannot")
    assert line.startswith(f"recordings: {file} is no folder; nothing is recorded; mend STREAM_")


async def test_a_recognizer_whose_workers_keep_dying_is_waited_for_with_the_reason() -> None:
    opened = await room()
    lanes = [lane for lane in opened.lanes if lane.name.startswith("asr-")]
    for lane in lanes:
        lane._closed, lane._quick_deaths, lane._lost = None, 3, "asr: the worker died"
        lane._resumes_s = trio.current_time() + 4
    [line] = [line for line in opened.load_errors() if line.startswith("asr: ")]
    assert line.startswith("asr: asr: the worker died; the next one starts in ")
    down = [told for told in opened.standings() if told.state is LaneState.BACKING_OFF]
    assert [told.lane for told in down] == [lane.name for lane in lanes]
    lanes[0].ready = True
    assert not [line for line in opened.not_ready() if line.startswith("asr: ")]

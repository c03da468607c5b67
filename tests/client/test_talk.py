"""`talk` against a stand-in server on loopback."""

from __future__ import annotations

import io
import signal
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
from rich.console import Console

from parley.audio.wav import parse_wav, read_wav
from parley.client import talk as talk_module
from parley.client.server_process import free_port
from parley.client.talk import TalkResult, reply_paths, talk
from support.fake_sound import FakeSound
from support.stand_in import StandIn, message, open_stand_in, recording, serve_session, wav


class Shown:
    """Runs `talk` at twenty times real time and keeps what it printed."""

    def __init__(self) -> None:
        self.out, self.err = io.StringIO(), io.StringIO()

    async def talk(self, *arguments: Any, **options: Any) -> TalkResult:
        return await talk(
            *arguments,
            speed=options.pop("speed", 20.0),
            console=Console(file=self.out, width=120),
            errors=Console(file=self.err, width=120),
            **options,
        )


def listing(folder: Path) -> set[Path]:
    return set(folder.rglob("*"))


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    path = tmp_path / "hello.wav"
    path.write_bytes(wav(recording()))
    return path


async def test_a_recording_is_answered(spoken: Path, tmp_path: Path) -> None:
    shown = Shown()
    async with open_stand_in() as url:
        result = await shown.talk(url, [spoken], out=tmp_path / "reply.wav")
    assert (result.exit_code, result.problem) == (0, None)
    assert result.written == (tmp_path / "reply.wav",)
    assert read_wav(tmp_path / "reply.wav").seconds == pytest.approx(0.2)
    assert "you    go forward" in shown.out.getvalue()
    assert "parley You said: go forward" in shown.out.getvalue()
    assert "Latency in ms" in shown.out.getvalue()
    assert shown.err.getvalue() == ""


async def test_several_recordings_share_a_session(spoken: Path, tmp_path: Path) -> None:
    async with open_stand_in() as url:
        result = await Shown().talk(url, [spoken, spoken], out=tmp_path / "new" / "folder")
    assert [path.name for path in result.written] == ["hello.reply.wav", "hello-2.reply.wav"]
    assert [u.phrases[0][1].seq for u in result.utterances] == [1, 2]
    assert len(result.rows) == 2


async def test_no_reply_is_exit_code_1(spoken: Path, tmp_path: Path) -> None:
    shown = Shown()
    handler = partial(serve_session, partial(StandIn, mute=True))
    async with open_stand_in(handler) as url:
        result = await shown.talk(url, [spoken], out=tmp_path, reply_timeout_s=0.1)
    assert result.exit_code == 1
    assert result.written == ()
    assert shown.err.getvalue() == "no reply to: hello\n"


async def test_replies_are_played_and_leave_no_file_unasked(
    spoken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = FakeSound()
    monkeypatch.setitem(sys.modules, "sounddevice", sound)
    monkeypatch.chdir(tmp_path)
    before = listing(tmp_path)
    shown = Shown()
    async with open_stand_in() as url:
        result = await shown.talk(url, [spoken, spoken])
        silent = await Shown().talk(url, [spoken], aloud=False)
    assert result.written == silent.written == ()
    assert listing(tmp_path) == before
    played = b"".join(piece for stream in sound.streams for piece in stream.played)
    phrases = [phrase for u in result.utterances for _, phrase in u.phrases]
    said = [parse_wav(phrase.audio_b64).pcm16 for phrase in phrases]
    assert played == b"".join(said)
    assert "not played" not in shown.out.getvalue()


async def test_without_a_loudspeaker_it_says_why_nothing_is_heard(
    spoken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    monkeypatch.chdir(tmp_path)
    shown = Shown()
    async with open_stand_in() as url:
        assert (await shown.talk(url, [spoken])).exit_code == 0
    told = " ".join(shown.out.getvalue().split())
    assert "the replies were not played (sound needs sounddevice" in told
    assert "--out FOLDER keeps them" in told


async def test_a_loudspeaker_that_cannot_be_opened_costs_only_the_sound(
    spoken: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sound = FakeSound()
    sound.broken = True
    monkeypatch.setitem(sys.modules, "sounddevice", sound)
    shown = Shown()
    async with open_stand_in() as url:
        result = await shown.talk(url, [spoken])
    assert result.exit_code == 0
    assert shown.err.getvalue() == "the loudspeaker cannot be opened (no default device)\n"


async def test_nobody_there_is_one_line(spoken: Path) -> None:
    shown = Shown()
    url = f"ws://127.0.0.1:{free_port()}/ws"
    result = await shown.talk(url, [spoken])
    assert result.exit_code == 2
    assert shown.err.getvalue() == f"no Parley at {url}: start one with `parley serve`\n"


async def test_a_server_that_goes_away_is_one_line(spoken: Path) -> None:
    async def leave(request: Any) -> None:
        connection = await request.accept()
        for frame in StandIn().greeting():
            await connection.send_message(frame)
        await connection.get_message()
        await connection.aclose(1001, "stopping")

    shown = Shown()
    async with open_stand_in(leave) as url:
        result = await shown.talk(url, [spoken])
    assert result.exit_code == 2
    assert shown.err.getvalue() == "the server closed with 1001: stopping\n"


async def test_what_cannot_be_spoken_is_one_line(tmp_path: Path, spoken: Path) -> None:
    cases: list[tuple[list[Path], dict[str, Any], str]] = [
        ([], {}, "nothing to say: name a WAV file, or use --mic\n"),
        ([tmp_path / "no.wav"], {}, f"{tmp_path / 'no.wav'}: there is no such file\n"),
        ([spoken] * 2, {"out": Path("a.wav")}, "a.wav is one file, and there are 2 recordings\n"),
        (
            [spoken],
            {"chunk_ms": 0},
            "rate_hz, chunk_ms, speed and reply_timeout_s must be over 0\n",
        ),
    ]
    for arguments, options, line in cases:
        shown = Shown()
        result = await shown.talk("ws://127.0.0.1:1/ws", arguments, **options)
        assert (result.exit_code, shown.err.getvalue()) == (2, line)


def test_replies_lie_beside_each_other_in_the_working_directory() -> None:
    assert reply_paths(["a", "b"], None) == [Path("a.reply.wav"), Path("b.reply.wav")]


@pytest.fixture
def sound(monkeypatch: pytest.MonkeyPatch) -> FakeSound:
    fake = FakeSound()
    monkeypatch.setitem(sys.modules, "sounddevice", fake)
    return fake


async def say(sound: FakeSound) -> None:
    """Speaks into the fake microphone once it is open."""
    while not sound.streams:
        await trio.sleep(0.001)
    data = recording()
    for start in range(0, len(data), 3200):
        await trio.to_thread.run_sync(sound.streams[0].record, data[start : start + 3200])


async def until_played(sound: FakeSound) -> None:
    while len(sound.streams) < 2 or "close" not in sound.streams[1].calls:
        await trio.sleep(0.001)


async def test_the_microphone_is_a_conversation_until_ctrl_c(sound: FakeSound) -> None:
    shown = Shown()
    results: list[TalkResult] = []

    async def person() -> None:
        await say(sound)
        await until_played(sound)
        signal.raise_signal(signal.SIGINT)

    async with open_stand_in() as url, trio.open_nursery() as nursery:
        nursery.start_soon(person)
        results.append(await shown.talk(url, mic=True, speed=1.0))
    assert results[0].exit_code == 0
    assert results[0].utterances[0].transcript == "go forward"
    assert "headphones" in shown.out.getvalue()
    assert "dropped" not in shown.out.getvalue()


async def test_dropped_frames_are_told(sound: FakeSound, monkeypatch: pytest.MonkeyPatch) -> None:
    shown = Shown()

    async def person() -> None:
        while not sound.streams or "Ctrl-C" not in shown.out.getvalue():
            await trio.sleep(0.001)
        await trio.sleep(0.05)
        sound.streams[0].record(*[bytes(2)] * 60)
        await trio.sleep(0.01)
        signal.raise_signal(signal.SIGINT)

    async with open_stand_in() as url, trio.open_nursery() as nursery:
        nursery.start_soon(person)
        await shown.talk(url, mic=True)
    assert "dropped: 10 frames, 0 phrases" in shown.out.getvalue()


async def test_a_server_that_leaves_ends_the_microphone(sound: FakeSound) -> None:
    async def leave(request: Any) -> None:
        connection = await request.accept()
        for frame in StandIn().greeting():
            await connection.send_message(frame)
        await connection.get_message()
        await connection.get_message()
        await connection.aclose(1001)

    shown = Shown()
    async with open_stand_in(leave) as url, trio.open_nursery() as nursery:

        async def person() -> None:
            while True:
                await say(sound)
                await trio.sleep(0.01)

        nursery.start_soon(person)
        result = await shown.talk(url, mic=True)
        nursery.cancel_scope.cancel()
    assert result.exit_code == 2
    assert "closed with 1001" in shown.err.getvalue()


async def test_without_a_loudspeaker_the_talk_ends(sound: FakeSound) -> None:
    shown = Shown()

    async def person() -> None:
        while not sound.streams:
            await trio.sleep(0.001)
        sound.broken = True
        await say(sound)

    async with open_stand_in() as url, trio.open_nursery() as nursery:
        nursery.start_soon(person)
        result = await shown.talk(url, mic=True)
    assert result.exit_code == 2
    assert "loudspeaker cannot be opened" in shown.err.getvalue()


async def test_by_default_it_prints_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    assert (await talk_module.talk("ws://127.0.0.1:1/ws")).exit_code == 2
    assert "nothing to say" in capsys.readouterr().err


async def test_it_asks_for_tools_and_shows_them(spoken: Path) -> None:
    asked = []

    class WithTool(StandIn):
        def _answer(self, audio_ms: int) -> list[str]:
            answer = super()._answer(audio_ms)
            call = message("tool_call", id="a", name="opening_hours", arguments='{"day": "Monday"}')
            result = message(
                "tool_result", id="a", name="opening_hours", outcome="done", output="9 to 18"
            )
            return [*answer[:4], call, result, *answer[4:]]

    async def serve(request: Any) -> None:
        asked.append(request.path)
        await serve_session(WithTool, request)

    shown = Shown()
    async with open_stand_in(serve) as url:
        result = await shown.talk(url, [spoken], aloud=False)
    assert (result.exit_code, asked) == (0, ["/ws?tools=told&resume=new"])
    assert '→ opening_hours({"day": "Monday"})\n← 9 to 18 (' in shown.out.getvalue()

"""OpenAI's HTTP API on a live server with real engines, by the stock client."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any, TypeVar

import openai
import pytest
import trio

from parley.audio.wav import wav_bytes
from parley.client.report import word_errors
from parley.engines.asr.decoded import plain_words
from parley.engines.models.packaged import JOE, MOONSHINE_TINY, WHISPER_TINY
from support.blobs import recorded
from support.live_server import POLL_S, RECORDINGS, WEATHER, LiveServer, open_live_server
from support.openai_client import Desk
from support.pages import blocks_of
from support.real_models import MODELS_DIR, needs, says

pytestmark = pytest.mark.slow

T = TypeVar("T")
HERE: dict[str, Any] = {"parley_models_dir": str(MODELS_DIR)}
WAV = ("weather.wav", wav_bytes(WEATHER.pcm16, 16_000))
MADE = {
    "mp3": ("mp3", "libmp3lame", 44_100),
    "m4a": ("mp4", "aac", 44_100),
    "ogg": ("ogg", "libopus", 48_000),
    "webm": ("webm", "libopus", 48_000),
    "flac": ("flac", "flac", 16_000),
    "aac": ("adts", "aac", 44_100),
}


async def ask(live: LiveServer, work: Callable[[openai.OpenAI], T]) -> T:
    return await Desk(live.port).ask(work)


@pytest.mark.long
@needs(MOONSHINE_TINY)
async def test_every_kind_of_file_is_heard_as_what_it_says() -> None:
    async with open_live_server(**HERE) as live:

        def work(client: openai.OpenAI) -> None:
            for name, (container, codec, rate_hz) in MADE.items():
                data = recorded(WEATHER.pcm16, container, codec, rate_hz)
                # The name is a lie: what counts is the content.
                heard = client.audio.transcriptions.create(model="x", file=("a.wav", data))
                assert says(heard.text, WEATHER), (name, heard.text)

        await ask(live, work)


@pytest.mark.long
@needs(MOONSHINE_TINY)
@needs(JOE)
async def test_what_is_spoken_is_understood_in_every_format() -> None:
    text = "The children are playing in the garden behind the house."
    async with open_live_server(**HERE) as live:

        def work(client: openai.OpenAI) -> None:
            for wanted in ("mp3", "opus", "aac", "flac", "wav"):
                made = client.audio.speech.create(
                    model="tts-1",
                    voice="alloy",
                    input=text,
                    response_format=wanted,
                    speed=0.9 if wanted == "mp3" else 1.0,
                )
                heard = client.audio.transcriptions.create(model="x", file=("x", made.content))
                wrong = word_errors(plain_words(text), plain_words(heard.text))
                assert wrong <= 2, (wanted, heard.text)

        await ask(live, work)


@pytest.mark.long
@needs(MOONSHINE_TINY)
async def test_a_long_recording_survives_the_loss_of_the_decoder() -> None:
    names = ("1-weather", "2-umbrella", "3-timer")
    sound = b"".join(RECORDINGS[name].pcm16 + bytes(32_000) for name in names) * 4
    async with open_live_server(**HERE) as live:
        lane = live.room.media_lane
        deltas: list[str] = []

        def work(client: openai.OpenAI) -> str:
            file = ("long.flac", recorded(sound, "flac", "flac", 16_000))
            events = client.audio.transcriptions.create(model="x", file=file, stream=True)
            for event in events:
                if event.type == "transcript.text.delta":
                    deltas.append(event.delta)
                    if len(deltas) == 1 and lane.pid is not None:
                        os.kill(lane.pid, signal.SIGKILL)
                elif event.type == "transcript.text.done":
                    return event.text
            raise AssertionError("there was no end")

        text = await ask(live, work)
        assert lane.generation == 2
    spoken = " ".join(str(RECORDINGS[name].spoken) for name in names * 4)
    assert len(deltas) > 3
    assert word_errors(plain_words(spoken), plain_words(text)) <= 8
    assert "".join(deltas) == text


@pytest.mark.long
@needs(WHISPER_TINY)
async def test_whisper_tells_when_each_word_sounds() -> None:
    whisper: dict[str, Any] = {"stream_asr_engine": "whisper", "stream_model_whisper": "tiny-int8"}
    async with open_live_server(**HERE, **whisper) as live:

        def work(client: openai.OpenAI) -> None:
            heard = client.audio.transcriptions.create(
                model="whisper-1",
                file=WAV,
                response_format="verbose_json",
                timestamp_granularities=["word"],
            )
            assert heard.words
            assert [w.word for w in heard.words] == heard.text.split()
            starts = [word.start for word in heard.words]
            assert starts == sorted(starts)
            assert heard.words[-1].end <= heard.duration
            assert heard.language == "english"

        await ask(live, work)


@needs(MOONSHINE_TINY)
async def test_the_recipe_works_as_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (recipe,) = [b for b in blocks_of("docs/OPENAI_HTTP.md") if b.language == "python"]
    monkeypatch.chdir(tmp_path)
    printed = StringIO()
    async with open_live_server(**HERE) as live:
        text = recipe.text.replace("127.0.0.1:8084", f"127.0.0.1:{live.port}")

        def run() -> None:
            with redirect_stdout(printed):
                exec(compile(text, recipe.where, "exec"), {})

        await trio.to_thread.run_sync(run)
    assert "morning" in printed.getvalue().lower()
    assert "It is" in printed.getvalue()


async def test_a_client_that_hangs_up_frees_its_place() -> None:
    async with open_live_server() as live:
        request = (
            b"POST /v1/audio/speech HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6000\r\n\r\n"
        )
        for _ in range(20):
            stream = await trio.open_tcp_stream("127.0.0.1", live.port)
            await stream.send_all(request)
            await stream.aclose()
        await trio.sleep(10 * POLL_S)

        def work(client: openai.OpenAI) -> int:
            made = client.audio.speech.create(model="x", voice="alloy", input="Hello.")
            return len(made.content)

        assert await ask(live, work) > 1000

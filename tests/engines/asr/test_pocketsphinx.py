"""pocketsphinx in lanes: the right words, the same words every time, and no decoder lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from itertools import cycle
from pathlib import Path

import pytest
import trio

from parley.audio.wav import read_wav
from parley.engines.asr import pocketsphinx_worker as worker
from parley.engines.asr.interface import Transcriber, Transcript
from parley.engines.asr.pocketsphinx import PocketsphinxTranscriber
from parley.engines.failures import EngineFailure, LaneLost
from parley.engines.lanes.lane import Lane
from parley.engines.lanes.pool import LanePool

AUDIO = Path(__file__).parents[3] / "examples/audio"
WORDS = dict(line.split("\t") for line in (AUDIO / "words.txt").read_text().splitlines())
LEAST_SHARE_OF_WORDS_RIGHT = 0.9

slow = pytest.mark.slow


def recording(name: str) -> bytes:
    return read_wav(AUDIO / name).pcm16


WEATHER, TIMER, LIGHTS = map(recording, ("1-weather.wav", "3-timer.wav", "4-lights.wav"))


def test_a_machine_that_starts_no_process_fails_the_conclusion_and_leaves_no_file_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> int:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    monkeypatch.setitem(worker._open, "key", worker.Utterance(decoder=None))
    before = os.listdir("/proc/self/fd")
    with pytest.raises(EngineFailure, match="cannot be copied: Resource temporarily"):
        worker.conclude("key")
    assert os.listdir("/proc/self/fd") == before


@asynccontextmanager
async def asr_lanes(count: int, *, limit_s: float = 30) -> AsyncIterator[LanePool]:
    lanes = [Lane(f"asr-{number}", worker.load) for number in range(count)]

    async def supervise(lane: Lane) -> None:
        while True:
            with suppress(LaneLost):
                await lane.run()

    with trio.fail_after(limit_s):
        async with trio.open_nursery() as nursery:
            for lane in lanes:
                nursery.start_soon(supervise, lane)
            while not all(lane.ready for lane in lanes):
                await trio.sleep(0.01)
            yield LanePool(lanes)
            nursery.cancel_scope.cancel()


async def feed(transcriber: Transcriber, pcm16: bytes, sizes: Sequence[int] = (3200,)) -> list[str]:
    texts: list[str] = []
    start = 0
    for size in cycle(sizes):
        if start >= len(pcm16):
            return texts
        texts.append(await transcriber.feed(pcm16[start : start + size]) or "")
        start += size
    raise AssertionError


async def heard(
    transcriber: Transcriber, pcm16: bytes, sizes: Sequence[int] = (3200,)
) -> Transcript:
    await transcriber.begin()
    await feed(transcriber, pcm16, sizes)
    return await transcriber.finish()


def errors(said: str, text: str) -> int:
    """Words to insert, delete or replace."""
    right = text.split()
    row = list(range(len(right) + 1))
    for count, word in enumerate(said.split(), 1):
        before, row[0] = row[0], count
        for column, other in enumerate(right, 1):
            best = min(before + (word != other), row[column] + 1, row[column - 1] + 1)
            before, row[column] = row[column], best
    return row[-1]


@pytest.mark.long
@slow
async def test_clear_speech_is_understood_while_it_is_spoken() -> None:
    async with asr_lanes(1) as pool:
        wrong = 0
        for name, words in WORDS.items():
            transcriber = PocketsphinxTranscriber(pool, name)
            pcm16 = recording(name)
            await transcriber.begin()
            partials = await feed(transcriber, pcm16)
            transcript = await transcriber.finish()
            assert any(partials[: len(partials) // 2])
            assert transcript.audio_ms == len(pcm16) / 32
            assert transcript.runs == len(partials) + 1
            assert 0 < transcript.rtf < 2
            wrong += errors(words, transcript.text)
        assert wrong / sum(len(words.split()) for words in WORDS.values()) <= (
            1 - LEAST_SHARE_OF_WORDS_RIGHT
        )
        assert await pool.lanes[0].call(worker.counts) == (0, 1)


@pytest.mark.long
@slow
async def test_sessions_share_a_lane_without_mixing_and_the_same_audio_is_the_same_text() -> None:
    async with asr_lanes(2) as pool:
        session = [WEATHER, TIMER, LIGHTS]
        alone = PocketsphinxTranscriber(pool, "alone")
        expected = [(await heard(alone, pcm16)).text for pcm16 in session]
        assert expected[0] == WORDS["1-weather.wav"]

        texts: dict[int, list[str]] = {}

        async def talk(number: int) -> None:
            sizes = [2 * random.Random(number).randrange(1, 9000) for _ in range(50)]
            one = LanePool([pool.lanes[number % 2]])
            transcriber = PocketsphinxTranscriber(one)
            texts[number] = [(await heard(transcriber, pcm16, sizes)).text for pcm16 in session]

        async with trio.open_nursery() as nursery:
            for number in range(4):
                nursery.start_soon(talk, number)
        assert texts == dict.fromkeys(range(4), expected)
        counts = [await lane.call(worker.counts) for lane in pool.lanes]
        assert counts == [(0, 2), (0, 2)]  # each made a second decoder, and both are back


@pytest.mark.long
@slow
async def test_an_utterance_that_is_given_up_gives_its_decoder_back() -> None:
    async with asr_lanes(1) as pool:
        lane = pool.lanes[0]
        transcriber = PocketsphinxTranscriber(pool)
        await transcriber.abandon()
        with pytest.raises(LaneLost, match="no utterance"):
            await transcriber.feed(WEATHER)

        # Abandoned, begun again without an end, finished without audio.
        await transcriber.begin()
        await transcriber.feed(WEATHER[:6400])
        await transcriber.abandon()
        await transcriber.begin()
        await transcriber.begin()
        assert await transcriber.feed(b"") is None
        assert (await transcriber.finish()).text == ""
        assert await lane.call(worker.counts) == (0, 1)

        # Cancelled in a feed, also where the scope stays cancelled.
        await transcriber.begin()
        with trio.move_on_after(0.01):
            try:
                await transcriber.feed(WEATHER)
            finally:
                await transcriber.abandon()
        with pytest.raises(LaneLost, match="no utterance"):
            await transcriber.finish()
        assert await lane.call(worker.counts) == (0, 1)
        assert lane.generation == 1

        # The same text after all that, also fed at once, while others are served in between.
        waits = []
        done = trio.Event()

        async def others() -> None:
            while not done.is_set():
                began_s = trio.current_time()
                await lane.call(worker.counts)
                waits.append(trio.current_time() - began_s)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(others)
            transcript = await heard(transcriber, WEATHER, [len(WEATHER)])
            done.set()
        assert transcript.text == WORDS["1-weather.wav"]
        assert transcript.runs == 4
        assert len(waits) > transcript.runs


@slow
async def test_a_lost_worker_loses_the_utterance_and_it_can_be_fed_again() -> None:
    async with asr_lanes(1) as pool:
        lane = pool.lanes[0]
        transcriber = PocketsphinxTranscriber(pool)
        await transcriber.begin()
        await transcriber.feed(WEATHER[:32_000])
        assert lane.pid is not None
        os.kill(lane.pid, signal.SIGKILL)
        with pytest.raises(LaneLost):
            await feed(transcriber, WEATHER[32_000:])
        assert (await heard(transcriber, WEATHER)).text == WORDS["1-weather.wav"]


# --- The worker's side, in this process ---


@pytest.fixture
def empty_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_idle", [])
    monkeypatch.setattr(worker, "_open", {})
    monkeypatch.setattr(worker, "DECODERS_MAX", 1)
    monkeypatch.setattr(worker, "PATIENT_MAX", 1)


class FakeDecoder:
    def __init__(self) -> None:
        self.calls: list[tuple[str, bytes]] = []

    def __getattr__(self, name: str) -> object:
        return lambda *args: self.calls.append((name, args[0] if args else b""))


def test_decoders_are_limited_and_those_of_the_forgotten_are_taken(
    empty_worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[FakeDecoder] = []

    def make() -> FakeDecoder:
        made.append(FakeDecoder())
        return made[-1]

    monkeypatch.setattr(worker, "_new", make)
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    worker.load()
    worker.begin("a", "1,2")
    now += 30
    worker.begin("b", "1,2")
    with pytest.raises(EngineFailure, match="all 2 decoders"):
        worker.begin("c", "1,2")
    now += 31
    worker.begin("c", "1,2")
    assert len(made) == 2
    with pytest.raises(LaneLost, match="not open any more"):
        worker.feed("a", b"")
    worker.release("a")
    worker.release("b")
    worker.release("c")
    assert worker.counts() == (0, 2)


def test_audio_is_decoded_in_blocks_of_one_size(
    empty_worker: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = FakeDecoder()
    monkeypatch.setattr(worker, "_new", lambda: decoder)
    worker.load()
    worker.begin("a", "1,2")
    decoder.calls.clear()
    for size in (2, 700, 1500, 640):
        worker.feed("a", bytes(size))
    worker.finish("a")
    blocks = [len(call[1]) for call in decoder.calls if call[0] == "process_raw"]
    assert blocks == [640, 640, 640, 640, 282]


@pytest.mark.parametrize(
    "module", ["asr.pocketsphinx_worker", "tts.pyttsx3_worker", "lanes.worker"]
)
def test_a_worker_module_is_light(module: str) -> None:
    heavy = {"trio", "numpy", "openai", "faster_whisper", "sounddevice", "pydantic"}
    code = f"import sys, pocketsphinx, parley.engines.{module}; print({heavy!r} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


@slow
async def test_what_is_concluded_at_a_pause_is_the_final_and_the_utterance_goes_on() -> None:
    """A copy of the worker answers; the original has heard nothing of it."""
    async with asr_lanes(1) as pool:
        lane = pool.lanes[0]
        half = len(LIGHTS) // 4 * 2
        plain = PocketsphinxTranscriber(pool, "a")
        expected_half = await heard(plain, LIGHTS[:half])
        expected = await heard(PocketsphinxTranscriber(pool, "b"), LIGHTS)

        asked = PocketsphinxTranscriber(pool, "c")
        await asked.begin()
        await feed(asked, LIGHTS[:half])
        for _ in range(2):  # the second time it is known
            concluded = await asked.conclude()
            assert (concluded.text, concluded.confidence) == (
                expected_half.text,
                expected_half.confidence,
            )
        await feed(asked, LIGHTS[half:])
        last = await asked.conclude()
        final = await asked.finish()
        assert final == last
        assert (final.text, final.confidence) == (expected.text, expected.confidence)
        assert await lane.call(worker.counts) == (0, 1)
        assert await lane.call(_children) == 0


@pytest.mark.long
@slow
async def test_whoever_stops_waiting_for_a_conclusion_has_lost_nothing() -> None:
    async with asr_lanes(1) as pool:
        transcriber = PocketsphinxTranscriber(pool)
        expected = await heard(PocketsphinxTranscriber(pool), LIGHTS)
        await transcriber.begin()
        half = len(LIGHTS) // 4 * 2
        await feed(transcriber, LIGHTS[:half])
        with trio.move_on_after(0.01):
            await transcriber.conclude()
        await feed(transcriber, LIGHTS[half:])
        assert (await transcriber.finish()).text == expected.text


@slow
async def test_a_conclusion_without_its_worker_is_a_failure_and_the_utterance_is_gone() -> None:
    async with asr_lanes(1) as pool:
        transcriber = PocketsphinxTranscriber(pool)
        await transcriber.begin()
        await feed(transcriber, LIGHTS[:32_000])
        pid = pool.lanes[0].pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(LaneLost):
            await transcriber.conclude()
        with pytest.raises(LaneLost):
            await transcriber.feed(LIGHTS[32_000:])


def _children() -> int:
    """Processes that the worker has made and not waited for."""
    import psutil

    return len(psutil.Process().children())

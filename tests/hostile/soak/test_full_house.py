"""As many people as come, with the engines that a server has by itself.

    python -m pytest tests/hostile/soak/test_full_house.py --full

A hundred sessions of which a tenth talks, for ten minutes; then three times as many who all talk
as the recognizer keeps up with. Whoever is let in is heard in time, and the others learn at the
door that they are not. No audio is lost: what is understood is as right as it is for somebody who
is alone.
FULL_HOUSE_AUDIO names another folder of recordings, with a words.txt; FULL_HOUSE_SECONDS how long
they are looked at.
"""

from __future__ import annotations

import base64
import functools
import json
import math
import os
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest
import trio

from parley.audio.pcm import HEARING_RATE_HZ
from parley.audio.wav import wav_bytes
from parley.bench.burden import burden_of
from parley.bench.caller import Caller, Notes
from parley.bench.lines import recorded_lines
from parley.bench.tongues import PromptVoice
from parley.client.recording import Recording, load_folder
from parley.client.report import word_errors
from parley.client.server_process import parley_serve, server_process
from parley.client.wire import open_wire
from parley.engines.asr.decoded import plain_words
from parley.engines.models.packaged import MOONSHINE_TINY
from support.figures import Figures
from support.live_server import AUDIO, request_http
from support.real_models import MODELS_DIR, needs
from support.talkers import FRAME_MS, notes_of, p95_ms

pytestmark = [pytest.mark.slow, needs(MOONSHINE_TINY)]

MODELS = {"PARLEY_MODELS_DIR": str(MODELS_DIR)}
"""Those that were pulled: the tests have a cache folder of their own."""
COME_EVERY_S = 0.1
AGAIN_S = 5.0
"""What `Retry-After` says."""
SECONDS = int(os.environ.get("FULL_HOUSE_SECONDS", "600"))
TALK = 0.1
"""Of those who are inside."""
LOST = 0.02
"""Of all words: so many more may be wrong than when nobody else is there."""
RECORDINGS = load_folder(Path(os.environ.get("FULL_HOUSE_AUDIO", AUDIO)))


class House:
    """People who come to a server, and come again where they are refused. Of those who are inside
    a share talks at a time."""

    def __init__(self, port: int, talking: float) -> None:
        self.callers: list[Caller] = []
        self.refused_s: list[float] = []
        self.inside = 0
        self._port = port
        self._share = talking
        self._talk = 0
        self._pick = recorded_lines(RECORDINGS, rate_hz=16_000, frame_ms=FRAME_MS)

    def _take(self) -> bool:
        if self._talk >= math.ceil(self._share * self.inside):
            return False
        self._talk += 1
        return True

    def _leave(self) -> None:
        self._talk -= 1

    async def come(self, number: int, *, again: bool) -> None:
        rng = random.Random(number)
        while True:
            caller = Caller(
                connect=functools.partial(open_wire, f"ws://127.0.0.1:{self._port}/ws"),
                tongue=PromptVoice(),
                frame_ms=FRAME_MS,
                lead_s=1.0,
                next_line=functools.partial(self._pick, rng),
                rng=rng,
                may_talk=self._take,
                talked=self._leave,
                counting=True,
            )
            came_s = trio.current_time()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(caller.run)
                await caller.greeted.wait()
                if not caller.notes.ready_s:
                    self.refused_s.append(trio.current_time() - came_s)
                    assert any("503" in why for why in caller.notes.failures), caller.notes.failures
                else:
                    self.inside += 1
                    self.callers.append(caller)
                    await trio.sleep_forever()
            if not again:
                return
            await trio.sleep(AGAIN_S)


def errors(pairs: Iterable[tuple[str, str]]) -> int:
    """Wrong words, of pairs of what was said and what was heard."""
    return sum(word_errors(plain_words(said), plain_words(heard)) for said, heard in pairs)


async def errors_alone(port: int) -> float:
    """The share of words that this recognizer gets wrong of these recordings, one at a time."""

    async def heard(recording: Recording) -> str:
        wav = wav_bytes(recording.pcm16, HEARING_RATE_HZ)
        body = json.dumps({"audio": base64.b64encode(wav).decode()}).encode()
        head = f"POST /speech/stt HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        kind = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        request = (head + kind).encode() + body
        return str(json.loads((await request_http(port, request)).body)["transcript"])

    pairs = [(recording.spoken or "", await heard(recording)) for recording in RECORDINGS]
    return errors(pairs) / sum(len(plain_words(said)) for said, _ in pairs)


def errors_among_others(notes: Notes) -> float:
    """The same of what callers said: all of it is one of the recordings, picked at random."""
    usual = sum(len(plain_words(one.spoken or "")) for one in RECORDINGS) / len(RECORDINGS)
    grown = zip(notes.wrong, [*notes.wrong[1:], ""], strict=True)
    # What was heard in two is noted twice, and the second time whole.
    wrong = (one.partition(" | ") for one, then in grown if not then.startswith(one))
    return errors((said, heard) for said, _, heard in wrong) / (usual * max(1, len(notes.final_s)))


async def watched(house: House, pid: int, seconds: float) -> tuple[Notes, list[float]]:
    """What those who are in have seen after these seconds, and the server's memory, every one."""
    memory_mb = []
    for _ in range(int(seconds)):
        await trio.sleep(1)
        memory_mb.append(burden_of(pid).rss_mb)
    return notes_of(house.callers), memory_mb


def slope_mb_per_minute(values: Sequence[float]) -> float:
    """Least squares over one value a second."""
    n, mean = len(values), sum(values) / len(values)
    middle = (n - 1) / 2
    over = sum((at - middle) * (value - mean) for at, value in enumerate(values))
    return 60 * over / sum((at - middle) ** 2 for at in range(n))


async def test_a_hundred_people_of_whom_ten_talk(
    tmp_path: Path, full: bool, figures: Figures
) -> None:
    people, come_s, seconds = (100, 90, SECONDS) if full else (8, 3, 8)
    async with server_process(tmp_path / "log", parley_serve, MODELS) as server:
        alone = await errors_alone(server.port)
        house = House(server.port, TALK)
        async with trio.open_nursery() as nursery:
            for number in range(people):
                nursery.start_soon(functools.partial(house.come, number, again=True))
                await trio.sleep(COME_EVERY_S)
            await trio.sleep(come_s)
            notes, memory_mb = await watched(house, server.pid, seconds)
            nursery.cancel_scope.cancel()
    tell(figures, f"{people} people, a tenth talks", house, notes, alone)
    late_mb = memory_mb[len(memory_mb) // 3 :]
    slope = slope_mb_per_minute(late_mb)
    figures.tell("memory slope", f"{slope:+.2f} MB a minute", "~0")
    assert notes.lines
    assert not [why for why in notes.failures if "BACKPRESSURE" in why], "audio was lost"
    if full:
        assert p95_ms(notes.frame_lag_s) < 400
        assert abs(slope) < 1
        assert errors_among_others(notes) <= alone + LOST


async def test_three_times_as_many_as_fit(tmp_path: Path, full: bool, figures: Figures) -> None:
    """On two cores some ten may talk at once; they all want to, all the time."""
    people, come_s, seconds = (30, 30, 120) if full else (16, 1, 8)
    async with server_process(tmp_path / "log", parley_serve, MODELS) as server:
        alone = await errors_alone(server.port)
        house = House(server.port, 1.0)
        async with trio.open_nursery() as nursery:
            for number in range(people):
                nursery.start_soon(functools.partial(house.come, number, again=full))
            await trio.sleep(5 + come_s)
            notes, _ = await watched(house, server.pid, seconds)
            nursery.cancel_scope.cancel()
    tell(figures, f"{people} people who all talk", house, notes, alone)
    assert house.refused_s, "nobody was refused"
    assert 0 < house.inside < people
    if full:
        assert p95_ms(house.refused_s) < 100
        assert p95_ms(notes.frame_lag_s) < 400
        assert not [why for why in notes.failures if "BACKPRESSURE" in why], "audio was lost"
        assert errors_among_others(notes) <= alone + LOST


def tell(figures: Figures, what: str, house: House, notes: Notes, alone: float) -> None:
    figures.tell(f"{what}: let in, refusals", f"{house.inside}, {len(house.refused_s)}")
    figures.tell(f"{what}: refused within, p95", f"{p95_ms(house.refused_s):.0f} ms", "100 ms")
    figures.tell(f"{what}: partial lag p95", f"{p95_ms(notes.frame_lag_s):.0f} ms", "400 ms")
    figures.tell(
        f"{what}: words wrong, alone and here",
        f"{100 * alone:.1f}, {100 * errors_among_others(notes):.1f} %",
    )
    figures.tell(f"{what}: lines answered", f"{notes.complete} of {notes.lines} begun")
    figures.tell(f"{what}: failures", str(sorted(set(notes.failures))[:3] or "none"), "none")

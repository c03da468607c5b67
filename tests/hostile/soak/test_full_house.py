"""As many people as come, with the engines that a server has by itself.

    python -m pytest tests/hostile/soak/test_full_house.py --full

A hundred sessions of which a tenth talks, for ten minutes; then three times as many who all talk
as the recognizer keeps up with. Whoever is let in is heard in time, and the others learn at the
door that they are not. No audio is lost: each recording is understood as well as when the same
server has nobody else to hear.
FULL_HOUSE_AUDIO names another folder of recordings, with a words.txt; FULL_HOUSE_SECONDS how long
they are looked at.
"""

from __future__ import annotations

import functools
import math
import os
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio

from parley.bench.burden import burden_of
from parley.bench.caller import Caller, Line, Notes
from parley.bench.lines import lines_of
from parley.bench.tongues import PromptVoice
from parley.client.recording import load_folder
from parley.client.report import word_errors
from parley.client.server_process import parley_serve, server_process
from parley.client.wire import open_wire
from parley.engines.asr.decoded import plain_words
from parley.engines.models.packaged import MOONSHINE_TINY
from support.figures import Figures
from support.live_server import AUDIO
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
"""Of all words: so many more may be wrong than if each line were understood as it is in quiet."""
QUIET_PEOPLE, QUIET_TIMES = 3, 6
"""Who says everything to a server that nobody else is at, and how often. What is understood of one
recording differs from time to time."""
RECORDINGS = load_folder(Path(os.environ.get("FULL_HOUSE_AUDIO", AUDIO)))
LINES = lines_of(RECORDINGS, rate_hz=16_000, frame_ms=FRAME_MS)


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
        self._said: list[str] = []

    def _pick(self, rng: random.Random) -> Line:
        line = rng.choice(LINES)
        self._said.append(line.words)
        return line

    def understood(self) -> Understood:
        found = Understood()
        found.note(self._said, [final for one in self.callers for final in one.notes.wrong])
        return found

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


@dataclass(slots=True)
class Understood:
    """How often each line was said, and how many of its words were wrong in all of that."""

    said: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    heard: Counter[str] = field(default_factory=Counter)
    """The finals that had wrong words, each as "said | heard"."""

    def note(self, said: Iterable[str], finals: Sequence[str]) -> None:
        """`said` are lines, `finals` those that were not as said: Notes.wrong."""
        self.said.update(said)
        for final, then in zip(finals, [*finals[1:], ""], strict=True):
            line, _, heard = final.partition(" | ")
            # What was heard in two is noted twice, and the second time whole.
            if not then.startswith(final) and plain_words(line) != plain_words(heard):
                self.wrong[line] += word_errors(plain_words(line), plain_words(heard))
                self.heard[final] += 1

    @property
    def words(self) -> int:
        return sum(times * len(plain_words(line)) for line, times in self.said.items())

    @property
    def share(self) -> float:
        return self.wrong.total() / max(self.words, 1)

    def share_if_as_in(self, other: Understood) -> float:
        """The share that would be wrong, if each line were understood as it was there."""
        wrong = sum(
            times * other.wrong[line] / other.said[line] for line, times in self.said.items()
        )
        return wrong / max(self.words, 1)


async def understood_in_quiet(port: int) -> Understood:
    """How a few people are understood at a server where nobody else is."""
    found = Understood()

    async def person(number: int) -> None:
        said: list[str] = []
        rng = random.Random(number)
        left = QUIET_TIMES * LINES
        rng.shuffle(left)

        def next_line() -> Line:
            line = left.pop()
            said.append(line.words)
            return line

        caller = Caller(
            connect=functools.partial(open_wire, f"ws://127.0.0.1:{port}/ws"),
            tongue=PromptVoice(),
            frame_ms=FRAME_MS,
            lead_s=1.0,
            next_line=next_line,
            rng=rng,
            may_talk=lambda: bool(left),
            counting=True,
        )
        async with trio.open_nursery() as nursery:
            nursery.start_soon(caller.run)
            while left or not caller.between_lines:
                await trio.sleep(0.5)
                assert not caller.notes.failures
            nursery.cancel_scope.cancel()
        found.note(said, caller.notes.wrong)

    async with trio.open_nursery() as nursery:
        for number in range(QUIET_PEOPLE):
            nursery.start_soon(person, number)
    return found


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


@pytest.mark.long
async def test_a_hundred_people_of_whom_ten_talk(
    tmp_path: Path, full: bool, figures: Figures
) -> None:
    people, come_s, seconds = (100, 90, SECONDS) if full else (8, 3, 8)
    async with server_process(tmp_path / "log", parley_serve, MODELS) as server:
        quiet = await understood_in_quiet(server.port) if full else None
        house = House(server.port, TALK)
        async with trio.open_nursery() as nursery:
            for number in range(people):
                nursery.start_soon(functools.partial(house.come, number, again=True))
                await trio.sleep(COME_EVERY_S)
            await trio.sleep(come_s)
            notes, memory_mb = await watched(house, server.pid, seconds)
            nursery.cancel_scope.cancel()
    tell(figures, f"{people} people, a tenth talks", house, notes, quiet)
    late_mb = memory_mb[len(memory_mb) // 3 :]
    slope = slope_mb_per_minute(late_mb)
    figures.tell("memory slope", f"{slope:+.2f} MB a minute", "~0")
    assert notes.lines
    assert not [why for why in notes.failures if "BACKPRESSURE" in why], "audio was lost"
    if full:
        assert p95_ms(notes.frame_lag_s) < 400
        assert abs(slope) < 1
        assert quiet and understood_as_well(house, quiet)


@pytest.mark.long
async def test_three_times_as_many_as_fit(tmp_path: Path, full: bool, figures: Figures) -> None:
    """On two cores some ten may talk at once; they all want to, all the time."""
    people, come_s, seconds = (30, 30, 120) if full else (16, 1, 8)
    async with server_process(tmp_path / "log", parley_serve, MODELS) as server:
        quiet = await understood_in_quiet(server.port) if full else None
        house = House(server.port, 1.0)
        async with trio.open_nursery() as nursery:
            for number in range(people):
                nursery.start_soon(functools.partial(house.come, number, again=full))
            await trio.sleep(5 + come_s)
            notes, _ = await watched(house, server.pid, seconds)
            nursery.cancel_scope.cancel()
    tell(figures, f"{people} people who all talk", house, notes, quiet)
    assert house.refused_s, "nobody was refused"
    assert 0 < house.inside < people
    if full:
        assert p95_ms(house.refused_s) < 100
        assert p95_ms(notes.frame_lag_s) < 400
        assert not [why for why in notes.failures if "BACKPRESSURE" in why], "audio was lost"
        assert quiet and understood_as_well(house, quiet)


def understood_as_well(house: House, quiet: Understood) -> bool:
    here = house.understood()
    return here.share <= here.share_if_as_in(quiet) + LOST


def tell(figures: Figures, what: str, house: House, notes: Notes, quiet: Understood | None) -> None:
    figures.tell(f"{what}: let in, refusals", f"{house.inside}, {len(house.refused_s)}")
    figures.tell(f"{what}: refused within, p95", f"{p95_ms(house.refused_s):.0f} ms", "100 ms")
    figures.tell(f"{what}: partial lag p95", f"{p95_ms(notes.frame_lag_s):.0f} ms", "400 ms")
    here = house.understood()
    usual = f"{100 * here.share_if_as_in(quiet):.1f}" if quiet else "?"
    figures.tell(
        f"{what}: words wrong, as in quiet and here",
        f"{usual}, {100 * here.share:.1f} % of {here.words}",
        f"{100 * LOST:.0f} more",
    )
    if quiet:
        print("line, times and wrong words here and in quiet")
        for line, times in here.said.items():
            print(line, times, here.wrong[line], quiet.said[line], quiet.wrong[line])
        print("misheard here", *here.heard.most_common(20), sep="\n")
    figures.tell(f"{what}: lines answered", f"{notes.complete} of {notes.lines} begun")
    figures.tell(f"{what}: failures", str(sorted(set(notes.failures))[:3] or "none"), "none")

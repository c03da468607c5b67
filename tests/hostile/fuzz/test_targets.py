"""Every fuzz target, on seeds that are changed a little: by hypothesis in the suite, and in
`make fuzz` by atheris, which looks where a changed input takes the code.

In `make fuzz` a target ends at its number of executions or after FUZZ_SECONDS (7200), whatever
comes first; the table tells both. As many targets run at once as there are processors. All of it
takes three to four hours of two: with FUZZ_FOLDER, what was found and how often each ran is kept
there, and the next run goes on with it. Begin a new folder after changes of what is fuzzed.
FUZZ_OPTIONS are further ones of libFuzzer: with `-entropic_scale_per_exec_time=1` quick inputs are
preferred, which makes two to three times as many executions, of which fewer go deep.
"""

from __future__ import annotations

import importlib.util
import os
import random
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from support.figures import Figures
from support.fuzzing.target import ATTEMPTS, SLOW_S, Slowest, Target, cpu_seconds
from support.fuzzing.targets import all_targets

TARGETS = {target.name: (group, target) for group, target in all_targets()}
EXAMPLES = {"websocket": 10, "mcap-replay": 10, "text-phrases": 15, "settings": 15}
"""Of hypothesis, where an execution takes milliseconds; of all others 40."""
BUSY = 4
"""A processor that others use too runs with colder caches: in the suite a slow input is one that
takes so many times the bar."""
HANGS_S = 300
"""Of the clock: fuzzing at the lowest priority may wait long for its turn."""
RUNNER = Path(__file__).with_name("run.py")


def changed(seed: bytes, words: list[bytes], chance: random.Random, most: int) -> bytes:
    """A seed with a few changes: bytes flipped, taken out, doubled, and words put in."""
    data = bytearray(seed)
    for _ in range(chance.randrange(1, 6)):
        at = chance.randrange(len(data) + 1)
        match chance.randrange(6):
            case 0 if at < len(data):
                data[at] ^= 1 << chance.randrange(8)
            case 1:
                del data[at : at + chance.randrange(1, 30)]
            case 2:
                data[at:at] = data[at : at + chance.randrange(60)] * chance.randrange(1, 5)
            case 3:
                data[at:at] = chance.randbytes(chance.randrange(1, 9))
            case 4:
                _replace_value(data, chance)
            case _:
                data[at:at] = chance.choice(words)
    return bytes(data[:most])


VALUES = (b"null", b"true", b"-1", b"0.5", b"1e999", b"9" * 30, b'""', b"[]", b"{}", b'"\\ud800"')
_VALUE = re.compile(rb'-?[0-9][-+0-9.eE]*|true|false|null|"[^"]*"')


def _replace_value(data: bytearray, chance: random.Random) -> None:
    """Another value in the place of one, as JSON has them."""
    places = [found.span() for found in _VALUE.finditer(data)]
    if places:
        start, end = chance.choice(places)
        data[start:end] = chance.choice(VALUES)


@pytest.mark.parametrize("name", TARGETS)
def test_whatever_comes_nothing_is_raised_and_it_takes_no_time(name: str) -> None:
    _, target = TARGETS[name]
    slowest = Slowest()

    @settings(
        max_examples=EXAMPLES.get(name, 40),
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(
        st.sampled_from([*target.seeds, *target.kept]),
        st.integers(0, 2**32),
        st.binary(max_size=32),
    )
    def fuzz(seed: bytes, number: int, extra: bytes) -> None:
        words = [*target.words, extra]
        slowest.run(target, changed(seed, words, random.Random(number), target.max_bytes))

    with capture_logs():
        for data in (*target.kept, *target.seeds, b"", b"\0", b"\xff"):
            slowest.run(target, data)
        fuzz()
    assert slowest.seconds <= BUSY * SLOW_S, slowest.data


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    name: str
    executions: int
    seconds: int
    failure: str
    before: int = 0
    """Executions of runs before this one."""


def test_a_million_executions_each_find_nothing(
    full: bool, figures: Figures, tmp_path: Path
) -> None:
    if not full:
        pytest.skip("`make fuzz` runs it")
    if importlib.util.find_spec("atheris") is None:
        pytest.fail("atheris is not installed: pip install -e '.[fuzz]'")
    seconds = int(os.environ.get("FUZZ_SECONDS", "7200"))
    only = os.environ.get("FUZZ_ONLY", "")
    folder = Path(os.environ.get("FUZZ_FOLDER") or tmp_path)
    outcomes = trio.run(_fuzz_all, folder, seconds, only)
    slowest = {
        one.name: _slowest_ms(TARGETS[one.name][1], folder / one.name / "slowest")
        for one in outcomes
    }
    for one in outcomes:
        so_far = f", {one.before + one.executions:,} in all" if one.before else ""
        told = f"{one.executions:,} in {one.seconds} s{so_far}, slowest {slowest[one.name]:.1f} ms"
        bar = f"{TARGETS[one.name][1].least_runs:,}, 50 ms"
        figures.tell(f"fuzz {one.name}", told, bar)
    assert [(one.name, one.failure) for one in outcomes if one.failure] == []
    assert [(name, ms) for name, ms in slowest.items() if ms > SLOW_S * 1000] == []


async def _fuzz_all(folder: Path, seconds: int, only: str) -> list[Outcome]:
    places = trio.CapacityLimiter(os.cpu_count() or 1)
    outcomes: list[Outcome] = []

    async def fuzz(group: str, target: Target) -> None:
        async with places:
            outcomes.append(await _fuzzed(group, target, folder / target.name, seconds))

    async with trio.open_nursery() as nursery:
        for group, target in TARGETS.values():
            if only in target.name:
                nursery.start_soon(fuzz, group, target)
    return sorted(outcomes, key=lambda one: one.name)


async def _fuzzed(group: str, target: Target, out: Path, seconds: int) -> Outcome:
    out.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240
    counted = out / "executions"
    before = int(counted.read_text()) if counted.exists() else 0
    if before >= target.least_runs:
        return Outcome(name=target.name, executions=0, seconds=0, failure="", before=before)
    runs = f"-runs={target.least_runs - before}"
    options = [runs, f"-max_total_time={seconds}", "-print_final_stats=1", f"-timeout={HANGS_S}"]
    options += os.environ.get("FUZZ_OPTIONS", "").split()
    done = await trio.run_process(
        [sys.executable, str(RUNNER), group, target.name, str(out), *options],
        check=False,
        stdout=subprocess.DEVNULL,
        capture_stderr=True,
    )
    told = done.stderr.decode("utf-8", "replace")
    executions = re.search(r"stat::number_of_executed_units:\s*(\d+)", told)
    took = re.search(r"Done \d+ runs in (\d+) second", told)
    ran = int(executions[1]) if executions else 0
    counted.write_text(str(before + ran))
    return Outcome(
        name=target.name,
        executions=ran,
        before=before,
        seconds=int(took[1]) if took else 0,
        failure="" if done.returncode == 0 else told[-2000:],
    )


def _slowest_ms(target: Target, slowest: Path) -> float:
    """Milliseconds of the slowest input, in code that is not instrumented."""
    if not slowest.exists():
        return 0.0
    data = slowest.read_bytes()
    with capture_logs():
        return 1000 * min(cpu_seconds(target, data) for _ in range(ATTEMPTS))

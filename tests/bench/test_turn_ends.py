"""The measurement of ends of turns: labels by construction, windows by arithmetic."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import numpy as np
import pytest

from parley.audio.wav import read_wav, wav_bytes
from parley.bench import turn_set as making
from parley.bench.result import Result, spread
from parley.bench.scene import Sound
from parley.bench.turn_ends import Plan, bench_turn_ends, readings, table_of
from parley.bench.turn_lines import FINISHED_LOOKING, paused, whole
from parley.bench.turn_pauses import Silence, silences_in
from parley.bench.turn_plot import svg_of
from parley.bench.turn_score import FIXED, Looked, Windows, front, outcome
from parley.bench.turn_set import LABELS, Labelled, TurnSet, audio_of, turn_set
from parley.engines.asr import pocketsphinx_worker as sphinx
from parley.engines.turn.interface import Pause
from parley.engines.vad.webrtc import FRAME_MS, WebRtcDetector
from support.memory import give_memory_back

EXAMPLES = Path(__file__).parents[2] / "examples/audio"
NOTHING = Pause(text="", pcm16=b"")


def silence(began_ms: float, lasted_ms: int) -> Silence:
    counted = [began_ms + at for at in range(FRAME_MS, lasted_ms + 1, FRAME_MS)]
    return Silence(heard=NOTHING, counted_ms=counted)


def looked(*likelihoods: float, tuning: bool = True) -> Looked:
    """A turn that ends at 2 s, with a pause of 600 ms at 1 s."""
    return Looked(
        silences=[silence(1000, 600), silence(2000, 1980)],
        likelihoods={"it": likelihoods, FIXED: (0.5, 0.5)},
        end_ms=2000,
        tuning=tuning,
    )


WINDOWS = Windows(floor_ms=240, ordinary_ms=600, ceiling_ms=1200)


def seen(*likelihoods: float) -> tuple[int, float | None]:
    found = outcome([looked(*likelihoods)], "it", WINDOWS, pause_ms=150, frame_ms=FRAME_MS)
    return found.cut, found.delay_ms.median


def test_a_turn_is_cut_where_a_pause_lasts_as_long_as_its_window() -> None:
    assert seen(0.5, 1.0) == (1, 240)
    assert seen(0.4, 1.0) == (0, 240)
    assert seen(0.0, 0.5) == (0, 600)
    assert seen(1.0, 0.0) == (1, 1200)


def test_no_window_is_shorter_than_the_silence_at_which_an_engine_is_asked() -> None:
    found = outcome([looked(0, 1)], "it", WINDOWS, pause_ms=300, frame_ms=FRAME_MS)
    assert found.delay_ms.median == 300


def test_an_end_that_never_comes_is_counted_by_itself() -> None:
    windows = Windows(floor_ms=240, ordinary_ms=600, ceiling_ms=5000)
    found = outcome([looked(0, 0)], "it", windows, pause_ms=150, frame_ms=FRAME_MS)
    assert (found.cut, found.open, found.delay_ms.count) == (0, 1, 0)


def test_the_front_holds_what_nothing_beats() -> None:
    best = front([looked(0.1, 0.9)], FIXED, pause_ms=150, frame_ms=FRAME_MS)
    assert [(windows.floor_ms, found.cut) for windows, found in best] == [(700, 0), (300, 1)]


def test_half_of_the_lines_pause_and_no_line_is_said_twice() -> None:
    lines = [*whole(), *(" ".join(pair) for pair in paused())]
    assert abs(len(whole()) - len(paused())) <= 2
    assert len(lines) == len(set(lines))
    assert len(paused()) == 3 * FINISHED_LOOKING


def test_the_same_seed_orders_the_same_and_keeps_a_line_in_one_half() -> None:
    one, other = (making._orders(random.Random(3), ["slt", "rms", "en-us"], 2) for _ in "ab")
    assert one == other
    halves = {(order.said, order.tuning) for order in one}
    assert len(halves) == len({order.said for order in one})


def spoken(*parts_ms: int) -> Sound:
    """Tones, with gaps of 200 ms between them, and 100 ms of silence at both ends."""
    tone = np.sin(np.arange(max(parts_ms) * 16) * 0.2)
    pieces = [tone[: part * 16] for part in parts_ms]
    gap = np.zeros(200 * 16)
    joined = [piece for part in pieces for piece in (part, gap)][:-1]
    return np.concatenate([gap[:1600], *joined, gap[:1600]])


def order(before: str, after: str, pause_ms: int = 450) -> making._Order:
    return making._Order(
        said=(before, after),
        finished_looking=False,
        voice="slt",
        stretch=1.0,
        pause_ms=pause_ms,
        tuning=True,
    )


def test_the_pause_and_the_end_are_where_the_labels_say() -> None:
    made = making._turn(order("half", "half"), spoken(500, 700), np.random.default_rng(1), "a.wav")
    assert made is not None
    pcm16, labelled = made
    assert labelled.pause_ms is not None
    assert labelled.pause_ms == pytest.approx((800, 1250), abs=10)
    assert labelled.end_ms == pytest.approx(1950, abs=20)
    sound = np.frombuffer(pcm16, "<i2").astype(float)
    level = [np.abs(sound[at * 16 : (at + 10) * 16]).max() for at in (820, 1220, 1400, 2000)]
    assert max(level[0], level[1], level[3]) < 200 < 1000 < level[2]
    assert 0 < np.abs(sound[:1600]).mean() < 60


def test_a_voice_that_makes_no_pause_makes_no_turn() -> None:
    assert making._turn(order("a", "b"), spoken(900), np.random.default_rng(1), "a.wav") is None


def write_set(folder: Path) -> None:
    """Two turns of the examples' recordings, as a set that is there already."""
    turns = []
    for number, name in enumerate(("3-timer", "4-lights")):
        pcm16 = read_wav(EXAMPLES / f"{name}.wav").pcm16
        pcm16 += pcm16[-16_000:]
        (folder / f"{number}.wav").write_bytes(wav_bytes(pcm16, 16_000))
        turns.append(
            Labelled(
                file=f"{number}.wav",
                voice="awb",
                before="set a timer for ten minutes"
                if number == 0
                else "please turn on the lights",
                after="",
                finished_looking=False,
                begin_ms=300,
                end_ms=len(pcm16) / 32 - 1500,
                pause_ms=None,
                tuning=number == 0,
            )
        )
    made = TurnSet(seed=1, voices=["awb"], notes=[], turns=turns)
    (folder / LABELS).write_bytes(msgspec.json.encode(made))


async def test_a_set_that_is_there_is_read(tmp_path: Path) -> None:
    write_set(tmp_path)
    made = await turn_set(tmp_path)
    assert next(turn.words for turn in made.turns) == "set a timer for ten minutes"
    assert len(audio_of(tmp_path, made.turns[0])) > 32_000
    (tmp_path / LABELS).write_text("{}")
    with pytest.raises(ValueError, match="holds no labels"):
        await turn_set(tmp_path)


@pytest.fixture
def recognizers() -> Iterator[None]:
    """What is loaded into this process is gone afterwards: a recognizer has some 100 MB."""
    yield
    sphinx._idle.clear()
    give_memory_back()


@pytest.mark.usefixtures("recognizers")
def test_silences_are_met_as_the_server_meets_them() -> None:
    sphinx.load()
    pcm16 = read_wav(EXAMPLES / "3-timer.wav").pcm16
    found = silences_in(pcm16, WebRtcDetector(2), pause_ms=150, pad_ms=300)
    assert found[-1].heard.text == "set a timer for ten minutes"
    assert found[-1].counted_ms[0] == pytest.approx(len(pcm16) / 32 - 1000, abs=120)
    assert len(found[-1].heard.pcm16) / 32 < found[-1].counted_ms[4] + 1
    assert sphinx.counts()[0] == 0
    assert silences_in(bytes(32_000), WebRtcDetector(2), pause_ms=150, pad_ms=300) == []


def test_other_recordings_end_where_it_gets_quiet() -> None:
    for pcm16, end_ms in readings(EXAMPLES):
        assert len(pcm16) / 32 == pytest.approx(end_ms + 2150, abs=30)


@pytest.mark.long
@pytest.mark.slow
@pytest.mark.usefixtures("recognizers")
def test_the_measurement_has_a_row_for_each_engine_and_a_plot(tmp_path: Path) -> None:
    from rich.console import Console

    write_set(tmp_path)
    result = bench_turn_ends(Plan(folder=tmp_path), Console(quiet=True))
    assert {row["engine"] for row in result.rows} == {"fixed", "text", "text, true words"}
    by_default = {
        row["engine"]: row["delay_ms"].median
        for row in result.rows
        if (row["half"], row["point"]) == ("report", "default")
    }
    assert by_default["text"] < by_default["fixed"]
    assert "no model was given" in result.notes[0]
    assert table_of(result).row_count == len(result.rows) / 2
    assert ElementTree.fromstring(svg_of(result)).tag.endswith("svg")
    result.write(tmp_path / "out.json")


def test_a_plot_of_one_point_is_well_formed() -> None:
    row = {"engine": "a<b", "half": "report", "point": "default", "turns": 2, "cut": 1}
    row |= {"delay_ms": spread([300.0])}
    result = Result(bench="turn-ends", when="", parameters={}, rows=[row])
    assert "a&lt;b" in svg_of(result)

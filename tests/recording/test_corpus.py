"""The recordings in tests/recordings: each replays to the same frames under every schedule."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
import trio
import trio.testing
from typer.testing import CliRunner

from parley.commands.app import app
from parley.recording.compare import first_difference, summary_of
from parley.recording.mcap_file import read_recording
from parley.recording.mcap_writer import McapWriter
from parley.recording.recorded import replay_recording
from parley.recording.tape import Entry, Recording
from parley.testing.performing import perform
from parley.testing.scene import Scene
from parley.testing.scenes import KEPT, SCENES
from support.breadth import breadth

pytestmark = pytest.mark.no_cover  # many runs of code that other tests cover

FOLDER = Path(__file__).parents[1] / "recordings"
FILES = sorted(FOLDER.glob("*.mcap"))
OLD = FOLDER / "format-1/barge-in.mcap"
SEEDS = breadth("PARLEY_SEEDS", 2, 6)


def out_of(entries: Sequence[Entry]) -> list[tuple[float, str | None, bytes | None]]:
    return [(e.at_s, e.data.get("text"), e.audio) for e in entries if e.kind == "out"]


def digest(entries: Sequence[Entry]) -> str:
    out = [(at_s, text, (audio or b"").hex()) for at_s, text, audio in out_of(entries)]
    return hashlib.sha256(json.dumps(out).encode()).hexdigest()


def test_there_is_a_recording_of_each_scene() -> None:
    assert {path.stem for path in FILES} == {scene.name for scene in KEPT}


def test_the_table_has_every_scene_under_a_name_of_its_own() -> None:
    assert all(scene.name == name for name, scene in SCENES.items())
    assert [scene for scene in SCENES.values() if scene.kept] == list(KEPT)


@pytest.mark.few(12)
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_recording_has_one_outcome_under_every_schedule(path: Path) -> None:
    recording = read_recording(path)
    assert not recording.cut
    expected = digest(recording.entries)
    for seed in range(SEEDS):
        trio._core._run._r.seed(seed)
        clock = trio.testing.MockClock(autojump_threshold=0)
        replayed = trio.run(replay_recording, recording, clock=clock)
        assert replayed.diverged is None, f"seed {seed}"
        assert digest(replayed.out) == expected, f"seed {seed}"


@pytest.mark.few(12)
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES)
async def test_what_is_recorded_is_what_the_client_got(
    scene: Scene, autojump_clock: trio.testing.MockClock
) -> None:
    performance = await perform(scene)
    received = performance.received
    entries = performance.recording().entries
    sent = [text if audio is None else audio for _, text, audio in out_of(entries)]
    assert sent[: len(received)] == received
    assert len(sent) - len(received) <= 3  # on their way when the client hung up


def test_the_scenes_hold_what_their_names_say() -> None:
    found = {path.stem: summary_of(read_recording(path).entries) for path in FILES}
    assert found["barge-in"].interruptions == 1
    assert found["false-alarm"].interruptions == 0
    assert found["false-alarm"].turns == 1
    assert found["recognizer-crashes"].finals == ["turn the light off"]
    assert found["llm-timeout"].errors == ["LLM_TIMEOUT"]
    assert found["typed"].interruptions == 1
    assert found["io-speech"].turns == 1
    backpressure = read_recording(FOLDER / "backpressure.mcap").entries
    assert any("backpressure" in str(entry.data.get("text")) for entry in backpressure)
    assert any(entry.data.get("waited") for entry in backpressure)
    assert found["begun-early"].turns == 1
    assert found["begun-in-vain"].turns == 2
    in_vain = read_recording(FOLDER / "begun-in-vain.mcap").entries
    asked = [entry for entry in in_vain if entry.kind == "llm.reply"]
    assert len(asked) > len([e for e in in_vain if e.kind == "out" and "final_t" in str(e.data)])
    for hum in ("hum-while-thinking", "hum-during-reply"):
        assert found[hum].finals == ["turn the light off"]
        assert (found[hum].interruptions, found[hum].false_interruptions) == (1, 1)
        assert found[hum].turns == 1
    assert found["short-no"].finals == ["turn the light off", "no"]
    assert (found["short-no"].interruptions, found["short-no"].turns) == (1, 2)
    assert found["thinks-first"].first_audio_ms[0] > 7000
    assert (found["thinks-first"].turns, found["thinks-first"].errors) == (2, [])
    second = read_recording(FOLDER / "second-model.mcap").entries
    assert sum("failure" in entry.data for entry in second) == 2
    assert (found["second-model"].turns, found["second-model"].errors) == (1, [])
    drained = read_recording(FOLDER / "drain.mcap").entries
    assert any(entry.kind == "drain" for entry in drained)
    cut = read_recording(FOLDER / "cut-short-by-the-server.mcap").entries
    assert [entry.source for entry in cut if entry.kind == "cancel"] == ["cancel#1"]
    assert (found["cut-short-by-the-server"].turns, found["cut-short-by-the-server"].errors) == (
        2,
        [],
    )


def written(recording: Recording, path: Path) -> Path:
    with path.open("wb") as file:
        writer = McapWriter(file, recording.header)
        for entry in recording.entries:
            writer.write(entry)
        writer.finish()
    return path


def changed(tmp_path: Path) -> Path:
    """A recording that holds another answer than its session would give."""
    recording = read_recording(FOLDER / "typed.mcap")
    entries = [
        Entry(at_s=e.at_s, source=e.source, data={**e.data, "text": e.data["text"] + " "})
        if e.source == "out#4" and "text" in e.data
        else e
        for e in recording.entries
    ]
    return written(Recording(header=recording.header, entries=entries), tmp_path / "changed.mcap")


@pytest.mark.long
def test_the_command_says_that_they_are_the_same() -> None:
    done = CliRunner().invoke(app, ["replay", str(FOLDER)])
    assert done.exit_code == 0, done.output
    assert done.output.count("the same") == len(FILES)


def test_a_recording_of_an_older_format_is_shown_as_it_was() -> None:
    done = CliRunner().invoke(app, ["show", str(OLD), "--text"])
    assert done.exit_code == 0, done.output
    assert "“turn the light off”" in done.output
    assert "“stop that now”" in done.output
    assert "reply 1: interrupted; never heard:" in done.output


def test_a_recording_of_an_older_format_says_in_words_why_it_does_not_replay() -> None:
    done = CliRunner().invoke(app, ["replay", str(OLD)])
    assert done.exit_code == 2
    assert "it cannot be replayed: it was recorded by" in done.output
    assert "ended a reply at every interruption" in done.output
    assert "Traceback" not in done.output


def test_the_command_shows_the_first_difference(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["replay", str(changed(tmp_path))])
    assert done.exit_code == 1
    assert "frame 4, recorded:" in done.output
    assert "frame 4, replayed:" in done.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.mcap"], "No such file"),
        (["README.md"], "no MCAP file"),
        ([str(Path(__file__).parents[1] / "bench")], "no recordings"),
        ([str(FOLDER / "typed.mcap"), "--set", "NONSENSE=1"], "no NAME=VALUE of a setting"),
        ([str(FOLDER / "typed.mcap"), "--set", "STREAM_VAD_SILENCE_MS=1"], "300 to 2000"),
    ],
)
def test_a_question_that_is_wrong_is_one_line_and_exit_code_2(
    arguments: list[str], words: str
) -> None:
    done = CliRunner().invoke(app, ["replay", *arguments])
    assert done.exit_code == 2
    assert words in done.output
    assert "Traceback" not in done.output


def test_a_difference_is_found_wherever_it_is() -> None:
    out = [e for e in read_recording(FOLDER / "typed.mcap").entries if e.kind == "out"]
    later = Entry(at_s=out[2].at_s + 1, source=out[2].source, data=out[2].data, audio=out[2].audio)
    assert first_difference(out, out) is None
    assert "missing" in (first_difference(out, out[:-1]) or "")
    assert "is new" in (first_difference(out[:-1], out) or "")
    assert "went out at" in (first_difference(out, [*out[:2], later, *out[3:]]) or "")


def test_pytest_collects_recordings_where_it_is_told_to(pytester: pytest.Pytester) -> None:
    target = pytester.path / "typed.mcap"
    target.write_bytes((FOLDER / "typed.mcap").read_bytes())
    changed(pytester.path)
    pytester.runpytest_subprocess("-p", "no:cacheprovider").assert_outcomes()
    pytester.makeini("[pytest]\nparley_recordings = true")
    done = pytester.runpytest_subprocess("-p", "no:cacheprovider")
    done.assert_outcomes(passed=1, failed=1)
    done.stdout.fnmatch_lines(["*frame 4, recorded*"])

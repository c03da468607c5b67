"""Piper in a lane, for real but for the voice: a tiny model that hums its phonemes."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trio

from parley.config import Settings
from parley.engines.failures import EngineFailure, EngineUnavailable, LaneLost
from parley.engines.lanes.lane import Lane
from parley.engines.lanes.pool import LanePool
from parley.engines.models.packaged import JOE
from parley.engines.room import choices
from parley.engines.tts import piper_worker as worker
from parley.engines.tts.choice import piper_voice
from parley.engines.tts.interface import Synthesizer
from parley.engines.tts.piper import SILENT_RATE_HZ, PiperSynthesizer, loader, missing, opened
from support.tiny_voice import HOP, RATE_HZ, write_voice

PHRASE = "This is a phrase of two seconds, more or less."


@pytest.fixture
def piper() -> None:
    """Skips where the extra is not installed."""
    pytest.importorskip("piper", reason="the extra `piper` is not installed")


@pytest.fixture
def loaded(piper: None) -> Iterator[None]:
    """For tests in this process: the worker's module is as it was, afterwards."""
    before = worker._voice, worker._synthesis, worker._phonemes_alone
    yield
    worker._voice, worker._synthesis, worker._phonemes_alone = before


@asynccontextmanager
async def a_lane(init: Any) -> AsyncIterator[Lane]:
    lane = Lane("tts", init)
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            await nursery.start(lane.run)
            yield lane
            nursery.cancel_scope.cancel()


# In its lane.


@pytest.mark.slow
@pytest.mark.usefixtures("piper")
async def test_a_lane_speaks_whatever_comes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with a_lane(loader(str(write_voice(tmp_path)))) as lane:
        voice: Synthesizer = PiperSynthesizer(LanePool([lane]))
        speech = await voice.speak(PHRASE)
        samples = np.frombuffer(speech.pcm16, "<i2")
        assert speech.rate_hz == RATE_HZ
        assert 1.5 < speech.duration_s < 4
        assert len(samples) % HOP == 0
        assert abs(samples).max() > 30_000
        assert await voice.speak(PHRASE) == speech  # a voice without noise says it as before
        assert (await voice.speak(f"{PHRASE} And more.")).duration_s > speech.duration_s
        for text in ("a\0b", "x\ud800y", "日本", "😀", "<speak>", "%", "[[ hi ]]", "a" * 2000):
            assert (await voice.speak(text)).pcm16
        assert lane.generation == 1
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
@pytest.mark.usefixtures("piper")
async def test_a_caller_that_is_cancelled_leaves_the_lane_to_others(tmp_path: Path) -> None:
    async with a_lane(loader(str(write_voice(tmp_path)))) as lane:
        voice = PiperSynthesizer(LanePool([lane]))
        await voice.speak(PHRASE)
        with trio.move_on_after(0) as scope:
            await voice.speak("a" * 2000)
        assert scope.cancelled_caught
        assert (await voice.speak(PHRASE)).pcm16
        assert lane.generation == 1


@pytest.mark.slow
@pytest.mark.usefixtures("piper")
async def test_a_worker_that_is_killed_is_replaced_with_the_same_voice(tmp_path: Path) -> None:
    lane = Lane("tts", loader(str(write_voice(tmp_path))))
    voice = PiperSynthesizer(LanePool([lane]))
    lost = 0
    with trio.fail_after(30):
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(lane.run)
                speech = await voice.speak(PHRASE)
                assert lane.pid is not None
                os.kill(lane.pid, signal.SIGKILL)
        except* LaneLost:
            lost += 1
        async with trio.open_nursery() as nursery:
            await nursery.start(lane.run)
            assert await voice.speak(PHRASE) == speech
            nursery.cancel_scope.cancel()
    assert lost == 1


@pytest.mark.slow
@pytest.mark.usefixtures("piper")
async def test_a_voice_that_cannot_be_loaded_is_a_load_error(tmp_path: Path) -> None:
    async with a_lane(loader(str(tmp_path / "nobody.onnx"))) as lane:
        voice = PiperSynthesizer(LanePool([lane]))
        with pytest.raises(EngineUnavailable, match=r"nobody\.onnx"):
            await voice.speak(PHRASE)
        assert lane.load_error is not None


async def test_nothing_to_say_needs_no_engine() -> None:
    voice = PiperSynthesizer(LanePool([Lane("tts", loader("none"))]))  # nobody runs it
    for text in ("", "  ", "...", "\0"):
        speech = await voice.speak(text)
        assert (speech.pcm16, speech.rate_hz) == (b"", SILENT_RATE_HZ)


# In this process.


@pytest.mark.usefixtures("loaded")
def test_volume_is_a_factor(tmp_path: Path) -> None:
    peaks = []
    for volume in (1.0, 0.5):
        worker.load(str(write_voice(tmp_path)), volume)
        peaks.append(abs(np.frombuffer(worker.speak(PHRASE).pcm16, "<i2")).max())
    assert peaks[1] == pytest.approx(peaks[0] / 2, abs=2)


@pytest.mark.usefixtures("loaded")
def test_the_pace_is_the_callers_wish(tmp_path: Path) -> None:
    worker.load(str(write_voice(tmp_path)))
    asked: list[float | None] = []
    synthesize = worker._voice.synthesize

    def noted(text: str, how: Any, **more: object) -> Any:
        asked.append(how.length_scale)
        return synthesize(text, how, **more)

    worker._voice.synthesize = noted
    worker.speak(PHRASE)
    worker.speak(PHRASE, 2.0)
    assert (asked[0], asked[1]) == (None, (worker._voice.config.length_scale or 1.0) / 2)


@pytest.mark.usefixtures("loaded")
def test_the_rate_is_the_voices(tmp_path: Path) -> None:
    worker.load(str(write_voice(tmp_path, audio={"sample_rate": 16_000})))
    assert worker.speak(PHRASE).rate_hz == 16_000


@pytest.mark.usefixtures("loaded")
def test_double_brackets_in_a_reply_are_text_and_no_phonemes(tmp_path: Path) -> None:
    worker.load(str(write_voice(tmp_path)))
    assert len(worker.speak("[[ aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa ]]").pcm16) < len(
        worker.speak("a" * 200).pcm16
    )
    assert worker.speak("[[hello]]").pcm16 == worker.speak("[ [hello]]").pcm16


@pytest.mark.usefixtures("loaded")
def test_a_phrase_without_sound_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.load(str(write_voice(tmp_path)))
    monkeypatch.setattr(worker._voice, "synthesize", lambda *_, **__: iter(()))
    with pytest.raises(EngineFailure, match="no sound"):
        worker.speak(PHRASE)


PARTS = "The end of the road. See [[it]] — 10:30 now."


def told(text: str) -> list[tuple[str, float]]:
    return [(text[w.start : w.end], w.start_s) for w in worker.speak(text).words]


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize("lengths", ["inside", "told"])
def test_words_have_the_times_of_their_phonemes(tmp_path: Path, lengths: str) -> None:
    worker.load(str(write_voice(tmp_path)))
    plain = worker.speak(PARTS)
    worker.load(str(write_voice(tmp_path, lengths=lengths)))
    speech = worker.speak(PARTS)
    assert (plain.words, plain.pcm16) == ((), speech.pcm16)
    assert speech.words[-1].end_s == pytest.approx(speech.duration_s, abs=1e-4)
    times = told(PARTS)
    assert [word for word, _ in times] == PARTS.replace(" —", "").split()
    # Each id lasts HOP samples, and each phoneme has a pause behind it. "the" has two
    # phonemes, one that this voice does not have, and a space, behind a beginning.
    assert [start_s for _, start_s in times[:2]] == pytest.approx(
        [2 * HOP / RATE_HZ, 8 * HOP / RATE_HZ], abs=1e-4
    )


@pytest.mark.usefixtures("loaded")
def test_a_sentence_without_lengths_leaves_the_others_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.load(str(write_voice(tmp_path, lengths="inside")))
    whole = told(PARTS)
    synthesize = worker._voice.synthesize

    def without(*given: Any, **named: Any) -> Iterator[Any]:
        for number, chunk in enumerate(synthesize(*given, **named)):
            if number == 0:
                chunk.phoneme_id_samples = None
            yield chunk

    monkeypatch.setattr(worker._voice, "synthesize", without)
    times = told(PARTS)
    assert times[5:] == whole[5:]
    assert [word for word, _ in times] == [word for word, _ in whole]
    assert [at for _, at in times] == pytest.approx([at for _, at in whole], abs=0.03)


@pytest.mark.usefixtures("loaded")
def test_a_voice_whose_phonemes_are_letters_knows_its_words_too(tmp_path: Path) -> None:
    worker.load(str(write_voice(tmp_path, lengths="inside", phoneme_type="text")))
    times = told("one two three")
    assert [word for word, _ in times] == ["one", "two", "three"]
    assert [start_s for _, start_s in times] == pytest.approx(
        [HOP * 2 * count / RATE_HZ for count in (1, 5, 9)], abs=1e-4
    )


class Session:
    """A model that gives just this."""

    def __init__(self, *outputs: object) -> None:
        self._outputs = [np.asarray(output, np.float32) for output in outputs]

    def run(self, names: None, inputs: object) -> list[Any]:
        return self._outputs


WAVE = np.sin(np.arange(4096) / 9)


@pytest.mark.usefixtures("loaded")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("outputs", "words"),
    [
        ([np.full(9, np.nan)], "samples up to nan"),
        ([[0.1, np.inf]], "samples up to nan"),
        ([[WAVE, WAVE]], "sound of 2 x 4096, not of one channel"),
        ([0.5], "sound of a single number"),
        ([np.zeros(4096)], "no sound of this phrase"),
        ([np.zeros((1, 0))], "no sound of this phrase|zero-size"),
    ],
)
def test_what_is_no_sound_is_a_failure(tmp_path: Path, outputs: list[Any], words: str) -> None:
    worker.load(str(write_voice(tmp_path)))
    worker._voice.session = Session(*outputs)
    with pytest.raises((EngineFailure, ValueError), match=words):  # its lane makes it a failure
        worker.speak("hello")


@pytest.mark.usefixtures("loaded")
def test_what_is_too_loud_is_brought_down(tmp_path: Path) -> None:
    worker.load(str(write_voice(tmp_path)))
    worker._voice.session = Session(WAVE * 20_000)
    assert abs(np.frombuffer(worker.speak("hello").pcm16, "<i2")).max() == 32767


@pytest.mark.usefixtures("loaded")
def test_half_a_sentence_is_a_failure_where_its_length_is_known(tmp_path: Path) -> None:
    worker.load(str(write_voice(tmp_path)))
    ids = len(worker._voice.phonemes_to_ids(worker._voice.phonemize("hello")[0]))
    worker._voice.session = Session(WAVE[: 256 * ids // 2], np.ones(ids))
    with pytest.raises(EngineFailure, match=rf"gave {128 * ids} samples of a sentence of"):
        worker.speak("hello")


@pytest.mark.usefixtures("loaded")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("length", [0.0, -1.0, 1e-3, np.nan, 1e30])
def test_lengths_that_make_no_sense_make_no_words(tmp_path: Path, length: float) -> None:
    worker.load(str(write_voice(tmp_path)))
    ids = len(worker._voice.phonemes_to_ids(worker._voice.phonemize("hello")[0]))
    for lengths in (np.full(ids, length), np.full(ids + 1, length), np.ones((2, ids))):
        worker._voice.session = Session(np.resize(WAVE, 256 * ids), lengths)
        speech = worker.speak("hello")
        assert (len(speech.pcm16), speech.words) == (512 * ids, ())


@pytest.mark.usefixtures("loaded")
def test_a_pause_of_signs_alone_is_no_failure(tmp_path: Path) -> None:
    worker.load(str(write_voice(tmp_path)))
    worker._voice.session = Session(np.zeros(4096))
    assert worker.speak("|").pcm16 == b""


@pytest.mark.slow
@pytest.mark.usefixtures("piper")
async def test_words_stand_in_the_text_that_was_given(tmp_path: Path) -> None:
    async with a_lane(loader(str(write_voice(tmp_path, lengths="inside")))) as lane:
        text = " \n\0 Hello\x07 there. \n"
        speech = await PiperSynthesizer(LanePool([lane])).speak(text)
        assert [text[word.start : word.end] for word in speech.words] == ["Hello", "there."]


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"audio": {}}, "does not describe a Piper voice .*sample_rate"),
        ({"audio": None}, "does not describe a Piper voice"),
        ({"audio": {"sample_rate": 0}}, "sample rate of 0 Hz"),
        ({"audio": {"sample_rate": "22050"}}, "sample rate of '22050' Hz"),
        ({"phoneme_type": "pinyin"}, "wants pinyin phonemes"),
        ({"phoneme_type": "klingon"}, "does not describe a Piper voice .*klingon"),
        ({"espeak": {"voice": "nobody"}}, "does not speak"),
        ({"phoneme_id_map": {"a": [1]}}, "does not speak"),
        ({"phoneme_id_map": {"_": [0], "^": ["a"], "$": [2]}}, "does not speak"),
        ({"num_speakers": 2}, "does not speak .*sid"),
    ],
)
def test_settings_that_fit_no_voice_are_told(
    tmp_path: Path, changes: dict[str, Any], words: str
) -> None:
    path = write_voice(tmp_path)
    told = json.loads(Path(f"{path}.json").read_text())
    Path(f"{path}.json").write_text(json.dumps(told | changes))
    with pytest.raises(EngineUnavailable, match=words):
        worker.load(str(path))


@pytest.mark.usefixtures("loaded")
@pytest.mark.parametrize(
    ("model", "settings", "words"),
    [
        (None, None, "model is not there: .*hum.onnx$"),
        (b"", None, "settings are not there: .*hum.onnx.json$"),
        (b"", b"{", "is not JSON"),
        (b"", b"\xff", "is not JSON"),
        (b"", b"[]", "does not describe a Piper voice"),
        (b"not a model", "kept", "cannot be loaded as an ONNX model"),
        (b"version https://git-lfs.github.com/spec/v1\n", "kept", "cannot be loaded"),
    ],
)
def test_files_that_are_no_voice_are_told(
    tmp_path: Path, model: bytes | None, settings: bytes | str | None, words: str
) -> None:
    path = write_voice(tmp_path)
    for file, content in ((path, model), (Path(f"{path}.json"), settings)):
        if content is None:
            file.unlink()
        elif isinstance(content, bytes):
            file.write_bytes(content)
    with pytest.raises(EngineUnavailable, match=words):
        worker.load(str(path))


def test_without_the_extra_it_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "piper", None)
    with pytest.raises(EngineUnavailable, match=r"pip install 'piper-tts>=1\.3'"):
        worker.load(str(write_voice(tmp_path)))


# The choice.


def chosen(**settings: object) -> str:
    return choices(Settings.defaults(**settings))["tts"]


@pytest.mark.usefixtures("piper")
def test_auto_takes_piper_where_nothing_is_missing(tmp_path: Path) -> None:
    path = str(write_voice(tmp_path))
    assert missing(path) is None
    assert chosen(stream_tts_engine="auto", stream_piper_voice=path) == (
        "piper (auto: its voice is here)"
    )


def test_auto_takes_pyttsx3_and_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert chosen(stream_tts_engine="auto") == (
        "pyttsx3 (auto: no voice of piper's is here; `parley models pull joe`, "
        "or set STREAM_PIPER_VOICE)"
    )
    path = write_voice(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert chosen(stream_tts_engine="auto", stream_piper_voice=str(path)) == (
        "pyttsx3 (auto: piper-tts is not installed: pip install 'piper-tts>=1.3')"
    )
    Path(f"{path}.json").unlink()
    assert chosen(stream_tts_engine="auto", stream_piper_voice=str(path)) == (
        f"pyttsx3 (auto: {path}.json is not there)"
    )


def test_auto_takes_no_service_even_with_a_key() -> None:
    assert chosen(stream_tts_engine="auto", openai_api_key="k").startswith("pyttsx3 ")


def test_an_engine_that_was_asked_for_is_taken() -> None:
    assert chosen(stream_tts_engine="pyttsx3") == "pyttsx3"
    assert chosen(stream_tts_engine="openai", openai_api_key="k") == "openai"
    assert chosen(stream_tts_engine="piper", stream_piper_voice="none.onnx") == "piper"


def test_a_voice_that_waits_for_its_engine_is_mentioned() -> None:
    assert chosen(stream_tts_engine="pyttsx3", stream_piper_voice="none.onnx") == (
        "pyttsx3 (as set; piper: none.onnx is not there)"
    )


def write_joe(models_dir: Path) -> str:
    """Files of the right sizes."""
    for file in JOE.files:
        path = JOE.path_of(file, models_dir)
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as empty:
            empty.truncate(file.size_bytes)
    return str(JOE.path_of(JOE.files[0], models_dir))


def test_the_voice_that_comes_in_a_package_speaks_english_where_nobody_asked_for_another(
    tmp_path: Path,
) -> None:
    joe = write_joe(tmp_path)

    def voice(**settings: object) -> str | None:
        found = Settings.defaults(parley_models_dir=str(tmp_path), **settings)
        return piper_voice(found.speaking)

    assert voice() == joe
    assert voice(stream_piper_voice="own.onnx") == "own.onnx"
    assert voice(stream_language="de") is None
    assert voice(stream_tts_voice="en-us+f3") is None
    assert voice(stream_tts_engine="piper", stream_language="de") == joe
    assert chosen(parley_models_dir=str(tmp_path)) == "piper (auto: its voice is here)"


def test_piper_without_a_voice_is_refused_at_once() -> None:
    settings = Settings.defaults(stream_tts_engine="piper")
    with pytest.raises(EngineUnavailable, match="parley models pull joe"):
        opened(settings.speaking, piper_voice(settings.speaking))

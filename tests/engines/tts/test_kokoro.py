"""Kokoro in its lanes: a voice is found, chosen and refused in words, with a model that hums."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import trio

from parley.config import Settings
from parley.engines.failures import EngineFailure, EngineUnavailable
from parley.engines.lanes.supervisor import LanesSupervisor
from parley.engines.room import open_engine_room
from parley.engines.tts import kokoro_worker as worker
from parley.engines.tts.catalogue import HERE, known_voices
from parley.engines.tts.interface import ManyVoices
from parley.engines.tts.kokoro import missing
from parley.engines.tts.open import open_voice
from support.tiny_kokoro import HOP, write_kokoro

pytest.importorskip("kokoro_onnx")

LIMIT_S = 60.0


def settings(model: Path | str, voices: Path | str, voice: str = "af_heart") -> Settings:
    return Settings.defaults(
        stream_tts_engine="kokoro",
        stream_kokoro_model=str(model),
        stream_kokoro_voices=str(voices),
        stream_kokoro_voice=voice,
        stream_tts_thread_workers=1,
    )


@asynccontextmanager
async def speaking(wanted: Settings) -> AsyncIterator[ManyVoices]:
    async with open_voice(wanted) as voice, trio.open_nursery() as nursery:
        await nursery.start(LanesSupervisor(voice.lanes).run)
        with trio.fail_after(LIMIT_S):
            while not voice.lanes[0].ready and not voice.lanes[0].load_error:
                await trio.sleep(0.02)
        assert isinstance(voice.synthesizer, ManyVoices)
        yield voice.synthesizer
        nursery.cancel_scope.cancel()


async def test_it_speaks_by_the_voice_that_is_set_and_by_any_other_of_the_file(
    tmp_path: Path,
) -> None:
    async with speaking(settings(*write_kokoro(tmp_path))) as synthesizer:
        speech = await synthesizer.speak("Hello there.")
        assert speech.rate_hz == 24_000
        assert 0.1 < speech.duration_s < 2
        assert np.abs(np.frombuffer(speech.pcm16, "<i2")).max() > 1000
        assert (await synthesizer.with_voice("bm_george").speak("Hello there.")).pcm16
        with pytest.raises(EngineFailure, match="no voice 'zf_nobody'; it has af_heart, bm_geor"):
            await synthesizer.with_voice("zf_nobody").speak("Hello.")
        assert (await synthesizer.speak("Still here.")).pcm16
        assert (await synthesizer.speak(" ... ")).pcm16 == b""


async def test_words_have_the_times_of_their_phonemes_where_the_model_has_them(
    tmp_path: Path,
) -> None:
    text = "  Hello there, you."
    (tmp_path / "plain").mkdir()
    async with speaking(settings(*write_kokoro(tmp_path / "plain"))) as synthesizer:
        plain = await synthesizer.speak(text)
    async with speaking(settings(*write_kokoro(tmp_path, lengths=True))) as synthesizer:
        speech = await synthesizer.speak(text)
        british = await synthesizer.with_voice("bm_george").speak(text)
    assert (plain.words, plain.pcm16) == ((), speech.pcm16)
    assert [text[word.start : word.end] for word in speech.words] == ["Hello", "there,", "you."]
    # Those of "Hello" with its stress are 6 phonemes of HOP samples; the space is the next word's.
    assert speech.words[1].start_s - speech.words[0].start_s == pytest.approx(
        6 * HOP / worker.RATE_HZ, abs=1e-3
    )
    assert len(british.words) == 3


class Session:
    """A model that gives just this."""

    def __init__(self, *outputs: object) -> None:
        self._outputs = [np.asarray(output, np.float32) for output in outputs]

    def run(self, names: None, inputs: object) -> list[Any]:
        return self._outputs


def load(folder: Path, monkeypatch: pytest.MonkeyPatch, *, lengths: bool = False) -> None:
    """In this process; the worker's module is as it was, afterwards."""
    for name in ("_kokoro", "_voice", "_volume", "_phonemes_alone"):
        monkeypatch.setattr(worker, name, getattr(worker, name))
    model, voices = write_kokoro(folder, lengths=lengths)
    worker.load(str(model), str(voices), "af_heart")


WAVE = np.sin(np.arange(24_000) / 9)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("samples", "problem"),
    [
        (np.full(24_000, np.nan), "samples up to nan|no sound"),
        (WAVE * 20_000, "samples up to"),
        (np.zeros(24_000), "no sound"),
        (np.zeros(0), "no sound|zero-size|cannot say|division by zero"),
    ],
)
def test_what_is_no_sound_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, samples: Any, problem: str
) -> None:
    load(tmp_path, monkeypatch)
    worker._kokoro.sess = Session(samples)
    with pytest.raises(Exception, match=problem):
        worker.speak("Hello there.")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("length", [0.0, -1.0, np.nan, 1e30])
def test_lengths_that_make_no_sense_break_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: float
) -> None:
    load(tmp_path, monkeypatch, lengths=True)
    plain = worker.speak("Hello there.")
    tokens = len(worker._kokoro.tokenizer.phonemize("Hello there.")) + 2
    for lengths in (np.full(tokens, length), np.full(2, length)):
        worker._kokoro.sess = Session(WAVE, lengths)
        speech = worker.speak("Hello there.")
        assert speech.pcm16
        moments = [moment for word in speech.words for moment in (word.start_s, word.end_s)]
        assert moments == sorted(moments)
        assert all(0 <= moment <= speech.duration_s + 1e-3 for moment in moments)
    assert plain.words


@pytest.mark.parametrize(
    ("spoil", "problem"),
    [
        (lambda model, voices: (model, voices, "xx_none"), "no voice 'xx_none'"),
        (lambda model, voices: (_half(model), voices, "af_heart"), "cannot be loaded"),
        (lambda model, voices: (model, _odd(voices), "af_heart"), "is no voice of Kokoro's"),
        (lambda model, voices: (model, _empty(voices), "af_heart"), "has no voices"),
        (lambda model, voices: (model, model, "af_heart"), "cannot be loaded"),
    ],
    ids=["voice", "half a model", "odd voice", "no voices", "no voices file"],
)
async def test_what_is_wrong_is_told_in_words(tmp_path: Path, spoil: object, problem: str) -> None:
    assert callable(spoil)
    async with speaking(settings(*spoil(*write_kokoro(tmp_path)))) as synthesizer:
        with pytest.raises(EngineFailure, match=problem):
            await synthesizer.speak("Hello.")


def _half(model: Path) -> Path:
    model.write_bytes(model.read_bytes()[:100])
    return model


def _odd(voices: Path) -> Path:
    (voices / "af_odd.bin").write_bytes(bytes(100))
    return voices


def _empty(voices: Path) -> Path:
    for path in voices.iterdir():
        path.unlink()
    return voices


async def test_without_its_files_it_is_refused_at_the_start(tmp_path: Path) -> None:
    model, voices = write_kokoro(tmp_path)
    for wanted, problem in (
        (Settings.defaults(stream_tts_engine="kokoro"), "STREAM_KOKORO_MODEL is not set"),
        (settings(tmp_path / "no.onnx", voices), "is not there"),
        (settings(model, tmp_path / "none"), "is not there"),
    ):
        with pytest.raises(EngineUnavailable, match=problem):
            async with open_voice(wanted):
                pass
    assert missing(settings(model, voices).speaking) is None


async def test_a_session_may_ask_for_a_voice_of_its_own(tmp_path: Path) -> None:
    wanted = settings(*write_kokoro(tmp_path))
    async with open_engine_room(wanted) as room:
        assert room.voice_setting == "stream_kokoro_voice"
        assert "af_heart" in room.voices
        assert room.who()["speaks"] == "Kokoro, voice af_heart"
    (chosen,) = [one for one in known_voices(wanted.speaking) if one.chosen]
    assert (chosen.name, chosen.engine, chosen.state) == ("af_heart", "kokoro", HERE)

"""The true path: faster-whisper and CTranslate2 with Whisper tiny's real weights, in process."""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import trio

from parley.client.recording import Recording
from parley.client.report import word_errors
from parley.engines.asr import whisper_worker
from parley.engines.asr.admission import Admission, Expected
from parley.engines.asr.decoded import Decoded, Guard, doubled, plain_words
from parley.engines.asr.interface import LanguageUnknown, Translates
from parley.engines.asr.on_demand import OnDemandTranscriber
from parley.engines.asr.quiet_cuts import seconds_of
from parley.engines.asr.whisper import (
    SHORT_MARGIN_S,
    SHORT_S,
    WhisperDecoding,
    shared_whisper,
)
from parley.engines.asr.whisper_guards import guard_of
from parley.engines.asr.whisper_transcriber import WhisperTranscriber
from parley.engines.asr.whisper_window import FULL_FRAMES, frames_of, token_cap
from parley.engines.asr.whisper_worker import Pass, decode, load, load_named
from parley.engines.failures import EngineFailure, EngineUnavailable
from parley.engines.lanes.pool import LanePool
from parley.engines.models.packaged import WHISPER_TINY
from support.live_server import RECORDINGS
from support.memory import give_memory_back
from support.real_models import MODELS_DIR, needs, says
from support.whisper_folder import write_model

SPOKEN = [
    RECORDINGS[name] for name in ("1-weather", "4-lights", "6-shopping", "8-mother", "7-message")
]
WEIGHTS = WHISPER_TINY.place(MODELS_DIR)
pytestmark = needs(WHISPER_TINY)
RATE_HZ = 16_000


@pytest.fixture(autouse=True, scope="module")
def model() -> Iterator[None]:
    load(str(WEIGHTS), "int8", 1)
    yield
    whisper_worker._model = None
    give_memory_back()


def a_pass(pcm16: bytes, *, frames: int | None = None, beam: int = 1, language: str = "en") -> Pass:
    audio_s = seconds_of(len(pcm16))
    return Pass(
        pcm16=pcm16,
        frames=frames or frames_of(audio_s, SHORT_MARGIN_S if audio_s <= SHORT_S else 4.0, 3.0),
        beam=beam,
        tokens=token_cap(audio_s),
        language=language,
    )


PASS_MS = 60.0
"""What a pass is taken for: how often there are partials must not depend on the machine's speed."""


class Here:
    """A lane without a process, on a machine that always takes the same time."""

    load_error = None

    @property
    def lanes(self) -> list[Here]:
        return [self]

    def pick(self) -> Here:
        return self

    async def call(self, fn: Callable[..., object], *args: object) -> object:
        await trio.lowlevel.checkpoint()
        return fn(*args)

    async def call_late(
        self,
        fn: Callable[[list[Pass]], list[Decoded]],
        item: Callable[[], Pass],
        *,
        alike: Hashable = None,
        urgent: bool = False,
    ) -> Decoded:
        await trio.lowlevel.checkpoint()
        return replace(fn([item()])[0], ms=PASS_MS)


def transcriber(language: str = "en") -> OnDemandTranscriber:
    pool = cast(LanePool, Here())
    admission = Admission(9, Expected(rtf=0.1, final_s=0.1))
    decoding = WhisperDecoding(beam=5)
    return OnDemandTranscriber(
        shared_whisper(pool, admission, language=language, decoding=decoding)
    )


@pytest.mark.few(1)
@pytest.mark.parametrize("recording", SPOKEN, ids=lambda recording: recording.name)
def test_it_is_right_on_the_tight_window_and_on_the_full_one(recording: Recording) -> None:
    tight, full = (
        decode([a_pass(recording.pcm16, frames=frames)])[0] for frames in (None, FULL_FRAMES)
    )
    assert says(tight.text, recording)
    assert says(full.text, recording)
    assert guard_of(tight) is None
    assert tight.log_probability > -0.6
    assert tight.no_speech < 0.3
    assert not tight.capped


@pytest.mark.long
def test_the_tight_window_is_many_times_cheaper() -> None:
    job = SPOKEN[0].pcm16
    tight = min(decode([a_pass(job)])[0].ms for _ in range(5))
    full = min(decode([a_pass(job, frames=FULL_FRAMES)])[0].ms for _ in range(3))
    assert full > 2 * tight


def test_a_batch_gives_each_its_own_words() -> None:
    found = decode([a_pass(recording.pcm16) for recording in SPOKEN[:4]])
    assert all(says(decoded.text, r) for decoded, r in zip(found, SPOKEN[:4], strict=True))


def test_a_cap_is_kept_and_told() -> None:
    job = a_pass(SPOKEN[0].pcm16)
    short = Pass(pcm16=job.pcm16, frames=job.frames, beam=1, tokens=2, language="en")
    (found,) = decode([short])
    assert len(found.tokens) == 2
    assert found.capped
    assert guard_of(found) is Guard.ENDLESS


@pytest.mark.few(1)
@pytest.mark.parametrize("recording", SPOKEN[:3], ids=lambda recording: recording.name)
async def test_partials_grow_into_the_final(
    recording: Recording, autojump_clock: trio.testing.MockClock
) -> None:
    pcm16, spoken = recording.pcm16, plain_words(recording.spoken or "")
    whisper = transcriber()
    await whisper.begin()
    seen = []
    for at in range(0, len(pcm16), 9600):
        await whisper.feed(pcm16[at : at + 9600])
        await trio.sleep(0.3)
        if (found := await whisper.hypothesis()) is not None:
            seen.append(plain_words(found.text))
    transcript = await whisper.finish()
    assert says(transcript.text, recording)
    assert word_errors(spoken, seen[-1]) <= 2
    # Most of them are what had been said by then; a word that is just being said may be another.
    right = [words[:-1] == spoken[: len(words) - 1] for words in seen]
    assert sum(right) >= len(right) * 2 / 3
    assert not any(doubled(words) for words in seen)
    assert transcript.confidence > 0.6


def of(samples: Any) -> bytes:
    return bytes(np.clip(samples, -32768, 32767).astype("<i2").tobytes())


def sounds(seconds: float) -> dict[str, bytes]:
    """What is no speech."""
    rng = np.random.default_rng(1)
    count = int(seconds * RATE_HZ)
    t = np.arange(count) / RATE_HZ
    chord = sum(np.sin(2 * math.pi * hz * t) for hz in (262, 330, 392))
    return {
        "silence": bytes(2 * count),
        "hiss": of(rng.normal(0, 100, count)),
        "noise": of(rng.normal(0, 5000, count)),
        "tones like music": of(4000 * chord * (1 + np.sin(2 * math.pi * 2 * t))),
        "clipped noise": of(32767 * np.sign(rng.normal(0, 1, count))),
        "clipped tone": of(32767 * np.sign(np.sin(2 * math.pi * 440 * t))),
    }


@pytest.mark.few(3)
@pytest.mark.parametrize("name", sounds(0.1))
@pytest.mark.parametrize("seconds", [1.0, 30.0])
async def test_no_words_are_invented(
    name: str, seconds: float, autojump_clock: trio.testing.MockClock
) -> None:
    whisper = transcriber()
    await whisper.begin()
    await whisper.feed(sounds(seconds)[name])
    transcript = await whisper.finish()
    assert transcript.text == ""
    assert transcript.audio_ms == seconds * 1000


@pytest.mark.few(3)
@pytest.mark.parametrize("cut_ms", range(300, 1500, 150))
async def test_audio_that_ends_in_the_middle_of_a_word_is_heard_up_to_there(
    cut_ms: int, autojump_clock: trio.testing.MockClock
) -> None:
    recording = SPOKEN[0]
    whisper = transcriber()
    await whisper.begin()
    await whisper.feed(recording.pcm16[: cut_ms * 32])
    heard = plain_words((await whisper.finish()).text)
    assert len(heard) <= cut_ms / 200 + 2, "nothing is said twice"


@pytest.mark.long
async def test_what_was_said_once_is_heard_once(autojump_clock: trio.testing.MockClock) -> None:
    """Beginnings of 0.6 to 2.4 s, which a tight window used to say twice and more."""
    whisper = transcriber()
    for recording in SPOKEN:
        for length_ms in range(600, 2500, 600):
            await whisper.begin()
            await whisper.feed(recording.pcm16[: length_ms * 32] + bytes(16_000))
            words = plain_words((await whisper.finish()).text)
            assert not doubled(words), (recording.name, length_ms, words)


@pytest.mark.long
@pytest.mark.slow
async def test_who_talks_for_long_is_settled_piece_by_piece(
    autojump_clock: trio.testing.MockClock,
) -> None:
    whisper = transcriber()
    await whisper.begin()
    spoken: list[str] = []
    for recording in SPOKEN:
        spoken += plain_words(recording.spoken or "")
        for at in range(0, len(recording.pcm16), 32_000):
            await whisper.feed(recording.pcm16[at : at + 32_000])
            await trio.sleep(1)
            await whisper.hypothesis()
    transcript = await whisper.finish()
    assert transcript.audio_ms > 12_000
    assert word_errors(spoken, plain_words(transcript.text)) <= len(spoken) * 0.15


async def test_the_language_is_found_out_with_the_first_words(
    autojump_clock: trio.testing.MockClock,
) -> None:
    whisper = transcriber(language="")
    await whisper.begin()
    await whisper.feed(SPOKEN[1].pcm16)
    assert says((await whisper.finish()).text, SPOKEN[1])


def test_a_model_is_loaded_by_its_name_from_its_folder(tmp_path: Path) -> None:
    (tmp_path / "tiny").symlink_to(WEIGHTS)
    load_named("tiny-int8", str(tmp_path), 1)
    assert says(decode([a_pass(SPOKEN[0].pcm16)])[0].text, SPOKEN[0])


def test_a_model_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailable, match="parley models pull tiny-int8"):
        load_named("tiny-int8", str(tmp_path), 1)


def test_a_model_that_looks_whole_and_is_not_is_one_line(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "model")
    with pytest.raises(EngineFailure) as failure:
        load(str(folder), "int8", 1)
    assert "cannot be loaded" in str(failure.value)
    assert "\n" not in str(failure.value)
    load(str(WEIGHTS), "int8", 1)


def test_without_a_model_nothing_is_decoded() -> None:
    whisper_worker._model, kept = None, whisper_worker._model
    try:
        with pytest.raises(EngineFailure, match="no model is loaded"):
            decode([a_pass(SPOKEN[0].pcm16)])
    finally:
        whisper_worker._model = kept


@pytest.mark.few(1)
@pytest.mark.parametrize("recording", SPOKEN, ids=lambda recording: recording.name)
def test_it_knows_when_each_word_sounds(recording: Recording) -> None:
    (heard,) = decode([a_pass(recording.pcm16)])
    words = whisper_worker.word_times(recording.pcm16, heard.text, "en")
    assert [word for word, _, _ in words] == heard.text.split()
    moments = [moment for _, start_s, end_s in words for moment in (start_s, end_s)]
    assert moments == sorted(moments)
    assert 0 <= moments[0] < moments[-1] <= seconds_of(len(recording.pcm16))


async def test_a_recording_is_heard_patiently_and_in_the_language_that_is_asked_for() -> None:
    whisper = WhisperTranscriber(transcriber()._shared)
    german = whisper.for_file("de")
    assert (german._shared.language, german._urgent, whisper._urgent) == ("de", False, True)
    if not whisper_worker.knows("de"):
        with pytest.raises(LanguageUnknown, match="English only, not 'de'"):
            await german.begin()
    other = whisper.for_file(None)
    assert other._shared.language == "en"
    await other.begin()
    await other.feed(SPOKEN[0].pcm16)
    assert other._shared.admission.talking == 0
    rtf = other._shared.admission.rtf
    assert (await other.finish()).text
    assert (other._shared.admission.rtf, other._shared.admission.talking) == (rtf, 0)
    only = OnDemandTranscriber(replace(whisper._shared, only="en"))
    assert only.for_file("en")._shared.language == "en"
    with pytest.raises(LanguageUnknown, match="hears 'en' only, not 'de'"):
        only.for_file("de")


async def test_a_model_of_english_does_not_translate() -> None:
    assert isinstance(WhisperTranscriber(transcriber()._shared), Translates)
    if whisper_worker.loaded().model.is_multilingual:
        translated = await WhisperTranscriber(transcriber()._shared).translated(SPOKEN[0].pcm16)
        assert says(translated.text, SPOKEN[0])
    else:
        with pytest.raises(LanguageUnknown, match="English only"):
            await WhisperTranscriber(transcriber()._shared).translated(SPOKEN[0].pcm16)

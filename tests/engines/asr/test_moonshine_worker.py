"""Moonshine's real weights, in this process: the right words, and none where nobody spoke."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from parley.client.report import word_errors
from parley.engines.asr import moonshine_worker as worker
from parley.engines.asr.decoded import Decoded, Guard
from parley.engines.asr.moonshine import MoonshineDecoding, guard_of
from parley.engines.asr.moonshine_files import FILES
from parley.engines.asr.moonshine_worker import Pass, decode, token_cap
from parley.engines.failures import EngineFailure
from parley.engines.models.packaged import MOONSHINE_TINY
from support.live_server import RECORDINGS
from support.real_models import MODELS_DIR, needs

RATE_HZ = 16_000


@pytest.fixture
def moonshine() -> Iterator[None]:
    before = worker._model
    worker.load(str(MOONSHINE_TINY.place(MODELS_DIR)), 1)
    yield
    worker._model = before


real = pytest.mark.usefixtures("moonshine")


def heard(pcm16: bytes) -> Decoded:
    (found,) = decode([Pass(pcm16=pcm16)])
    return found


def words_of(text: str) -> list[str]:
    return "".join(c if c.isalnum() or c in "' " else " " for c in text.lower()).split()


@needs(MOONSHINE_TINY)
@real
def test_clear_speech_is_understood() -> None:
    wrong = words = 0
    for recording in RECORDINGS.values():
        spoken = words_of(recording.spoken or "")
        found = words_of(heard(recording.pcm16).text)
        wrong += word_errors(spoken, found)
        words += len(spoken)
    assert wrong / words <= 0.1  # 8 or 9 of 90, by the processor's arithmetic


@needs(MOONSHINE_TINY)
@real
def test_the_same_audio_gives_the_same_words_whatever_came_before() -> None:
    one, other = (RECORDINGS[name].pcm16 for name in ("1-weather", "3-timer"))
    first = heard(one)
    heard(other)
    again = heard(one)
    assert (first.text, first.tokens, first.log_probability) == (
        again.text,
        again.tokens,
        again.log_probability,
    )


def tone(hertz: float, seconds: float = 1.0) -> bytes:
    wave = np.sin(2 * np.pi * hertz * np.arange(int(RATE_HZ * seconds)) / RATE_HZ)
    return (wave * 6000).astype("<i2").tobytes()


def noise(level: int, seconds: float = 1.0) -> bytes:
    samples = np.random.default_rng(1).normal(0, level, int(RATE_HZ * seconds))
    return samples.clip(-32768, 32767).astype("<i2").tobytes()


SOUNDS = {
    "silence": bytes(2 * RATE_HZ),
    "long silence": bytes(10 * RATE_HZ),
    "quiet noise": noise(30),
    "noise": noise(800),
    "loud noise": noise(8000, 3.0),
    "a low tone": tone(110),
    "a tone": tone(440, 2.0),
    "a high tone": tone(3000),
    "nothing": b"",
    "a sample": b"\0\0",
    "50 ms": noise(800, 0.05),
}


@pytest.mark.few(3)
@needs(MOONSHINE_TINY)
@real
@pytest.mark.parametrize("name", SOUNDS)
def test_what_is_no_speech_is_not_believed(name: str) -> None:
    assert guard_of(heard(SOUNDS[name])) is not None


@pytest.mark.long
@needs(MOONSHINE_TINY)
@real
def test_a_minute_of_the_same_words_ends_at_the_cap_of_its_tokens() -> None:
    sentence = RECORDINGS["1-weather"].pcm16
    found = heard(sentence * (60 * RATE_HZ * 2 // len(sentence)))
    assert len(found.tokens) <= token_cap(60)


@pytest.mark.parametrize("lacks", FILES)
def test_a_folder_that_is_no_model_is_told_in_one_line(tmp_path: Path, lacks: str) -> None:
    for name in FILES:
        if name != lacks:
            (tmp_path / name).write_bytes(b"rubbish")
    with pytest.raises(EngineFailure, match="cannot be loaded") as failure:
        worker.load(str(tmp_path), 1)
    assert "\n" not in str(failure.value)


def test_without_a_model_nothing_is_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "_model", None)
    with pytest.raises(EngineFailure, match="no model"):
        decode([Pass(pcm16=b"")])


def decoded(text: str, **different: object) -> Decoded:
    known = {"log_probability": -0.2, "capped": False, "ms": 1.0}
    return Decoded(text=text, **{**known, **different})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "guard"),
    [
        (decoded("Hello there."), None),
        (decoded("\N{EIGHTH NOTE}"), Guard.SILENCE),
        (decoded(""), Guard.SILENCE),
        (decoded("..."), Guard.SILENCE),
        (decoded("Thank you for watching."), Guard.SILENCE),
        (decoded("Thank you for watching my dog."), None),
        (decoded("Thank you."), None),
        (decoded("You", no_speech=1.0), Guard.SILENCE),
        (decoded("You"), None),
        (decoded("and so on", capped=True), Guard.ENDLESS),
        (decoded("no " * 6), Guard.REPETITION),
        (decoded("no no no no"), None),
        (decoded("the thing that we did " * 8 + "x"), Guard.REPETITION),
        (decoded("whatever", log_probability=-2.0), Guard.UNSURE),
    ],
)
def test_what_is_wrong_with_a_text(found: Decoded, guard: Guard | None) -> None:
    assert guard_of(found) is guard


def test_a_second_look_has_silence_around_it() -> None:
    decoding = MoonshineDecoding()
    first = decoding.final(b"\1\0", language="en", again=False)
    second = decoding.final(b"\1\0", language="en", again=True)
    assert (first.lead_ms, second.lead_ms) == (0, 300)
    assert first == decoding.partial(b"\1\0", begins=(1, 2), language="en")

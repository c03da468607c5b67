"""Which recognizer is used, and why."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import structlog.testing

from parley.config import Settings
from parley.engines.asr.choice import RecognizerChoice, choose_recognizer
from parley.engines.asr.moonshine_files import FILES
from parley.engines.asr.open import fetch_model
from parley.engines.asr.whisper import lane_threads
from parley.engines.models.packaged import MOONSHINE_TINY
from parley.engines.room import choices, open_engine_room
from support.whisper_folder import write_model


def choice(**settings: object) -> RecognizerChoice:
    return choose_recognizer(Settings.defaults(**settings).transcribing)


def test_auto_takes_whisper_where_its_model_is_on_disk(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "small")
    found = choice(parley_models_dir=str(tmp_path))
    assert (found.engine, found.model) == ("whisper", folder)
    assert "small-int8 is on disk" in found.why


def test_auto_takes_pocketsphinx_where_there_is_no_model_and_says_how_to_get_it(
    tmp_path: Path,
) -> None:
    found = choice(parley_models_dir=str(tmp_path))
    assert found.engine == "pocketsphinx"
    assert "small-int8 is not usable" in found.why
    assert "parley models pull small-int8" in found.problem


def test_auto_takes_no_broken_model(tmp_path: Path) -> None:
    write_model(tmp_path / "small", tokenizer_json=None)
    found = choice(parley_models_dir=str(tmp_path))
    assert found.engine == "pocketsphinx"
    assert "tokenizer" in found.problem


def write_moonshine(models_dir: Path) -> Path:
    """Files of the right sizes; what is in them only its lanes look at."""
    for file in MOONSHINE_TINY.files:
        path = MOONSHINE_TINY.path_of(file, models_dir)
        path.parent.mkdir(exist_ok=True)
        with path.open("wb") as empty:
            empty.truncate(file.size_bytes)
    return MOONSHINE_TINY.place(models_dir)


def test_auto_takes_moonshine_for_english_where_its_model_is_here(tmp_path: Path) -> None:
    write_moonshine(tmp_path)
    write_model(tmp_path / "small")
    assert choice(parley_models_dir=str(tmp_path)).engine == "moonshine"
    for language in ("de", "auto"):
        found = choice(parley_models_dir=str(tmp_path), stream_language=language)
        assert found.engine == "whisper"


def test_a_moonshine_model_of_ones_own_is_a_folder_with_its_files(tmp_path: Path) -> None:
    found = choice(stream_asr_engine="moonshine", stream_moonshine_model=str(tmp_path))
    assert (found.engine, found.model) == ("moonshine", None)
    assert "no encoder_model.ort" in found.problem
    for name in FILES:
        (tmp_path / name).write_bytes(b"")
    found = choice(stream_asr_engine="moonshine", stream_moonshine_model=str(tmp_path))
    assert found.model == tmp_path


def test_a_wrong_byte_in_the_packaged_model_is_found(tmp_path: Path) -> None:
    write_moonshine(tmp_path)
    found = choice(stream_asr_engine="moonshine", parley_models_dir=str(tmp_path))
    assert "damaged" in found.problem


def test_whisper_that_was_asked_for_is_taken_though_its_model_is_missing(tmp_path: Path) -> None:
    found = choice(stream_asr_engine="whisper", parley_models_dir=str(tmp_path))
    assert (found.engine, found.model) == ("whisper", None)
    assert found.problem


@pytest.mark.parametrize("engine", ["pocketsphinx", "openai"])
def test_an_engine_that_was_asked_for_is_taken(tmp_path: Path, engine: str) -> None:
    write_model(tmp_path / "small")
    settings = {"stream_asr_engine": engine, "openai_base_url": "http://127.0.0.1:1/v1"}
    assert choice(parley_models_dir=str(tmp_path), **settings).engine == engine


def test_reports_name_the_choice_and_its_reason(tmp_path: Path) -> None:
    settings = Settings.defaults(parley_models_dir=str(tmp_path))
    assert choices(settings)["asr"].startswith("pocketsphinx (auto: no Moonshine model")


async def test_a_rooms_whisper_has_lanes_and_admission(tmp_path: Path) -> None:
    write_model(tmp_path / "small")
    settings = Settings.defaults(parley_models_dir=str(tmp_path), stream_asr_lanes=3)
    async with open_engine_room(settings) as room:
        assert [lane.name for lane in room.lanes if lane.name.startswith("asr")] == [
            "asr-1", "asr-2", "asr-3",
        ]  # fmt: skip
        assert room.admission is not None
        assert room.admission.places == 9  # three lanes, half a second a final


def test_lanes_share_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.cpu_count", lambda: 8)
    assert lane_threads(0, 2) == 4
    assert lane_threads(0, 16) == 1
    assert lane_threads(3, 2) == 3


async def test_nothing_is_downloaded_unless_a_setting_allows_it(tmp_path: Path) -> None:
    with structlog.testing.capture_logs() as logs:
        await fetch_model(Settings.defaults(parley_models_dir=str(tmp_path)))
    assert logs == []
    assert os.listdir(tmp_path) == []


async def test_a_download_that_fails_is_logged_and_the_server_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:1")
    settings = Settings.defaults(parley_models_dir=str(tmp_path), stream_model_download=True)
    with structlog.testing.capture_logs() as logs:
        await fetch_model(settings)
    assert [entry["event"] for entry in logs] == ["model_download", "model_download_failed"]


async def test_no_whisper_is_downloaded_where_moonshine_hears(tmp_path: Path) -> None:
    write_moonshine(tmp_path)
    settings = Settings.defaults(parley_models_dir=str(tmp_path), stream_model_download=True)
    with structlog.testing.capture_logs() as logs:
        await fetch_model(settings)
    assert logs == []

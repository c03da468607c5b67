"""Settings for people: where each came from, and what a misspelt name meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from parley.config import Settings, load_settings
from parley.config.explain import in_force, meant
from parley.config.variables import Variables

KNOWN = [name.upper() for name in Variables.model_fields]


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("STREAM_PORT", "PARLEY_PORT"),
        ("STREAM_HOST", "PARLEY_HOST"),
        ("parley_log_level", "STREAM_LOG_LEVEL"),
        ("PARLEY_LLM_ENGINE", "STREAM_LLM_ENGINE"),
        ("STREAM_WHISPER_MODEL", "STREAM_MODEL_WHISPER"),
        ("STREAM_ASR_LANE", "STREAM_ASR_LANES"),
        ("STREAM_VAD_SILENCE", "STREAM_VAD_SILENCE_MS"),
        ("OPENAI_MODLE", "OPENAI_MODEL"),
        ("STREAM_TTS", None),
        ("PARLEY_COLOUR", None),
        ("STREAM_ENGINE", None),
    ],
)
def test_a_hint_is_right_or_there_is_none(name: str, variable: str | None) -> None:
    assert meant(name, KNOWN) == variable


def test_each_setting_tells_where_it_came_from(tmp_path: Path) -> None:
    toml = tmp_path / "p.toml"
    toml.write_text('STREAM_LANGUAGE = "de"\nparley_port = 1\n')
    dotenv = tmp_path / ".env"
    dotenv.write_text("# mine\nSTREAM_ONSET_MS=120\nOPENAI_API_KEY=sk-very-secret\n")
    settings = load_settings(
        {"parley_port": 9},
        environ={
            "STREAM_TTS_VOLUME": "0.5",
            "OPENAI_BASE_URL": "http://user:pass@host/v1",
            "STREAM_BACKCHANNELS": "yes",
        },
        env_file=dotenv,
        toml_file=toml,
    )
    told = {one.name: one for one in in_force(settings)}
    assert list(told) == KNOWN
    assert told["PARLEY_PORT"].origin == "an explicit override"
    assert (told["STREAM_LANGUAGE"].value, told["STREAM_LANGUAGE"].origin) == ("de", str(toml))
    assert told["STREAM_ONSET_MS"].origin == f"{dotenv} line 2"
    assert told["STREAM_TTS_VOLUME"].origin == "the environment"
    assert told["STREAM_BACKCHANNELS"].value == "1"
    assert told["OPENAI_API_KEY"].value == "set (not shown)"
    assert "pass" not in told["OPENAI_BASE_URL"].value
    assert told["OPENAI_MODEL"].origin == "default"
    assert told["STREAM_PIPER_VOICE"].value == "unset"
    assert all(one.about for one in told.values())


def test_settings_that_were_made_directly_have_no_sources() -> None:
    assert {one.origin for one in in_force(Settings.defaults(parley_port=1))} == {"default"}

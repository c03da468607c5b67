"""`parley config` and `parley voices`, as a person types them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from parley.audio.wav import read_wav
from parley.commands.app import app
from parley.config.variables import Variables
from parley.engines.models.packaged import JOE
from parley.engines.tts.catalogue import settings_of
from support.fake_sound import FakeSound
from support.real_models import MODELS_DIR, needs

Command = Callable[..., Result]


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)  # no .env of anybody
    for name in Variables.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(app, [str(one) for one in arguments])


def test_what_is_set_is_shown_with_its_source_and_no_key(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STREAM_ONSET_MS", "120")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    monkeypatch.setenv("STREAM_PORT", "9")
    result = command("config")
    assert result.exit_code == 0
    assert "STREAM_ONSET_MS=120" in result.stdout
    assert "the environment" in result.stdout
    assert "PARLEY_PORT=8084" not in result.stdout
    assert "very-secret" not in result.stdout
    assert "did you mean PARLEY_PORT?" in result.stderr
    everything = command("config", "--all")
    assert "PARLEY_PORT=8084" in everything.stdout
    assert len(everything.stdout.splitlines()) > len(Variables.model_fields)


def test_where_nothing_is_set_it_says_so(command: Command) -> None:
    assert "Everything has its default" in command("config").stdout


def test_bad_settings_are_told_and_a_mistake_of_the_user(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLEY_PORT", "99999")
    for arguments in (["config"], ["voices", "list"], ["voices", "say"]):
        result = command(*arguments)
        assert result.exit_code == 2
        assert "PARLEY_PORT: '99999' is refused" in result.stderr


def test_the_list_of_voices_says_which_one_speaks_and_what_others_need(command: Command) -> None:
    lines = command("voices", "list").stdout.splitlines()
    (joe,) = [line for line in lines if " joe " in line]
    assert "`parley voices pull joe`" in joe
    (kokoro,) = [line for line in lines if " af_heart " in line]
    assert "STREAM_KOKORO_MODEL is not set" in kokoro
    (chosen,) = [line for line in lines if line.startswith("*")]
    assert "pyttsx3" in chosen
    assert any("eSpeak NG in 1" in line for line in lines)


@pytest.mark.parametrize("language", ["de", "sw", "PT"])
def test_there_is_a_voice_for_each_language_that_one_asks_for(
    command: Command, language: str
) -> None:
    lines = command("voices", "list", "--language", language).stdout.splitlines()[1:]
    assert any(f" {language.lower()}" in line for line in lines)
    assert not any(" joe " in line for line in lines)


def test_a_language_that_nobody_speaks_is_one_line(command: Command) -> None:
    result = command("voices", "list", "--language", "klingon")
    assert result.exit_code == 1
    assert result.stderr.startswith("parley: no voice for 'klingon'")


def test_what_cannot_be_pulled_is_a_mistake_of_the_user_with_what_to_do(command: Command) -> None:
    result = command("voices", "pull", "alba")
    assert result.exit_code == 2
    assert "known: joe" in result.stderr
    assert "STREAM_PIPER_VOICE" in result.stderr


def test_a_voice_is_heard_in_a_file_or_on_the_loudspeaker(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = command("voices", "say", "en-us", "Good morning.", "--out", "new/voice.wav")
    assert result.exit_code == 0, result.stderr
    wav = read_wav(tmp_path / "new/voice.wav")
    assert wav.rate_hz == 22_050
    assert 0.5 < wav.seconds < 2.5
    sound = FakeSound()
    monkeypatch.setitem(sys.modules, "sounddevice", sound)
    assert command("voices", "say", "en-us", "Good morning.").exit_code == 0
    assert b"".join(sound.streams[0].played) == wav.pcm16


def test_without_a_loudspeaker_it_says_how_to_hear_it_all_the_same(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    result = command("voices", "say", "en-us", "Hello.")
    assert result.exit_code == 1
    assert result.stderr.endswith("or write a file: --out voice.wav\n")


@pytest.mark.parametrize(
    ("voice", "problem"),
    [
        ("nobody-at-all", "espeak has no voice 'nobody-at-all'"),
        ("/nowhere/voice.onnx", "/nowhere/voice.onnx"),
        ("af_heart", "STREAM_KOKORO_MODEL is not set"),
    ],
)
def test_a_voice_that_is_not_here_is_one_line(command: Command, voice: str, problem: str) -> None:
    result = command("voices", "say", voice, "Hello.")
    assert result.exit_code == 1
    assert problem in result.stderr
    assert result.stderr.count("\n") == 1


@needs(JOE)
def test_joe_speaks(command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PARLEY_MODELS_DIR", str(MODELS_DIR))
    assert command("voices", "say", "joe", "--out", "joe.wav").exit_code == 0
    assert read_wav(tmp_path / "joe.wav").seconds > 2
    (chosen,) = [
        line for line in command("voices", "list").stdout.splitlines() if line.startswith("*")
    ]
    assert " joe " in chosen


@needs(JOE)
def test_joe_speaks_where_another_voice_is_set() -> None:
    path = settings_of("joe", str(MODELS_DIR))["stream_piper_voice"]
    assert path == str(JOE.path_of(JOE.files[0], MODELS_DIR))


def test_a_name_says_which_engine_it_is_of() -> None:
    assert settings_of("joe")["stream_tts_engine"] == "piper"
    assert settings_of("/v/de_DE-thorsten-low.onnx")["stream_tts_engine"] == "piper"
    assert settings_of("bf_emma")["stream_tts_engine"] == "kokoro"
    assert settings_of("en-us+f3")["stream_tts_engine"] == "pyttsx3"

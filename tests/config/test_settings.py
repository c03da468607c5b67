"""Settings: sources and their order, bounds, one error for everything, secrets, slices, docs."""

from __future__ import annotations

import dataclasses
import json
import re
from ipaddress import ip_network
from pathlib import Path

import pytest
from annotated_types import Ge, Gt, Le
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from parley.config import McpServer, Settings, SettingsError, load_settings
from parley.config.kinds import (
    SAMPLE_RATES_HZ,
    allowed,
    default_text,
    without_credentials,
)
from parley.protocol.telephone.names import TELEPHONE

ROOT = Path(__file__).parents[2]
KEY = "sk-very-secret-0123456789"
SLICES = (
    "hearing",
    "hearing_io_speech",
    "hearing_newspeech",
    "turning",
    "transcribing",
    "answering",
    "silence",
    "acting",
    "fallback",
    "speaking",
    "serving",
    "admitting",
    "address_limits",
    "framing",
    "backpressure",
    "observing",
    "recording",
    "telephone",
    "carriers",
    "load",
    "clustering",
)
FIELDS = Settings.model_fields
CHOICES = {
    "stream_vad_engine": ("auto", "webrtc", "energy", "silero", "newspeech"),
    "stream_turn_unfinished": ("answer", "ask", "wait"),
    "stream_phrases": ("auto", "sentences", "short", "tokens"),
    "stream_turn_engine": ("auto", "fixed", "text", "smart-turn", "both"),
    "vad_engine": ("same", "auto", "webrtc", "energy", "silero", "newspeech"),
    "parley_engine_vad": ("same", "webrtc", "energy", "silero", "newspeech"),
    "stream_asr_engine": ("auto", "whisper", "pocketsphinx", "openai"),
    "stream_llm_engine": ("auto", "openai", "gguf", "local"),
    "stream_tts_engine": ("auto", "pyttsx3", "piper", "kokoro", "openai"),
    "stream_log_level": ("debug", "info", "warning", "error", "critical"),
    "stream_log_format": ("auto", "json", "console"),
}


def bounds(name: str) -> tuple[float, float, bool]:
    """Lowest, highest, and whether the lowest is itself refused."""
    low, high, exclusive = 0.0, 0.0, False
    for mark in FIELDS[name].metadata:
        if isinstance(mark, Ge):
            low = float(str(mark.ge))
        elif isinstance(mark, Gt):
            low, exclusive = float(str(mark.gt)), True
        elif isinstance(mark, Le):
            high = float(str(mark.le))
    return low, high, exclusive


WHOLES = sorted(n for n, f in FIELDS.items() if f.annotation is int and n != "audio_sample_rate")
FLOATS = sorted(n for n, f in FIELDS.items() if f.annotation is float)
BOOLS = sorted(n for n, f in FIELDS.items() if f.annotation is bool)


def load(
    environ: dict[str, str] | None = None,
    *,
    overrides: dict[str, object] | None = None,
    env_file: Path | None = None,
    toml_file: Path | None = None,
) -> Settings:
    """Load with nothing read from the real environment."""
    return load_settings(
        overrides,
        env_file=env_file,
        toml_file=toml_file,
        environ={} if environ is None else environ,
    )


def refused(
    environ: dict[str, str] | None = None,
    *,
    overrides: dict[str, object] | None = None,
    env_file: Path | None = None,
    toml_file: Path | None = None,
) -> SettingsError:
    with pytest.raises(SettingsError) as caught:
        load(environ, overrides=overrides, env_file=env_file, toml_file=toml_file)
    return caught.value


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


# Defaults


def test_defaults_read_nothing_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STREAM_VAD_SILENCE_MS", "1234")
    monkeypatch.setenv("stream_vad_silence_ms", "1234")
    assert Settings().stream_vad_silence_ms == 700
    assert Settings.defaults().stream_vad_silence_ms == 700


def test_without_any_source_the_defaults_hold() -> None:
    assert load() == Settings()


def test_defaults_can_be_changed_one_by_one_and_are_validated() -> None:
    assert Settings.defaults(parley_port=9000).parley_port == 9000
    with pytest.raises(ValidationError):
        Settings.defaults(parley_port=70_000)


def test_a_field_that_does_not_exist_cannot_be_set_in_code() -> None:
    with pytest.raises(ValidationError):
        Settings.defaults(parley_prot=9000)


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError):
        Settings().parley_port = 1


def test_the_environment_is_read_when_none_is_handed_in(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PARLEY_CONFIG", raising=False)
    monkeypatch.setenv("STREAM_VAD_SILENCE_MS", "1234")
    write(tmp_path / ".env", "STREAM_ASR_LANES=7\n")
    settings = load_settings()
    assert (settings.stream_vad_silence_ms, settings.stream_asr_lanes) == (1234, 7)


SEED_DEFAULTS = {
    "STREAM_MODEL_WHISPER": "small-int8",
    "STREAM_VAD_SILENCE_MS": 700,
    "STREAM_PARTIAL_INTERVAL_MS": 1000,
    "STREAM_PCM_CHUNK_SIZE": 5120,
    "STREAM_MAX_UTTERANCE_MS": 30_000,
    "STREAM_BACKPRESSURE_THRESHOLD": 50,
    "STREAM_BACKPRESSURE_SKIP_FRAMES": 3,
    "OPENAI_API_KEY": None,
    "OPENAI_MODEL": "gpt-3.5-turbo",
    "OPENAI_MAX_TOKENS": 150,
    "OPENAI_TEMPERATURE": 0.7,
    "STREAM_LLM_TIMEOUT_S": 30,
    "STREAM_TTS_ENGINE": "auto",  # the documents say pyttsx3, which is what auto is without a model
    "STREAM_TTS_MAX_PHRASE_LENGTH": 60,
    "STREAM_TTS_THREAD_WORKERS": 2,
    "STREAM_TTS_TIMEOUT_S": 10,
    "STREAM_MAX_PENDING_PHRASES": 5,
    "STREAM_LOG_LATENCY": True,
    "WS_MAX_CONNECTIONS": 100,
    "WS_PING_INTERVAL": 30,
    "WS_PING_TIMEOUT": 10,
    "VAD_ENERGY_THRESHOLD": 0.01,
    "VAD_SPEECH_PAD_MS": 300,
    "VAD_SILENCE_DURATION_MS": 700,
    "AUDIO_CHUNK_MS": 100,
    "AUDIO_SAMPLE_RATE": 16_000,
    "AUDIO_CHANNELS": 1,
}


@pytest.mark.parametrize("variable", SEED_DEFAULTS)
def test_a_required_variable_exists_with_its_required_default(variable: str) -> None:
    assert FIELDS[variable.lower()].default == SEED_DEFAULTS[variable]


# Sources and their order


def test_each_source_wins_over_those_below_it(tmp_path: Path) -> None:
    toml = write(
        tmp_path / "parley.toml",
        "parley_port = 1\nstream_asr_lanes = 1\nws_ping_timeout = 1\naudio_chunk_ms = 11\n",
    )
    dotenv = write(tmp_path / ".env", "PARLEY_PORT=2\nSTREAM_ASR_LANES=2\nWS_PING_TIMEOUT=2\n")
    settings = load(
        {"PARLEY_PORT": "3", "STREAM_ASR_LANES": "3"},
        overrides={"parley_port": 4},
        env_file=dotenv,
        toml_file=toml,
    )
    assert settings.parley_port == 4
    assert settings.stream_asr_lanes == 3
    assert settings.ws_ping_timeout == 2
    assert settings.audio_chunk_ms == 11


@pytest.mark.parametrize("name", ["PARLEY_PORT", "parley_port", "Parley_Port"])
def test_override_names_may_be_in_any_case(name: str) -> None:
    assert load(overrides={name: "9000"}).parley_port == 9000


def test_an_override_of_none_means_not_given() -> None:
    assert load({"PARLEY_PORT": "9000"}, overrides={"parley_port": None}).parley_port == 9000


@pytest.mark.parametrize(
    "name", ["STREAM_SYSTEM_PROMPT", "STREAM_INTERRUPTION_MARK", "STREAM_FAILURE_SENTENCE"]
)
@pytest.mark.parametrize("blank", ["", "  "])
def test_a_text_that_may_be_empty_is_nothing_where_it_is_blank(name: str, blank: str) -> None:
    settings = load({name: blank})
    assert getattr(settings, name.lower()) == ""
    assert settings.origins[name] != ""


def test_any_of_its_variables_names_a_second_model() -> None:
    assert Settings().fallback.model is None
    first = {"openai_model": "a", "openai_base_url": "http://a", "openai_api_key": "k-a"}
    same = Settings.defaults(**first, openai_fallback_model="b").fallback
    assert (same.model, same.base_url, same.api_key) == ("b", "http://a", SecretStr("k-a"))
    other = Settings.defaults(**first, openai_fallback_base_url="http://b").fallback
    assert (other.model, other.base_url, other.api_key) == ("a", "http://b", None)
    key = Settings.defaults(**first, openai_fallback_api_key="k-b").fallback
    assert (key.model, key.base_url, key.api_key) == ("a", "http://a", SecretStr("k-b"))


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_a_blank_variable_counts_as_not_given(blank: str, tmp_path: Path) -> None:
    dotenv = write(tmp_path / ".env", "PARLEY_PORT=9000\nSTREAM_MODEL_WHISPER=\n")
    settings = load({"PARLEY_PORT": blank, "OPENAI_API_KEY": blank}, env_file=dotenv)
    assert settings.parley_port == 9000
    assert settings.openai_api_key is None
    assert settings.stream_model_whisper == "small-int8"


def test_white_space_around_a_value_is_cut_off() -> None:
    settings = load({"OPENAI_API_KEY": f" {KEY}\n", "PARLEY_PORT": " 9000 "})
    assert settings.openai_api_key == SecretStr(KEY)
    assert settings.parley_port == 9000


def test_a_missing_dotenv_is_no_problem(tmp_path: Path) -> None:
    assert load(env_file=tmp_path / ".env") == Settings()


def test_dotenv_takes_comments_quotes_export_and_a_byte_order_mark(tmp_path: Path) -> None:
    dotenv = write(
        tmp_path / ".env",
        "\ufeffPARLEY_PORT=9000 # here\n\n# and here\nexport STREAM_ASR_LANES='3'\n"
        'STREAM_SYSTEM_PROMPT="Two\\nlines, ${HOME}"\nPARLEY_PORT=9001\nSTREAM_LOG_LATENCY\n',
    )
    settings = load(env_file=dotenv)
    assert settings.parley_port == 9001
    assert settings.stream_asr_lanes == 3
    assert settings.stream_system_prompt == "Two\nlines, ${HOME}"
    assert settings.warnings == ()


def test_toml_keys_may_be_in_any_case_and_values_keep_their_types(tmp_path: Path) -> None:
    toml = write(
        tmp_path / "parley.toml",
        "PARLEY_PORT = 9000\nstream_log_latency = false\nopenai_temperature = 1\n"
        'stream_asr_lanes = "3"\n',
    )
    settings = load(toml_file=toml)
    assert settings.parley_port == 9000
    assert settings.stream_log_latency is False
    assert settings.openai_temperature == 1.0
    assert settings.stream_asr_lanes == 3


@pytest.mark.parametrize("where", ["environment", "dotenv"])
def test_parley_config_names_the_toml_file(where: str, tmp_path: Path) -> None:
    toml = write(tmp_path / "parley.toml", "parley_port = 9000\n")
    line = f"PARLEY_CONFIG={toml}\n" if where == "dotenv" else "PARLEY_CONFIG=/elsewhere\n"
    dotenv = write(tmp_path / ".env", line)
    environ = {} if where == "dotenv" else {"PARLEY_CONFIG": str(toml)}
    settings = load(environ, env_file=dotenv)
    assert settings.parley_port == 9000
    assert settings.warnings == ()


def test_the_argument_wins_over_parley_config(tmp_path: Path) -> None:
    toml = write(tmp_path / "parley.toml", "parley_port = 9000\n")
    assert load({"PARLEY_CONFIG": "/missing"}, toml_file=toml).parley_port == 9000


# Bounds


@pytest.mark.parametrize("name", WHOLES + FLOATS)
def test_every_number_has_two_bounds_and_takes_the_highest(name: str) -> None:
    _, high, _ = bounds(name)
    assert any(isinstance(mark, Le) for mark in FIELDS[name].metadata)
    assert any(isinstance(mark, Ge | Gt) for mark in FIELDS[name].metadata)
    assert getattr(load({name.upper(): f"{high:.12g}"}), name) == high


@pytest.mark.parametrize("name", WHOLES + FLOATS)
def test_the_lowest_number_is_taken_unless_it_is_excluded(name: str) -> None:
    low, _, exclusive = bounds(name)
    environ = {name.upper(): f"{low:.12g}"}
    if exclusive:
        assert name.upper() in str(refused(environ))
    else:
        assert getattr(load(environ), name) == low


@given(name=st.sampled_from(WHOLES), distance=st.integers(1, 10**12), above=st.booleans())
def test_a_whole_number_beyond_its_bounds_is_refused(name: str, distance: int, above: bool) -> None:
    low, high, _ = bounds(name)
    value = int(high) + distance if above else int(low) - distance
    assert str(refused({name.upper(): str(value)})).startswith(f"{name.upper()}: '{value}' ")


@given(name=st.sampled_from(FLOATS), value=st.floats())
def test_a_number_is_taken_exactly_when_it_is_within_its_bounds(name: str, value: float) -> None:
    low, high, exclusive = bounds(name)
    environ = {name.upper(): repr(value)}
    if low <= value <= high and not (exclusive and value == low):
        assert getattr(load(environ), name) == value
    else:
        assert len(refused(environ).problems) == 1


@pytest.mark.parametrize("value", ["nan", "inf", "-inf", "1e999", "NaN", "Infinity"])
@pytest.mark.parametrize("name", FLOATS)
def test_no_number_may_be_nan_or_infinite(name: str, value: str) -> None:
    assert name.upper() in str(refused({name.upper(): value}))


@pytest.mark.parametrize("value", ["nan", "inf", "true", "2025-01-01", "[2]", "{a = 2}", "1.5"])
def test_a_toml_value_of_a_wrong_kind_is_refused(value: str, tmp_path: Path) -> None:
    toml = write(tmp_path / "parley.toml", f"stream_asr_lanes = {value}\n")
    message = str(refused(toml_file=toml))
    assert message.startswith("STREAM_ASR_LANES: ")
    assert message.endswith(f"allowed: whole number, 1 to 32 (from {toml})")


@pytest.mark.parametrize("value", ["1.5", "two", "0x10", "1" * 5000])
def test_text_that_is_no_whole_number_is_refused(value: str) -> None:
    assert len(refused({"STREAM_ASR_LANES": value}).problems) == 1


@pytest.mark.parametrize("rate", SAMPLE_RATES_HZ)
def test_the_usual_sample_rates_are_taken(rate: int) -> None:
    assert load({"AUDIO_SAMPLE_RATE": str(rate)}).framing.rate_hz == rate


@pytest.mark.parametrize("rate", ["0", "-16000", "11025", "16001", "96000"])
def test_other_sample_rates_are_refused(rate: str) -> None:
    assert "one of 8000, 16000, " in str(refused({"AUDIO_SAMPLE_RATE": rate}))


def test_only_mono_is_taken() -> None:
    assert load({"AUDIO_CHANNELS": "1"}).framing.channels == 1
    assert "only 1" in str(refused({"AUDIO_CHANNELS": "2"}))


@pytest.mark.parametrize("name", BOOLS)
@pytest.mark.parametrize("value", ["1", "true", "yes", "on", "TRUE", "On"])
def test_these_words_mean_true(name: str, value: str) -> None:
    assert getattr(load({name.upper(): value}), name) is True


@pytest.mark.parametrize("name", BOOLS)
@pytest.mark.parametrize("value", ["0", "false", "no", "off", "False", "OFF"])
def test_these_words_mean_false(name: str, value: str) -> None:
    assert getattr(load({name.upper(): value}), name) is False


@pytest.mark.parametrize("value", ["2", "maybe", "-1"])
def test_other_words_are_neither_true_nor_false(value: str) -> None:
    assert "yes/no" in str(refused({"STREAM_LOG_LATENCY": value}))


@pytest.mark.parametrize(("name", "choice"), [(n, c) for n, cs in CHOICES.items() for c in cs])
def test_a_choice_is_taken_in_any_case(name: str, choice: str) -> None:
    environ = {
        name.upper(): choice.upper(),
        "OPENAI_API_KEY": KEY,
        "STREAM_PIPER_VOICE": "v.onnx",
    }
    assert getattr(load(environ), name) == choice


@pytest.mark.parametrize("name", CHOICES)
def test_another_choice_is_refused_and_the_choices_are_named(name: str) -> None:
    message = str(refused({name.upper(): "gramophone"}))
    assert "'gramophone' is refused" in message
    assert all(choice in message for choice in CHOICES[name])


def test_a_choice_that_is_not_text_is_refused(tmp_path: Path) -> None:
    toml = write(tmp_path / "parley.toml", "stream_vad_engine = 3\n")
    assert "STREAM_VAD_ENGINE: 3 is refused" in str(refused(toml_file=toml))


@pytest.mark.parametrize(
    "url",
    ["https://api.example.com/v1", "HTTP://127.0.0.1:11434/v1", "http://[::1]:80", "http://h"],
)
def test_an_http_url_is_taken_as_it_stands(url: str) -> None:
    assert load({"OPENAI_BASE_URL": url}).answering.base_url == url


@pytest.mark.parametrize(
    "url",
    [
        "api.example.com/v1",
        "ftp://example.com",
        "https://",
        "https://:443",
        "http://[::1",
        "http://host:port",
        "http://host:70000",
        "http://two words/v1",
        "file:///etc/passwd",
    ],
)
def test_what_is_no_http_url_is_refused(url: str) -> None:
    assert "an http or https URL" in str(refused({"OPENAI_BASE_URL": url}))


def test_no_base_url_may_be_said_outright() -> None:
    assert Settings.defaults(openai_base_url=None, openai_api_key=None) == Settings()


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("PARLEY_PUBLIC_URL", "voice.example.org"),
        ("PARLEY_PUBLIC_URL", "wss://voice.example.org"),
        ("PARLEY_PUBLIC_URL", "https://user:pw@voice.example.org"),
        ("PARLEY_PUBLIC_URL", "https://voice.example.org/?a=1"),
        ("PARLEY_PUBLIC_URL", "https://voice.example.org:port"),
        ("PARLEY_TELEPHONE_NUMBER", "030 123456"),
        ("PARLEY_TELEPHONE_OPEN", "twilio, pigeons"),
        ("PARLEY_TELEPHONE_USER", "two:parts"),
        ("PARLEY_TELEPHONE_STREAM_TOKEN", "short"),
        ("PARLEY_TELEPHONE_STREAM_TOKEN", "with/a/slash/in/the/middle"),
    ],
)
def test_what_the_telephone_cannot_use_is_refused(variable: str, value: str) -> None:
    assert variable in str(refused({variable: value}))


def test_a_public_url_has_no_slash_at_its_end() -> None:
    url = load({"PARLEY_PUBLIC_URL": "https://voice.example.org/parley/"}).telephone.public_url
    assert url == "https://voice.example.org/parley"


# One error for everything


def test_every_problem_is_reported_at_once_with_name_value_rule_and_origin(tmp_path: Path) -> None:
    toml = write(tmp_path / "parley.toml", "parley_port = 70000\n")
    dotenv = write(tmp_path / ".env", "\n\nSTREAM_ASR_LANES=none\n")
    error = refused(
        {"STREAM_VAD_SILENCE_MS": "50", "STREAM_LLM_ENGINE": "openai"},
        overrides={"ws_ping_interval": 0},
        env_file=dotenv,
        toml_file=toml,
    )
    assert str(error).splitlines() == [
        "STREAM_LLM_ENGINE: 'openai' is refused; it needs OPENAI_API_KEY or OPENAI_BASE_URL "
        "(from the environment)",
        f"PARLEY_PORT: 70000 is refused; allowed: whole number, 0 to 65535 (from {toml})",
        "WS_PING_INTERVAL: 0 is refused; allowed: number, 0.1 to 3600 s "
        "(from an explicit override)",
        "STREAM_VAD_SILENCE_MS: '50' is refused; allowed: whole number, 300 to 2000 ms "
        "(from the environment)",
        f"STREAM_ASR_LANES: 'none' is refused; allowed: whole number, 1 to 32 "
        f"(from {dotenv} line 3)",
    ]


def test_an_exclusive_bound_is_said() -> None:
    message = str(refused({"VAD_ENERGY_THRESHOLD": "0"}))
    assert "allowed: number, above 0 to 1 (" in message


def test_a_long_value_is_cut_and_stays_on_one_line() -> None:
    message = str(refused({"STREAM_VAD_ENGINE": "a\nb" * 500}))
    assert len(message.splitlines()) == 1
    assert len(message) < 200


def test_bytes_that_are_no_text_are_refused() -> None:
    message = str(refused({"STREAM_SYSTEM_PROMPT": "caf\udce9"}))
    assert message.startswith("STREAM_SYSTEM_PROMPT: 'caf\\udce9' is refused; allowed: text")


def test_broken_files_are_reported_beside_bad_values(tmp_path: Path) -> None:
    toml = write(tmp_path / "parley.toml", "parley_port = \n")
    dotenv = tmp_path / ".env"
    dotenv.write_bytes(b"STREAM_ASR_LANES=2\n\xff\n")
    error = refused({"PARLEY_PORT": "x"}, env_file=dotenv, toml_file=toml)
    first, second, third = error.problems
    assert first == f"{dotenv}: cannot be read: not UTF-8 at byte 19"
    assert second.startswith(f"{toml}: not valid TOML: ")
    assert third.startswith("PARLEY_PORT: 'x' is refused")


def test_a_missing_toml_file_is_reported_with_the_variable_that_named_it(tmp_path: Path) -> None:
    path = tmp_path / "none.toml"
    assert str(refused({"PARLEY_CONFIG": str(path)})) == (
        f"PARLEY_CONFIG: {path}: there is no such file"
    )
    assert str(refused(toml_file=path)) == f"{path}: there is no such file"


def test_a_directory_in_place_of_the_toml_file_is_reported(tmp_path: Path) -> None:
    assert "it is a folder" in str(refused(toml_file=tmp_path))


def test_a_directory_in_place_of_the_dotenv_is_told_and_passed_over(tmp_path: Path) -> None:
    """A container's mount of a file that was not there makes a folder."""
    settings = load_settings(env_file=tmp_path, environ={"PARLEY_PORT": "9"})
    (warning,) = settings.warnings
    assert str(tmp_path) in warning and "it is a folder" in warning and "passed over" in warning
    assert settings.serving.port == 9


def test_toml_that_is_no_text_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "parley.toml"
    path.write_bytes(b"\x80")
    assert "not UTF-8" in str(refused(toml_file=path))


def test_bad_lines_of_a_dotenv_are_named_by_number_and_not_quoted(tmp_path: Path) -> None:
    dotenv = write(tmp_path / ".env", f"PARLEY_PORT=1\n\nOPENAI_API_KEY {KEY}\nA='{KEY}\n")
    message = str(refused(env_file=dotenv))
    assert message == f"{dotenv}: not NAME=value in line 3, 4"


def test_of_many_bad_lines_the_first_are_named(tmp_path: Path) -> None:
    dotenv = write(tmp_path / ".env", "A b\n" * 1000)
    message = str(refused(env_file=dotenv))
    assert message.endswith(
        "not NAME=value in line " + ", ".join(map(str, range(1, 21))) + " and 980 more"
    )


@pytest.mark.parametrize("name", ["/\x02a@b", "/a\nb", "/\x1b[31mred", "/a\0b", "/" + "a/" * 2000])
def test_a_path_is_told_in_one_line_that_can_be_read(name: str) -> None:
    (problem,) = refused({"PARLEY_CONFIG": name}).problems
    assert problem.startswith("PARLEY_CONFIG: ")
    assert problem.isprintable()
    assert len(problem) < 300


def test_a_name_given_twice_in_toml_is_reported(tmp_path: Path) -> None:
    toml = write(tmp_path / "parley.toml", "parley_port = 1\nPARLEY_PORT = 2\n")
    assert str(refused(toml_file=toml)) == f"PARLEY_PORT: given more than once (from {toml})"


def test_an_unreadable_file_does_not_make_a_missing_key_a_second_problem(tmp_path: Path) -> None:
    dotenv = write(tmp_path / ".env", "OPENAI_API_KEY oops\n")
    assert len(refused({"STREAM_LLM_ENGINE": "openai"}, env_file=dotenv).problems) == 1


def test_the_error_carries_no_trace_of_the_values_in_its_context() -> None:
    error = refused({"PARLEY_PORT": "x"})
    assert error.__context__ is None
    assert error.__cause__ is None


# Unknown names


def test_an_unknown_name_with_our_prefix_is_a_warning_with_a_suggestion() -> None:
    settings = load({"STREAM_VAD_SILENCE": "1", "WS_PING_INTERVALL": "1"})
    assert settings.warnings == (
        "STREAM_VAD_SILENCE: no such setting (from the environment); "
        "did you mean STREAM_VAD_SILENCE_MS?",
        "WS_PING_INTERVALL: no such setting (from the environment); did you mean WS_PING_INTERVAL?",
    )


def test_an_unknown_name_that_resembles_nothing_gets_no_suggestion() -> None:
    assert load({"AUDIO_QZX": "1"}).warnings == (
        "AUDIO_QZX: no such setting (from the environment)",
    )


def test_strangers_in_the_environment_and_in_dotenv_are_left_alone(tmp_path: Path) -> None:
    dotenv = write(tmp_path / ".env", "OPENAI_PROJECT=p\nPATH=/bin\n")
    assert load({"OPENAI_ORG_ID": "o", "HOME": "/"}, env_file=dotenv).warnings == ()


def test_a_lower_case_name_in_the_environment_is_an_unknown_name() -> None:
    settings = load({"stream_asr_lanes": "5"})
    assert settings.stream_asr_lanes == 2
    assert "did you mean STREAM_ASR_LANES?" in settings.warnings[0]


def test_every_unknown_name_in_toml_and_overrides_is_a_warning(tmp_path: Path) -> None:
    toml = write(tmp_path / "parley.toml", "openai_modell = 'x'\nparley_config = 'y'\n[parley]\n")
    settings = load(toml_file=toml, overrides={"port": 1})
    model, config, table, port = settings.warnings
    assert "did you mean OPENAI_MODEL?" in model
    assert "only the environment and .env can name the TOML file" in config
    assert "not in a table" in table
    assert port.startswith("port: no such setting (from an explicit override)")


def test_a_warning_shows_no_value_and_stays_on_one_line() -> None:
    (warning,) = load({"STREAM_API_KEY\n": KEY}).warnings
    assert KEY not in warning
    assert len(warning.splitlines()) == 1


def test_the_error_carries_the_warnings_too() -> None:
    error = refused({"PARLEY_PORT": "x", "PARLEY_PROT": "1"})
    assert "did you mean PARLEY_PORT?" in error.warnings[0]


# Secrets


def test_the_key_shows_in_no_text_made_of_settings() -> None:
    settings = load({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://user:hunter2@host/v1"})
    assert settings.answering.api_key is not None
    assert settings.answering.api_key.get_secret_value() == KEY
    for text in (repr(settings), str(settings), repr(settings.answering)):
        assert KEY not in text
        assert "hunter2" not in text
    assert KEY not in settings.model_dump_json()


@pytest.mark.parametrize("key", ["two words", "sk-\u201cquoted\u201d", "tab\tbed", "caf\udce9"])
def test_a_key_that_no_header_can_carry_is_refused_unseen(key: str) -> None:
    message = str(refused({"OPENAI_API_KEY": key}))
    assert message == (
        "OPENAI_API_KEY: the value (not shown) is refused; "
        "allowed: printable ASCII without spaces (from the environment)"
    )


def test_a_key_that_is_no_text_is_refused_unseen(tmp_path: Path) -> None:
    toml = write(tmp_path / "parley.toml", "openai_api_key = 123456789\n")
    message = str(refused(toml_file=toml))
    assert "the value (not shown)" in message
    assert "123456789" not in message


def test_an_empty_key_cannot_be_set_in_code() -> None:
    with pytest.raises(ValidationError):
        Settings.defaults(openai_api_key="")


def test_a_validation_error_does_not_quote_what_it_was_given() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.defaults(openai_api_key="my secret")
    assert "my secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["ftp://user:hunter2@host", "user:hunter2@host", "http://u:hunter2@h:p", "ftp://h/?k=hunter2"],
)
def test_a_refused_base_url_is_quoted_without_its_password(url: str) -> None:
    assert "hunter2" not in str(refused({"OPENAI_BASE_URL": url}))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://host/v1", "https://host/v1"),
        ("https://user:pw@host:8080/v1", "https://host:8080/v1"),
        ("http://key@[::1]:80/v1?api_key=x#y", "http://[::1]:80/v1"),
        ("https://u:p@w@host/v1", "https://host/v1"),
        ("user:pw://x@host", "host"),
    ],
)
def test_credentials_are_cut_out_of_a_url(url: str, shown: str) -> None:
    assert without_credentials(url) == shown


@given(password=st.text(min_size=1).map(lambda text: f"hunter2{text}hunter2"))
def test_no_password_survives_in_front_of_the_host(password: str) -> None:
    assert "hunter2" not in without_credentials(f"https://user:{password}@host/v1")


def test_the_public_snapshot_is_json_without_secrets() -> None:
    settings = load({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "https://u:hunter2@host/v1?k=1"})
    snapshot = settings.public()
    text = json.dumps(snapshot, allow_nan=False)
    assert KEY not in text
    assert "hunter2" not in text
    assert "openai_api_key" not in snapshot
    assert snapshot["openai_api_key_set"] is True
    assert snapshot["openai_base_url"] == "https://host/v1"
    assert snapshot["stream_vad_silence_ms"] == 700
    assert len(snapshot) == len(FIELDS)


def test_the_public_snapshot_says_when_there_is_no_key() -> None:
    snapshot = Settings().public()
    assert snapshot["openai_api_key_set"] is False
    assert snapshot["openai_base_url"] is None


# Slices


@pytest.mark.parametrize(
    ("environ", "engine"),
    [
        ({}, "found"),
        ({"STREAM_LLM_ENGINE": "local"}, "local"),
        ({"STREAM_GGUF_MODEL": "/m.gguf", "OPENAI_API_KEY": KEY}, "gguf"),
        ({"OPENAI_API_KEY": KEY}, "openai"),
        ({"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}, "openai"),
        ({"OPENAI_API_KEY": KEY, "STREAM_LLM_ENGINE": "local"}, "local"),
        ({"OPENAI_API_KEY": KEY, "STREAM_LLM_ENGINE": "OpenAI"}, "openai"),
    ],
)
def test_the_answering_engine_is_decided(environ: dict[str, str], engine: str) -> None:
    assert load(environ).answering.engine == engine


@pytest.mark.parametrize(("part", "kind"), [("speaking", "TTS"), ("transcribing", "ASR")])
@pytest.mark.parametrize(
    ("given", "url", "key"),
    [
        ({}, None, None),
        ({"OPENAI_API_KEY": KEY}, None, KEY),
        ({"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": "http://a"}, "http://a", KEY),
        ({"OPENAI_API_KEY": KEY, "OPENAI_X_BASE_URL": "http://b"}, "http://b", None),
        ({"OPENAI_API_KEY": KEY, "OPENAI_X_API_KEY": "sk-own"}, None, "sk-own"),
        ({"OPENAI_X_BASE_URL": "http://b", "OPENAI_X_API_KEY": "sk-own"}, "http://b", "sk-own"),
    ],
)
def test_a_key_goes_to_its_own_server_and_to_no_other(
    part: str, kind: str, given: dict[str, str], url: str | None, key: str | None
) -> None:
    settings = load({name.replace("_X_", f"_{kind}_"): value for name, value in given.items()})
    slice_ = getattr(settings, part)
    assert slice_.base_url == url
    assert (slice_.api_key and slice_.api_key.get_secret_value()) == key
    assert key is None or key not in repr(slice_)


@pytest.mark.parametrize(
    ("variable", "choice", "enough"),
    [
        ("STREAM_TTS_ENGINE", "openai", {"OPENAI_TTS_BASE_URL": "http://h"}),
        ("STREAM_TTS_ENGINE", "openai", {"OPENAI_API_KEY": KEY}),
        ("STREAM_ASR_ENGINE", "openai", {"OPENAI_ASR_API_KEY": KEY}),
        ("STREAM_ASR_ENGINE", "openai", {"OPENAI_BASE_URL": "http://h"}),
    ],
)
def test_an_engine_is_refused_without_what_it_needs(
    variable: str, choice: str, enough: dict[str, str]
) -> None:
    problem = str(refused({variable: choice}))
    assert problem.startswith(f"{variable}: '{choice}' is refused; it needs ")
    assert next(iter(enough)) in problem
    assert load({variable: choice} | enough).warnings == ()


def test_each_endpoint_has_its_own_silence() -> None:
    settings = load({"STREAM_VAD_SILENCE_MS": "500", "VAD_SILENCE_DURATION_MS": "900"})
    assert settings.hearing.silence_ms == 500
    assert settings.hearing_io_speech.silence_ms == 900
    assert settings.hearing_io_speech == dataclasses.replace(settings.hearing, silence_ms=900)


def test_stream_and_engine_choose_a_detector_or_have_that_of_the_others() -> None:
    settings = load({"STREAM_VAD_ENGINE": "silero", "VAD_ENGINE": "energy"})
    assert settings.hearing_for("prompt-voice").vad_engine == "silero"
    assert settings.hearing_for("io-speech").vad_engine == "energy"
    assert settings.hearing_for("newspeech") == settings.hearing
    chosen = load({"PARLEY_ENGINE_VAD": "NewSpeech", "VAD_SENSITIVITY": "0.9"})
    assert chosen.hearing_for("newspeech").vad_engine == "newspeech"
    assert chosen.hearing_for("newspeech").sensitivity == 0.9
    assert chosen.hearing_for("io-speech").vad_engine == "auto"


def test_a_telephone_is_heard_in_a_narrow_band_and_with_less_certainty() -> None:
    settings = load({"STREAM_VAD_SILENCE_MS": "600"})
    for dialect in TELEPHONE:
        heard = settings.hearing_for(dialect)
        assert (heard.narrow_band, heard.threshold, heard.silence_ms) == (True, 0.3, 600)
    assert settings.hearing_for("prompt-voice", telephone=True) == settings.hearing_telephone
    assert not settings.hearing_for("prompt-voice").narrow_band
    chosen = load({"STREAM_VAD_THRESHOLD": "0.5"})
    assert chosen.hearing_telephone.threshold == 0.5


SLICE_VARIABLES = {
    "hearing.vad_engine": ("STREAM_VAD_ENGINE", "energy"),
    "hearing.vad_aggressiveness": ("STREAM_VAD_AGGRESSIVENESS", 3),
    "hearing.threshold": ("STREAM_VAD_THRESHOLD", 0.7),
    "hearing.silence_ms": ("STREAM_VAD_SILENCE_MS", 301),
    "hearing.min_speech_ms": ("STREAM_MIN_SPEECH_MS", 302),
    "hearing.speech_pad_ms": ("VAD_SPEECH_PAD_MS", 303),
    "hearing.onset_ms": ("STREAM_ONSET_MS", 304),
    "hearing.max_utterance_ms": ("STREAM_MAX_UTTERANCE_MS", 1305),
    "hearing.partial_interval_ms": ("STREAM_PARTIAL_INTERVAL_MS", 306),
    "hearing.partial_min_gap_ms": ("STREAM_PARTIAL_MIN_GAP_MS", 307),
    "hearing.energy_threshold": ("VAD_ENERGY_THRESHOLD", 0.308),
    "hearing.sensitivity": ("VAD_SENSITIVITY", 0.31),
    "hearing.pause_ms": ("STREAM_TURN_PAUSE_MS", 161),
    "hearing.floor_ms": ("STREAM_TURN_FLOOR_MS", 262),
    "hearing.ceiling_ms": ("STREAM_TURN_CEILING_MS", 1563),
    "turning.engine": ("STREAM_TURN_ENGINE", "both"),
    "turning.language": ("STREAM_LANGUAGE", "de"),
    "turning.backchannels": ("STREAM_BACKCHANNELS", False),
    "turning.model": ("STREAM_TURN_MODEL", "/models/turn.onnx"),
    "turning.models_dir": ("PARLEY_MODELS_DIR", "/srv/models"),
    "turning.learns": ("STREAM_TURN_LEARNS", False),
    "turning.back_off": ("STREAM_TURN_BACK_OFF", 1.5),
    "turning.back_off_most": ("STREAM_TURN_BACK_OFF_MOST", 2.5),
    "turning.recovery": ("STREAM_TURN_RECOVERY", 0.25),
    "turning.take_back_ms": ("STREAM_TURN_TAKE_BACK_MS", 1100),
    "turning.unfinished": ("STREAM_TURN_UNFINISHED", "ask"),
    "turning.asks": ("STREAM_TURN_ASKS", "Hm?"),
    "hearing_io_speech.vad_engine": ("VAD_ENGINE", "silero"),
    "hearing_newspeech.vad_engine": ("PARLEY_ENGINE_VAD", "newspeech"),
    "hearing_io_speech.silence_ms": ("VAD_SILENCE_DURATION_MS", 309),
    "transcribing.engine": ("STREAM_ASR_ENGINE", "pocketsphinx"),
    "transcribing.moonshine_model": ("STREAM_MOONSHINE_MODEL", "/moon"),
    "transcribing.whisper_model": ("STREAM_MODEL_WHISPER", "tiny"),
    "transcribing.may_download": ("STREAM_MODEL_DOWNLOAD", True),
    "transcribing.models_dir": ("PARLEY_MODELS_DIR", "/srv/models"),
    "transcribing.language": ("STREAM_LANGUAGE", "auto"),
    "transcribing.languages": ("STREAM_LANGUAGES", "de, en"),
    "transcribing.timeout_s": ("STREAM_ASR_TIMEOUT_S", 11.0),
    "transcribing.lanes": ("STREAM_ASR_LANES", 12),
    "transcribing.model": ("OPENAI_ASR_MODEL", "m"),
    "transcribing.beam": ("STREAM_WHISPER_BEAM", 3),
    "transcribing.threads": ("STREAM_WHISPER_THREADS", 2),
    "transcribing.partials": ("OPENAI_ASR_PARTIALS", True),
    "transcribing.base_url": ("OPENAI_ASR_BASE_URL", "http://h/13"),
    "transcribing.api_key": ("OPENAI_ASR_API_KEY", SecretStr("k")),
    "answering.engine": ("STREAM_LLM_ENGINE", "local"),
    "answering.model": ("OPENAI_MODEL", "m"),
    "speaking.kokoro_model": ("STREAM_KOKORO_MODEL", "/k.onnx"),
    "speaking.kokoro_voices": ("STREAM_KOKORO_VOICES", "/v.bin"),
    "speaking.kokoro_voice": ("STREAM_KOKORO_VOICE", "am_puck"),
    "answering.named_model": ("OPENAI_MODEL", "n"),
    "answering.gguf": ("STREAM_GGUF_MODEL", "/m.gguf"),
    "answering.own_port": ("PARLEY_PORT", 1024),
    "answering.own_engine_port": ("PARLEY_ENGINE_PORT", 1025),
    "answering.max_tokens": ("OPENAI_MAX_TOKENS", 21),
    "answering.temperature": ("OPENAI_TEMPERATURE", 0.22),
    "answering.base_url": ("OPENAI_BASE_URL", "http://h/23"),
    "answering.api_key": ("OPENAI_API_KEY", SecretStr("k")),
    "answering.timeout_s": ("STREAM_LLM_TIMEOUT_S", 24.0),
    "answering.first_token_timeout_s": ("STREAM_LLM_FIRST_TOKEN_S", 25.0),
    "answering.first_word_timeout_s": ("STREAM_LLM_FIRST_WORD_S", 71.0),
    "answering.gap_timeout_s": ("STREAM_LLM_GAP_S", 26.0),
    "answering.failure_sentence": ("STREAM_FAILURE_SENTENCE", "Sorry?"),
    "answering.language": ("STREAM_LANGUAGE", "de"),
    "fallback.model": ("OPENAI_FALLBACK_MODEL", "f"),
    "fallback.base_url": ("OPENAI_FALLBACK_BASE_URL", "http://h/72"),
    "fallback.api_key": ("OPENAI_FALLBACK_API_KEY", SecretStr("k")),
    "answering.system_prompt": ("STREAM_SYSTEM_PROMPT", "Be brief."),
    "answering.language_note": ("STREAM_LANGUAGE_NOTE", False),
    "answering.memory_turns": ("STREAM_MEMORY_TURNS", 27),
    "answering.interruption_mark": ("STREAM_INTERRUPTION_MARK", "--"),
    "answering.speculations": ("STREAM_SPECULATIONS", 4),
    "answering.retries": ("STREAM_LLM_RETRIES", 3),
    "answering.tool_rounds": ("STREAM_TOOL_ROUNDS", 6),
    "turning.min_words": ("STREAM_INTERRUPT_MIN_WORDS", 2),
    "silence.ask_after_s": ("STREAM_SILENCE_ASK_S", 7.0),
    "silence.question": ("STREAM_SILENCE_QUESTION", "Hello?"),
    "silence.end_after_s": ("STREAM_SILENCE_END_S", 8.0),
    "silence.goodbye": ("STREAM_SILENCE_GOODBYE", "Bye."),
    "acting.system_prompt": ("STREAM_SYSTEM_PROMPT", "Be brief."),
    "acting.greeting": ("STREAM_GREETING", "Hello."),
    "acting.greeting_interruptible": ("STREAM_GREETING_INTERRUPTIBLE", False),
    "acting.mcp_servers": ("STREAM_MCP_SERVERS", "http://h/73"),
    "acting.tool_timeout_s": ("STREAM_TOOL_TIMEOUT_S", 9.0),
    "acting.tool_filler": ("STREAM_TOOL_FILLER", "Wait."),
    "acting.tool_filler_s": ("STREAM_TOOL_FILLER_S", 1.5),
    "acting.language": ("STREAM_LANGUAGE", "de"),
    "acting.tables": (
        "STREAM_SPEECH_TABLES",
        str(Path(__file__).with_name("speech_tables.toml")),
    ),
    "speaking.engine": ("STREAM_TTS_ENGINE", "pyttsx3"),
    "speaking.models_dir": ("PARLEY_MODELS_DIR", "/m"),
    "speaking.language": ("STREAM_LANGUAGE", "de"),
    "speaking.voice": ("STREAM_TTS_VOICE", "en-us+f3"),
    "speaking.voices": ("STREAM_VOICES", "de=de+f2, fr=/v/siwis.onnx"),
    "speaking.rate_wpm": ("STREAM_TTS_RATE_WPM", 137),
    "speaking.volume": ("STREAM_TTS_VOLUME", 0.38),
    "speaking.piper_voice": ("STREAM_PIPER_VOICE", "voices/v.onnx"),
    "speaking.model": ("OPENAI_TTS_MODEL", "m"),
    "speaking.captions": ("OPENAI_TTS_CAPTIONS", True),
    "speaking.model_voice": ("OPENAI_TTS_VOICE", "coral"),
    "speaking.base_url": ("OPENAI_TTS_BASE_URL", "http://h/39"),
    "speaking.api_key": ("OPENAI_TTS_API_KEY", SecretStr("k")),
    "speaking.workers": ("STREAM_TTS_THREAD_WORKERS", 31),
    "speaking.timeout_s": ("STREAM_TTS_TIMEOUT_S", 32.0),
    "speaking.max_phrase_chars": ("STREAM_TTS_MAX_PHRASE_LENGTH", 33),
    "speaking.phrases": ("STREAM_PHRASES", "short"),
    "speaking.tables": (
        "STREAM_SPEECH_TABLES",
        str(Path(__file__).with_name("speech_tables.toml")),
    ),
    "speaking.max_sentence_chars": ("STREAM_MAX_SENTENCE_LENGTH", 180),
    "speaking.first_phrase_chars": ("STREAM_FIRST_PHRASE_CHARS", 17),
    "speaking.phrase_gap_ms": ("STREAM_TTS_PHRASE_GAP_MS", 134),
    "speaking.max_pending_phrases": ("STREAM_MAX_PENDING_PHRASES", 35),
    "speaking.reply_lead_ms": ("STREAM_REPLY_LEAD_MS", 136),
    "serving.host": ("PARLEY_HOST", "::1"),
    "serving.port": ("PARLEY_PORT", 41),
    "serving.engine_port": ("PARLEY_ENGINE_PORT", 48),
    "serving.audiosocket_port": ("PARLEY_AUDIOSOCKET_PORT", 51),
    "serving.workers": ("PARLEY_WORKERS", 7),
    "serving.max_connections": ("WS_MAX_CONNECTIONS", 42),
    "serving.ping_interval_s": ("WS_PING_INTERVAL", 43.0),
    "serving.ping_timeout_s": ("WS_PING_TIMEOUT", 44.0),
    "serving.idle_timeout_s": ("WS_IDLE_TIMEOUT", 45.0),
    "serving.drain_s": ("STREAM_DRAIN_S", 46.0),
    "serving.send_stall_s": ("STREAM_SEND_STALL_S", 47.0),
    "serving.resume_s": ("PARLEY_RESUME_S", 61.0),
    "admitting.host": ("PARLEY_HOST", "::1"),
    "admitting.insecure": ("PARLEY_INSECURE", True),
    "admitting.token": ("PARLEY_TOKEN", SecretStr("a-token-of-one's-own")),
    "admitting.tokens_file": ("PARLEY_TOKENS_FILE", "/srv/tokens.toml"),
    "admitting.admin_token": ("PARLEY_ADMIN_TOKEN", SecretStr("another-token-of-one")),
    "admitting.admin_host": ("PARLEY_ADMIN_HOST", "::1"),
    "admitting.admin_port": ("PARLEY_ADMIN_PORT", 8085),
    "admitting.hosts": ("PARLEY_HOSTS", "Voice.example.org"),
    "admitting.pages": ("STREAM_CORS_ORIGINS", "https://page.example.org"),
    "admitting.proxies": ("PARLEY_TRUSTED_PROXIES", "10.0.0.0/8"),
    "admitting.tls_cert": ("PARLEY_TLS_CERT", "/srv/cert.pem"),
    "admitting.tls_key": ("PARLEY_TLS_KEY", "/srv/key.pem"),
    "address_limits.sessions": ("PARLEY_ADDRESS_SESSIONS", 3),
    "address_limits.handshakes_per_s": ("PARLEY_ADDRESS_HANDSHAKES", 4.0),
    "address_limits.bytes_per_s": ("PARLEY_ADDRESS_BYTES", 5),
    "address_limits.audio_s_per_hour": ("PARLEY_ADDRESS_AUDIO_S", 6.0),
    "address_limits.characters_per_hour": ("PARLEY_ADDRESS_CHARACTERS", 7),
    "address_limits.requests_per_hour": ("PARLEY_ADDRESS_REQUESTS", 8),
    "serving.upload_mb": ("STREAM_UPLOAD_MB", 49),
    "serving.upload_s": ("STREAM_UPLOAD_S", 50.0),
    "serving.agent_host": ("PARLEY_AGENT_HOST", "10.0.0.5"),
    "serving.agent_port": ("PARLEY_AGENT_PORT", 8087),
    "load.loop_lag_ms": ("STREAM_MAX_LOOP_LAG_MS", 1054),
    "recording.archive": ("STREAM_RECORD_ARCHIVE", "s3://bucket/folder"),
    "load.cpu_share": ("STREAM_MAX_CPU_SHARE", 0.57),
    "load.lane_wait_ms": ("STREAM_MAX_LANE_WAIT_MS", 1055),
    "load.talking_share": ("STREAM_MAX_TALKING_SHARE", 0.56),
    "clustering.store_url": ("PARLEY_STORE_URL", "redis://:k@store.example.org:6380/1"),
    "clustering.store_ca": ("PARLEY_STORE_CA", "/srv/ca.pem"),
    "clustering.node": ("PARLEY_NODE", "berlin-1"),
    "clustering.advertise": ("PARLEY_ADVERTISE", "http://10.0.0.7:8085"),
    "clustering.shared_key": ("PARLEY_SHARED_KEY", SecretStr("k" * 16)),
    "framing.rate_hz": ("AUDIO_SAMPLE_RATE", 48_000),
    "framing.channels": ("AUDIO_CHANNELS", 1),
    "framing.chunk_ms": ("AUDIO_CHUNK_MS", 52),
    "framing.pcm_chunk_samples": ("STREAM_PCM_CHUNK_SIZE", 1053),
    "backpressure.threshold": ("STREAM_BACKPRESSURE_THRESHOLD", 61),
    "backpressure.skip_frames": ("STREAM_BACKPRESSURE_SKIP_FRAMES", 62),
    "observing.log_level": ("STREAM_LOG_LEVEL", "debug"),
    "observing.log_format": ("STREAM_LOG_FORMAT", "json"),
    "observing.log_latency": ("STREAM_LOG_LATENCY", False),
    "observing.log_transcripts": ("STREAM_LOG_TRANSCRIPTS", True),
    "observing.traces": ("PARLEY_TRACES", True),
    "recording.folder": ("STREAM_RECORD_DIR", "/srv/recordings"),
    "recording.on_request": ("STREAM_RECORD_ON_REQUEST", "off"),
    "recording.share": ("STREAM_RECORD_SHARE", 0.61),
    "recording.audio": ("STREAM_RECORD_AUDIO", False),
    "recording.text": ("STREAM_RECORD_TEXT", False),
    "recording.keep_days": ("STREAM_RECORD_KEEP_DAYS", 62.0),
    "recording.keep_mb": ("STREAM_RECORD_KEEP_MB", 63),
    "telephone.public_url": ("PARLEY_PUBLIC_URL", "https://voice.example.org"),
    "telephone.stream_token": ("PARLEY_TELEPHONE_STREAM_TOKEN", SecretStr("k" * 16)),
    "telephone.user": ("PARLEY_TELEPHONE_USER", "asterisk"),
    "telephone.password": ("PARLEY_TELEPHONE_PASSWORD", SecretStr("k")),
    "telephone.open": ("PARLEY_TELEPHONE_OPEN", "asterisk, Twilio"),
    "telephone.token": ("PARLEY_TELEPHONE_TOKEN", SecretStr("k")),
    "telephone.number": ("PARLEY_TELEPHONE_NUMBER", "+4930123456"),
    "telephone.host": ("PARLEY_HOST", "::1"),
    "carriers.twilio_account_sid": ("PARLEY_TWILIO_ACCOUNT_SID", SecretStr("k")),
    "carriers.twilio_auth_token": ("PARLEY_TWILIO_AUTH_TOKEN", SecretStr("k")),
    "carriers.twilio_shared_key": ("PARLEY_TWILIO_SHARED_KEY", SecretStr("k")),
    "carriers.twilio_base_url": ("PARLEY_TWILIO_BASE_URL", "http://h/81"),
    "carriers.signalwire_project_id": ("PARLEY_SIGNALWIRE_PROJECT_ID", SecretStr("k")),
    "carriers.signalwire_api_token": ("PARLEY_SIGNALWIRE_API_TOKEN", SecretStr("k")),
    "carriers.signalwire_signing_key": ("PARLEY_SIGNALWIRE_SIGNING_KEY", SecretStr("k")),
    "carriers.signalwire_base_url": ("PARLEY_SIGNALWIRE_BASE_URL", "http://h/81"),
    "carriers.telnyx_api_key": ("PARLEY_TELNYX_API_KEY", SecretStr("k")),
    "carriers.telnyx_public_key": ("PARLEY_TELNYX_PUBLIC_KEY", SecretStr("k")),
    "carriers.telnyx_stream_token": ("PARLEY_TELNYX_STREAM_TOKEN", SecretStr("k")),
    "carriers.telnyx_connection_id": ("PARLEY_TELNYX_CONNECTION_ID", SecretStr("k")),
    "carriers.telnyx_base_url": ("PARLEY_TELNYX_BASE_URL", "http://h/81"),
    "carriers.plivo_auth_id": ("PARLEY_PLIVO_AUTH_ID", SecretStr("k")),
    "carriers.plivo_auth_token": ("PARLEY_PLIVO_AUTH_TOKEN", SecretStr("k")),
    "carriers.plivo_base_url": ("PARLEY_PLIVO_BASE_URL", "http://h/81"),
    "carriers.vonage_application_id": ("PARLEY_VONAGE_APPLICATION_ID", SecretStr("k")),
    "carriers.vonage_private_key_file": ("PARLEY_VONAGE_PRIVATE_KEY_FILE", "/k.pem"),
    "carriers.vonage_signature_secret": ("PARLEY_VONAGE_SIGNATURE_SECRET", SecretStr("k")),
    "carriers.vonage_base_url": ("PARLEY_VONAGE_BASE_URL", "http://h/81"),
    "carriers.genesys_api_key": ("PARLEY_GENESYS_API_KEY", SecretStr("k")),
    "carriers.genesys_client_secret": ("PARLEY_GENESYS_CLIENT_SECRET", SecretStr("k")),
}


DECIDED = {
    "off": False,
    "de, en": ("de", "en"),
    "asterisk, Twilio": ("asterisk", "twilio"),
    "https://page.example.org": ("https://page.example.org",),
    "Voice.example.org": ("voice.example.org",),
    "10.0.0.0/8": (ip_network("10.0.0.0/8"),),
    "http://h/73": (McpServer(name="h", url="http://h/73"),),
    "de=de+f2, fr=/v/siwis.onnx": (("de", "de+f2"), ("fr", "/v/siwis.onnx")),
}
"""What slices make of values."""


@pytest.mark.parametrize("path", SLICE_VARIABLES)
def test_a_variable_reaches_its_place_in_a_slice(path: str) -> None:
    variable, value = SLICE_VARIABLES[path]
    part, name = path.split(".")
    decided = DECIDED.get(str(value), value)
    assert getattr(getattr(load(overrides={variable: value}), part), name) == decided


def test_every_variable_is_in_a_slice_and_every_slice_field_has_a_variable() -> None:
    named = {f"{part}.{f.name}" for part in SLICES for f in dataclasses.fields(slice_of(part))}
    shared = {path for path in named if path.startswith(("hearing_io_", "hearing_newspeech."))}
    shared |= {"hearing.narrow_band"}  # which follows from the dialect
    assert named - shared == set(SLICE_VARIABLES) - shared
    assert {variable.lower() for variable, _ in SLICE_VARIABLES.values()} == set(FIELDS)


def slice_of(part: str) -> type:
    return type(getattr(Settings(), part))


@pytest.mark.parametrize("part", SLICES)
def test_a_slice_is_frozen(part: str) -> None:
    piece = getattr(Settings(), part)
    name = dataclasses.fields(piece)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(piece, name, None)


# The reference


def documented() -> dict[str, str]:
    """The rows of docs/CONFIGURATION.md by variable. No variable may have two."""
    text = (ROOT / "docs" / "CONFIGURATION.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([A-Z_]+)` \|.*$", text, flags=re.MULTILINE)
    assert len(rows) == len(set(rows))
    return {
        match.group(1): match.group(0)
        for match in re.finditer(r"^\| `([A-Z_]+)` \|.*$", text, flags=re.MULTILINE)
    }


def test_the_reference_has_no_stale_rows_and_misses_none() -> None:
    assert set(documented()) == {name.upper() for name in FIELDS}


@pytest.mark.parametrize("name", FIELDS)
def test_the_reference_says_of_a_variable_what_the_model_says(name: str) -> None:
    field = FIELDS[name]
    default = default_text(field)
    shown = default if default == "unset" else f"`{default}`"
    row = f"| `{name.upper()}` | {shown} | {allowed(field)} | {field.description} |"
    assert documented()[name.upper()] == row


def test_the_toml_example_of_the_reference_can_be_loaded(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "CONFIGURATION.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```toml\n(.*?)```", text, flags=re.DOTALL)
    settings = load(toml_file=write(tmp_path / "parley.toml", example))
    assert settings.stream_vad_silence_ms == 500
    assert settings.warnings == ()


def test_the_dotenv_example_of_the_reference_can_be_loaded(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "CONFIGURATION.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```sh\n(.*?)```", text, flags=re.DOTALL)
    toml = write(tmp_path / "parley.toml", "")
    settings = load(env_file=write(tmp_path / ".env", example), toml_file=toml)
    assert settings.stream_vad_silence_ms == 500
    assert settings.stream_system_prompt == "You are a ship's cook."
    assert settings.warnings == ()


def test_a_file_of_speech_tables_is_read_and_looked_at(tmp_path: Path) -> None:
    good = write(tmp_path / "good.toml", '[en]\nnever_end = ["Cmdr"]\n')
    assert load({"STREAM_SPEECH_TABLES": str(good)}).speaking.tables == str(good)
    bad = write(tmp_path / "bad.toml", "[en]\nmonths = 3\n")
    told = str(refused({"STREAM_SPEECH_TABLES": str(bad)}))
    assert "STREAM_SPEECH_TABLES" in told
    assert "months" in told
    assert "cannot be read" in str(refused({"STREAM_SPEECH_TABLES": str(tmp_path / "none.toml")}))

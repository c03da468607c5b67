"""The doctor: what it finds, what it advises, and how it shows that."""

from __future__ import annotations

import importlib.util
import io
import math
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
import trio
import trio.testing
from huggingface_hub import constants
from rich.console import Console

import parley.commands.doctor
from parley.commands.doctor import ANSWER_S, Check, examine, show
from parley.config import Settings
from parley.engines.asr.scripted import ScriptedTranscriber
from parley.engines.failures import EngineFailure, EngineUnavailable, LaneLost
from parley.engines.kit import Engines
from parley.engines.llm.interface import Alive, Remark
from parley.engines.llm.scripted import HANG, ScriptedResponder, Step
from parley.engines.room import EngineRoom, open_engine_room
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.vad.scripted import ScriptedDetector
from support.whisper_folder import write_model

Clock = trio.testing.MockClock

SETTINGS = Settings.defaults(parley_port=0)


def room_with(
    monkeypatch: pytest.MonkeyPatch,
    *,
    detector: Callable[[], ScriptedDetector] = ScriptedDetector,
    transcriber: ScriptedTranscriber | None = None,
    synthesizer: ScriptedSynthesizer | None = None,
    reply: tuple[Step, ...] = ("Hello", " you."),
    second: ScriptedResponder | None = None,
    **chosen: str,
) -> None:
    """Let the doctor find these engines."""
    room = EngineRoom(
        settings=Settings(),
        engines=Engines(
            detector=lambda session: detector(),
            transcriber=lambda session: transcriber or hears_hello(),
            responder=ScriptedResponder([reply], second=second),
            synthesizer=synthesizer or ScriptedSynthesizer(rate_hz=22_050),
        ),
        lanes=(),
        chosen={"vad": "ears", "turn": "fixed", "asr": "sphinx", "llm": "parrot", "tts": "voice"}
        | chosen,
    )

    @asynccontextmanager
    async def open_room(settings: Settings) -> AsyncIterator[EngineRoom]:
        yield room

    monkeypatch.setattr(parley.commands.doctor, "open_engine_room", open_room)


def hears_hello() -> ScriptedTranscriber:
    """It takes the scripted voice's silence for speech."""
    return ScriptedTranscriber(["hello world"], shortest_ms=0)


async def engines() -> dict[str, Check]:
    return {check.name: check for check in await parley.commands.doctor._engines(SETTINGS)}


def shown(*checks: Check, width: int = 120) -> str:
    out = io.StringIO()
    show(list(checks), Console(file=out, width=width))
    return out.getvalue()


# The engines


async def test_engines_that_work_are_used_and_described(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    room_with(monkeypatch)
    checks = await engines()
    assert [(c.name, c.ok, c.needed) for c in checks.values()] == [
        (name, True, True) for name in ("vad", "turn", "tts", "asr", "llm")
    ]
    assert [c.detail for c in checks.values()] == [
        "ears, frames of 20 ms",
        "fixed",
        "voice: 0.5 s of speech at 22050 Hz",
        "sphinx: heard 'hello world' for 'hello world', 0.00 of real time",
        "parrot: answers 'Hello you.'",
    ]


async def test_what_an_engine_said_when_it_was_loaded_is_told_with_what_to_do() -> None:
    async with open_engine_room(Settings.defaults(stream_asr_engine="pocketsphinx")) as room:
        for lane in room.lanes:
            lane.remark = "Whisper runs on the CPU; pip install what is missing"
    assert parley.commands.doctor._remarks(room) == [
        Check(
            name="note",
            ok=False,
            detail="Whisper runs on the CPU",
            advice="pip install what is missing",
            needed=False,
        )
    ]


async def test_detectors_that_differ_between_endpoints_are_all_tried() -> None:
    settings = Settings.defaults(
        stream_vad_engine="webrtc", vad_engine="energy", parley_engine_vad="silero"
    )
    async with open_engine_room(settings) as room:
        check = parley.commands.doctor._vad(room, settings)
    assert check.detail == (
        "webrtc (energy on /stream, silero on /engine), frames of 30 or 20 or 32 ms"
    )


async def test_the_recognizer_hears_what_the_synthesizer_said(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    transcriber = ScriptedTranscriber(["hello world"], shortest_ms=0)
    room_with(monkeypatch, transcriber=transcriber)
    await engines()
    seconds = len(transcriber.heard[0]) / 32_000
    assert seconds == pytest.approx(len("hello world") * 0.05, abs=0.01)


@pytest.mark.parametrize("failure", [LaneLost("killed"), EngineUnavailable("no voices")])
async def test_a_synthesizer_that_fails_does_not_hide_the_recognizer(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch, failure: EngineFailure
) -> None:
    room_with(monkeypatch, synthesizer=ScriptedSynthesizer(failures={1: failure}))
    checks = await engines()
    assert not checks["tts"].ok and checks["tts"].advice
    assert checks["tts"].detail == f"voice: {failure}"
    assert checks["asr"].ok


async def test_a_voice_without_sound_is_no_voice(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    room_with(monkeypatch, synthesizer=ScriptedSynthesizer(ms_per_char=0))
    checks = await engines()
    assert (checks["tts"].ok, checks["tts"].advice) == (False, "the voice is silent")


@pytest.mark.parametrize("call", ["begin", "feed", "finish"])
async def test_a_recognizer_that_fails_is_told_with_its_words(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    failing = ScriptedTranscriber([""], fail_on={(call, 1): EngineUnavailable("no model")})
    room_with(monkeypatch, transcriber=failing)
    checks = await engines()
    assert (checks["asr"].ok, checks["asr"].detail) == (False, "sphinx: no model")
    assert checks["asr"].advice
    assert checks["llm"].ok


@pytest.mark.parametrize("reply", [(EngineFailure("401: bad key"),), ("a", EngineFailure("cut"))])
async def test_a_model_that_fails_is_told_with_its_words(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch, reply: tuple[Step, ...]
) -> None:
    room_with(monkeypatch, reply=reply)
    check = (await engines())["llm"]
    assert (check.ok, check.detail) == (False, f"parrot: {reply[-1]}")
    assert "OPENAI_API_KEY" in check.advice


@pytest.mark.parametrize(
    ("reply", "detail"),
    [
        (("<think>", "hm</think>", "Yes."), "parrot: answers 'Yes.'"),
        ((Alive(), "Yes.", Remark(text="cut")), "parrot: answers 'Yes.'"),
        (("<think>hm",), "parrot: thought and said nothing"),
        (("...",), "parrot: answered '...'"),
        ((Alive(),), "parrot: said nothing"),
    ],
)
async def test_a_models_thoughts_are_no_answer(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch, reply: tuple[Step, ...], detail: str
) -> None:
    room_with(monkeypatch, reply=reply)
    check = (await engines())["llm"]
    assert (check.ok, check.detail) == ("answers" in detail, detail)


async def test_a_second_model_is_asked_too(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    room_with(
        monkeypatch,
        reply=(EngineFailure("down"),),
        second=ScriptedResponder([("Yes.",), (EngineFailure("down too"),)]),
    )
    *_, first, second = await parley.commands.doctor._engines(SETTINGS)
    assert (first.ok, first.needed, second.ok, second.needed) == (False, False, True, True)
    assert second.detail == "the model behind it: answers 'Yes.'"


async def test_a_second_model_that_fails_names_its_own_settings(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    room_with(monkeypatch, second=ScriptedResponder([(EngineFailure("down"),)]))
    *_, first, second = await parley.commands.doctor._engines(SETTINGS)
    assert (first.ok, second.ok) == (True, False)
    assert "OPENAI_FALLBACK_MODEL" in second.advice


async def test_engines_that_give_no_answer_are_not_waited_for(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    room_with(
        monkeypatch,
        synthesizer=ScriptedSynthesizer(delay_s=math.inf),
        transcriber=ScriptedTranscriber([""], delays_s={"feed": math.inf}),
        reply=(HANG,),
    )
    checks = await engines()
    assert trio.current_time() == 3 * ANSWER_S
    for name in ("tts", "asr", "llm"):
        assert not checks[name].ok and checks[name].advice
        assert checks[name].detail.endswith(": no answer in time")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("pyttsx3", "STREAM_TTS_VOICE"),
        ("piper (auto: its voice is there)", "STREAM_PIPER_VOICE"),
        ("openai", "OPENAI_TTS_MODEL"),
    ],
)
async def test_a_voice_that_fails_is_met_with_advice_for_its_engine(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch, name: str, advice: str
) -> None:
    broken = ScriptedSynthesizer(failures={1: EngineUnavailable("no")})
    room_with(monkeypatch, synthesizer=broken, tts=name)
    check = (await engines())["tts"]
    assert (check.ok, check.detail) == (False, f"{name}: no")
    assert advice in check.advice


@pytest.mark.parametrize(
    ("name", "advice"),
    [("pocketsphinx (auto: needs no model)", "reinstall"), ("openai", "OPENAI_ASR_MODEL")],
)
async def test_an_ear_that_fails_is_met_with_advice_for_its_engine(
    autojump_clock: Clock, monkeypatch: pytest.MonkeyPatch, name: str, advice: str
) -> None:
    broken = ScriptedTranscriber([""], fail_on={("begin", 1): EngineUnavailable("no")})
    room_with(monkeypatch, transcriber=broken, asr=name)
    assert advice in (await engines())["asr"].advice


def test_an_engine_that_cannot_be_set_up_is_a_line_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Locked:
        def __init__(self, settings: Settings) -> None: ...

        async def __aenter__(self) -> EngineRoom:
            raise EngineUnavailable("the API key cannot be used")

        async def __aexit__(self, *error: object) -> None: ...

    monkeypatch.setattr(parley.commands.doctor, "open_engine_room", Locked)
    monkeypatch.setattr(
        parley.commands.doctor, "_microphone", lambda: Check(name="m", ok=True, detail="")
    )
    checks = examine(SETTINGS)
    assert [check.name for check in checks] == ["python", "port", "engines", "model", "m"]
    assert checks[2] == Check(
        name="engines", ok=False, detail="the API key cannot be used", advice="mend the settings"
    )


def test_a_detector_that_cannot_be_made_is_a_line_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_detector() -> ScriptedDetector:
        raise EngineUnavailable("webrtcvad is not installed")

    room_with(monkeypatch, detector=no_detector)
    (check,) = [check for check in examine(SETTINGS) if check.name == "engines"]
    assert (check.ok, check.detail) == (False, "webrtcvad is not installed")


# The port


def test_a_free_port_is_free() -> None:
    check = parley.commands.doctor._port(SETTINGS)
    assert (check.ok, check.detail) == (True, "127.0.0.1:0 is free")


def test_a_port_that_is_taken_is_told_and_does_not_keep_one_from_talking() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        check = parley.commands.doctor._port(Settings.defaults(parley_port=port))
    assert (check.ok, check.needed) == (False, False)
    assert check.detail == f"127.0.0.1:{port}: Address already in use"
    assert "PARLEY_PORT" in check.advice


def test_an_address_that_is_not_here_is_told() -> None:
    check = parley.commands.doctor._port(Settings.defaults(parley_host="192.0.2.1", parley_port=0))
    assert not check.ok and check.advice
    assert check.detail.startswith("192.0.2.1:0: ")


# The model


@pytest.fixture(autouse=True)
def no_other_models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))


def model(tmp_path: Path, name: str = "small-int8") -> Check:
    return parley.commands.doctor._model(
        Settings.defaults(stream_model_whisper=name, parley_models_dir=str(tmp_path))
    )


def test_a_model_that_is_on_disk_is_told_with_its_folder(tmp_path: Path) -> None:
    folder = write_model(tmp_path / "small")
    check = model(tmp_path)
    assert (check.ok, check.needed, check.detail) == (True, False, f"small-int8: {folder}")


def test_a_model_that_is_not_on_disk_is_told_with_the_command_that_gets_it(tmp_path: Path) -> None:
    check = model(tmp_path, "distil-small.en")
    assert (check.ok, check.needed) == (False, False)
    assert check.detail == "the Whisper model distil-small.en is not on disk"
    assert check.advice == "`parley models pull distil-small.en`"


@pytest.mark.parametrize("name", ["small", "enormous", "/nowhere/whisper"])
def test_a_model_that_cannot_be_used_is_told_with_what_to_do(tmp_path: Path, name: str) -> None:
    write_model(tmp_path / "small", tokenizer_json=None)
    check = model(tmp_path, name)
    assert not check.ok and check.detail and check.advice


# The microphone


def microphone(monkeypatch: pytest.MonkeyPatch, *inputs: int) -> Check:
    """The check with a fake module that has these devices (channels that record)."""
    module = ModuleType("sounddevice")
    devices = [{"max_input_channels": channels} for channels in inputs]
    module.query_devices = lambda: devices  # type: ignore[attr-defined]
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: SimpleNamespace(name=name))
    monkeypatch.setitem(sys.modules, "sounddevice", module)
    return parley.commands.doctor._microphone()


def test_a_microphone_that_is_there_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    check = microphone(monkeypatch, 2, 0, 1)
    assert (check.ok, check.needed) == (True, False)
    assert check.detail == "for `parley talk --mic`: 2 input device(s)"


@pytest.mark.parametrize("inputs", [(), (0, 0)])
def test_loudspeakers_are_no_microphones(
    monkeypatch: pytest.MonkeyPatch, inputs: tuple[int, ...]
) -> None:
    check = microphone(monkeypatch, *inputs)
    assert (check.ok, check.needed, check.advice) == (False, False, "plug a microphone in")


def test_without_the_extra_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    check = parley.commands.doctor._microphone()
    assert (check.ok, check.needed) == (False, False)
    assert check.advice == "pip install sounddevice"


def test_without_portaudio_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    class NoPortAudio:
        def find_spec(self, name: str, *_: object) -> None:
            if name == "sounddevice":
                raise OSError("PortAudio library not found")

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: SimpleNamespace(name=name))
    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(sys, "meta_path", [NoPortAudio(), *sys.meta_path])
    check = parley.commands.doctor._microphone()
    assert (check.ok, check.needed) == (False, False)
    assert check.detail == "for `parley talk --mic`: PortAudio library not found"
    assert "libportaudio2" in check.advice


# The report


def test_the_report_is_a_table_with_advice_beside_what_needs_it() -> None:
    text = shown(
        Check(name="vad", ok=True, detail="webrtc", advice="not this"),
        Check(name="llm", ok=False, detail="no key", advice="set a key"),
        Check(name="microphone", ok=False, detail="none", advice="plug one in", needed=False),
    )
    rows = [line.split() for line in text.splitlines()]
    assert rows == [
        ["what", "found", "what", "to", "do"],
        ["ok", "vad", "webrtc"],
        ["no", "llm", "no", "key", "set", "a", "key"],
        ["-", "microphone", "none", "plug", "one", "in"],
    ]


def test_where_all_that_is_needed_is_there_it_says_that_one_can_talk() -> None:
    fine = Check(name="vad", ok=True, detail="webrtc")
    missing = Check(name="microphone", ok=False, detail="none", needed=False)
    assert "Parley can talk here" in shown(fine, missing)
    assert "Parley can talk here" not in shown(fine, Check(name="llm", ok=False, detail="no"))


def test_brackets_are_words_and_no_markup() -> None:
    text = shown(
        Check(name="mic", ok=False, detail="[Errno 2] of [red]", advice="install 'a-b[mic]'")
    )
    assert "[Errno 2] of [red]" in text
    assert "install 'a-b[mic]'" in text


def test_on_a_narrow_terminal_nothing_is_lost() -> None:
    text = shown(
        Check(name="llm", ok=False, detail="x" * 60, advice="OPENAI_API_KEY" * 4), width=40
    )
    assert text.count("x") == 60
    assert max(map(len, text.splitlines())) <= 40


# For real


@pytest.mark.slow
def test_the_engines_that_are_installed_are_usable() -> None:
    checks = {check.name: check for check in examine(Settings.defaults(parley_port=0))}
    assert list(checks) == [
        *("python", "port", "vad", "turn", "tts", "asr", "llm", "model", "microphone")
    ]
    failing = [check for check in checks.values() if check.needed and not check.ok]
    assert failing == []
    assert checks["microphone"].ok or checks["microphone"].advice
    assert checks["tts"].detail.endswith("Hz") and "heard '" in checks["asr"].detail


@pytest.mark.slow
def test_a_voice_that_cannot_be_loaded_is_told_soon_and_hides_nothing_else() -> None:
    settings = Settings.defaults(parley_port=0, stream_tts_voice="nobody")
    began_s = time.monotonic()
    checks = {check.name: check for check in examine(settings)}
    assert time.monotonic() - began_s < 30  # as long as loading takes, and not as it may
    assert not checks["tts"].ok
    assert "no voice 'nobody'; it has" in checks["tts"].detail
    assert "STREAM_TTS_VOICE" in checks["tts"].advice
    assert checks["asr"].ok and checks["llm"].ok

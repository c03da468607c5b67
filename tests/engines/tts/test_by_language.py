"""Which voice speaks a language."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import trio

from parley.config import Settings
from parley.engines.failures import EngineUnavailable
from parley.engines.kit import OwnEngines
from parley.engines.lanes.lane import Lane
from parley.engines.room import EngineRoom, open_engine_room
from parley.engines.tts.by_language import ByLanguage, ByLanguageAndVoice, Other
from parley.engines.tts.interface import ManyLanguages, ManyVoices, Speech, spoken_in
from parley.engines.tts.open import open_voice
from parley.engines.tts.other_voices import spoken_by
from parley.engines.tts.sayable import Sayable
from parley.engines.tts.scripted import ScriptedSynthesizer
from parley.engines.who import who_hears_and_speaks
from parley.server.session_opener import SessionOpener
from parley.testing import ScriptedTranscriber
from support.tiny_voice import write_voice

PYTTSX3 = {"stream_tts_engine": "pyttsx3", "stream_tts_thread_workers": 1}


class Named:
    """A voice of many, by its name."""

    voices = ("one", "two")

    def __init__(self, name: str) -> None:
        self.name = name

    def with_voice(self, voice: str) -> Named:
        return Named(voice)

    async def speak(self, text: str) -> Speech:
        return Speech(pcm16=self.name.encode(), rate_hz=16_000)


def languages_of(name: str) -> frozenset[str] | None:
    return frozenset({name.partition("-")[0]})


def voices(**changes: Any) -> ByLanguageAndVoice:
    """An English voice, one for German, and one that speaks all but Japanese."""
    return ByLanguageAndVoice(
        **{
            "main": Named("en-main"),
            "speaks": frozenset({"en"}),
            "named": {"de": Other(Named("de-named"))},
            "otherwise": lambda code: None if code == "ja" else Other(Named(f"{code}-any")),
            "speaks_by": languages_of,
            **changes,
        }
    )


def bare(synthesizer: object) -> object:
    """The voice itself, without what leaves out the writing that it cannot read."""
    return synthesizer.inner if isinstance(synthesizer, Sayable) else synthesizer


def name(synthesizer: object) -> str:
    synthesizer = bare(synthesizer)
    assert isinstance(synthesizer, Named)
    return synthesizer.name


@pytest.mark.parametrize(
    ("code", "speaks"),
    [
        *(("en", "en-main"), ("en-US", "en-main"), ("", "en-main"), ("de", "de-named")),
        *(("de-AT", "de-named"), ("fr", "fr-any"), ("ja", "en-main")),
    ],
)
def test_a_language_has_a_voice(code: str, speaks: str) -> None:
    assert name(voices().for_language(code)) == speaks


def test_what_is_named_comes_before_the_voice_that_is_set() -> None:
    named = {"en": Other(Named("en-named"))}
    assert name(voices(named=named).for_language("en")) == "en-named"
    assert name(voices(named=named).for_language("")) == "en-main"
    assert name(voices(named=named, speaks=None).for_language("fr")) == "en-main"


def test_a_session_that_asked_for_a_voice_hears_it_in_its_own_language() -> None:
    named = {"de": Other(Named("de-named")), "en": Other(Named("en-named"))}
    asked = voices(named=named).with_voice("de-mine")
    assert isinstance(asked, ManyLanguages)
    assert name(asked.for_language("de")) == "de-mine"
    assert name(asked.for_language("")) == "de-mine"
    assert name(asked.for_language("en")) == "en-named"
    assert name(asked.for_language("fr")) == "fr-any"


async def test_whoever_names_no_language_hears_the_voice_that_is_set() -> None:
    assert (await voices().speak("hello")).pcm16 == b"en-main"
    assert voices().voices == ("one", "two")
    assert voices().languages == ("de", "en")


def test_a_voice_that_cannot_be_loaded_is_spoken_for_by_another_one() -> None:
    broken = Lane("voice-1", lambda: None)
    broken.load_error = "no such file"
    found = voices(named={"de": Other(Named("de-named"), (broken,))})
    assert name(found.for_language("de")) == "de-any"
    found = voices(named={"ja": Other(Named("ja-named"), (broken,))})
    assert name(found.for_language("ja")) == "en-main"
    broken.load_error = None
    assert name(found.for_language("ja")) == "ja-named"


def test_others_speak_everything_with_the_voice_they_have() -> None:
    plain = ScriptedSynthesizer()
    assert spoken_in(plain, "de") is plain
    assert not isinstance(plain, ManyLanguages)
    assert isinstance(voices(), ManyVoices) and isinstance(voices(), ManyLanguages)
    one = ByLanguage(plain, speaks=None, named={}, otherwise=lambda code: None)
    assert not isinstance(one, ManyVoices)
    assert one.for_language("de") is plain


@pytest.mark.parametrize(
    ("engine", "voice", "code"),
    [
        *(("kokoro", "ff_siwis", "fr"), ("kokoro", "bf_emma", "en"), ("kokoro", "zf_xiaoyi", "zh")),
        *(("pyttsx3", "de+f3", "de"), ("pyttsx3", "en-us", "en"), ("pyttsx3", "gmw/de", "de")),
        *(("pyttsx3", "Klingon", None), ("openai", "alloy", None)),
        *(("piper", "/v/de_DE-thorsten-low.onnx", "de"), ("piper", "/v/mine.onnx", None)),
    ],
)
def test_what_a_voice_speaks_is_told_by_its_name(engine: str, voice: str, code: str | None) -> None:
    assert spoken_by(engine, voice) == (None if code is None else frozenset({code}))


def test_a_voice_of_pipers_says_itself_what_it_speaks(tmp_path: Path) -> None:
    path = tmp_path / "fr_FR-wrong.onnx"
    beside = Path(f"{path}.json")
    beside.write_text(json.dumps({"language": {"code": "de_DE"}}))
    assert spoken_by("piper", str(path)) == frozenset({"de"})
    for broken in ("not JSON", "[]", '{"language": 5}', '{"language": {"code": "xx"}}'):
        beside.write_text(broken)
        assert spoken_by("piper", str(path)) == frozenset({"fr"})


# Opened by the settings


async def opened(**settings: Any) -> tuple[object, list[str]]:
    """The synthesizer, and the names of its lanes; none of them runs."""
    async with open_voice(Settings.defaults(**settings)) as voice:
        return voice.synthesizer, [lane.name for lane in voice.lanes]


async def test_a_language_that_is_set_needs_no_other_voice() -> None:
    synthesizer, lanes = await opened(**PYTTSX3, stream_language="de")
    assert not isinstance(synthesizer, ManyLanguages)
    assert lanes == ["tts-1"]


async def test_espeak_speaks_all_languages_in_its_own_lanes() -> None:
    synthesizer, lanes = await opened(**PYTTSX3, stream_language="auto")
    assert isinstance(synthesizer, ByLanguageAndVoice)
    assert lanes == ["tts-1"]
    spoken = {code: bare(synthesizer.for_language(code)) for code in ("en", "de", "fr", "xx", "")}
    assert spoken["en"] is spoken["xx"] is spoken[""]
    assert [getattr(spoken[code], "_voice", "") for code in ("en", "de", "fr")] == [
        *(None, "de", "fr-fr")
    ]


async def test_beside_a_voice_of_pipers_espeak_speaks_what_it_does_not(tmp_path: Path) -> None:
    path = write_voice(tmp_path, language={"code": "en_US"})
    common = {"stream_tts_engine": "piper", "stream_piper_voice": str(path)}
    synthesizer, lanes = await opened(**common, stream_language="auto")
    assert isinstance(synthesizer, ByLanguage)
    assert lanes == ["tts-1", "tts-2", "voice-1-1"]
    assert bare(synthesizer.for_language("en")) is bare(synthesizer.for_language(""))
    assert getattr(bare(synthesizer.for_language("de")), "_voice", "") == "de"


async def test_named_voices_share_lanes_where_they_can(tmp_path: Path) -> None:
    path = write_voice(tmp_path)
    listed = f"de={path}, fr={path}, es=espeak:es, it=it"
    synthesizer, lanes = await opened(
        stream_tts_engine="piper", stream_piper_voice=str(path), stream_voices=listed
    )
    assert isinstance(synthesizer, ByLanguage)
    assert lanes == ["tts-1", "tts-2", "voice-1-1", "voice-2-1"]
    assert bare(synthesizer.for_language("de")) is bare(synthesizer.for_language("fr"))
    assert [
        getattr(bare(synthesizer.for_language(code)), "_voice", "") for code in ("es", "it")
    ] == [*("es", "it")]


async def test_names_mean_a_services_voices_where_a_service_speaks() -> None:
    synthesizer, lanes = await opened(
        stream_tts_engine="openai",
        openai_tts_base_url="http://127.0.0.1:9/v1",
        stream_voices="de=coral,fr=espeak:fr-fr",
        stream_language="auto",
    )
    assert isinstance(synthesizer, ByLanguageAndVoice)
    assert getattr(synthesizer.for_language("de"), "voice", "") == "coral"
    assert getattr(synthesizer.for_language("es"), "voice", "") == "alloy"
    assert lanes == ["voice-1-1"]


@pytest.mark.parametrize(
    ("listed", "why"),
    [
        ("fr=ff_siwis", "STREAM_KOKORO_MODEL is not set"),
        ("fr=kokoro:french", "no name of a voice of Kokoro's"),
        ("de=piper:thorsten", "no .onnx file"),
        ("en=joe", "parley models pull joe"),
    ],
)
async def test_a_voice_that_cannot_work_is_a_clear_error(
    listed: str, why: str, tmp_path: Path
) -> None:
    with pytest.raises(EngineUnavailable, match=why):
        await opened(**PYTTSX3, stream_voices=listed, parley_models_dir=str(tmp_path))


@pytest.mark.parametrize("listed", ["de", "de=", "=v", "xx=v", "de=a,de=b", "de fr=v"])
def test_a_list_that_says_nothing_is_refused(listed: str) -> None:
    with pytest.raises(ValueError, match="stream_voices"):
        Settings.defaults(stream_voices=listed)


async def test_each_language_is_really_spoken_and_a_broken_voice_costs_nothing(
    tmp_path: Path,
) -> None:
    path = write_voice(tmp_path, language={"code": "en_US"})
    broken = tmp_path / "it_IT-none.onnx"
    settings = Settings.defaults(
        stream_tts_engine="piper",
        stream_piper_voice=str(path),
        stream_tts_thread_workers=1,
        stream_language="auto",
        stream_voices=f"it={broken}",
        stream_llm_engine="local",
    )
    own = OwnEngines(transcriber=lambda session: ScriptedTranscriber(["hi"]))
    async with open_engine_room(settings, own) as room, trio.open_nursery() as nursery:
        await nursery.start(room.supervisor().run)
        with trio.fail_after(60):
            while not all(lane.ready or lane.load_error for lane in room.lanes):
                await trio.sleep(0.05)
        assert room.not_ready() == []
        said = {}
        for code in ("en", "de", "fr", "it", "ja"):
            speech = await spoken_in(room.engines.synthesizer, code).speak("Eins zwei drei vier.")
            said[code] = speech.pcm16
        assert len(set(said.values())) == 5
        assert all(len(pcm16) > 8000 for pcm16 in said.values())
        assert _voiced(room, settings) is room.engines.synthesizer
        nursery.cancel_scope.cancel()


def _voiced(room: EngineRoom, settings: Settings) -> object:
    """What a session has that asked for no voice."""
    opener = SessionOpener(settings, room, None, None)  # type: ignore[arg-type]
    return opener._voiced(settings).synthesizer


def test_people_are_told_who_speaks(tmp_path: Path) -> None:
    path = write_voice(tmp_path)
    settings = Settings.defaults(
        stream_tts_engine="piper",
        stream_piper_voice=str(path),
        stream_language="auto",
        stream_voices="fr=fr-fr",
    )
    speaks = who_hears_and_speaks(settings, {"asr": "own", "tts": "piper"})["speaks"]
    assert speaks == "Piper, voice hum; fr by others; other languages by eSpeak NG"

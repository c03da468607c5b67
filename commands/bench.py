"""`parley bench ...`: the measurements' command lines. Each prints a table and writes JSON."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import trio
import typer

if TYPE_CHECKING:
    from rich.console import Console

    from ..bench.result import Result

bench_app = typer.Typer(
    name="bench",
    help="Measure this machine. Each command prints a table and writes a JSON file.",
    no_args_is_help=True,
)

USAGE = 2

Out = Annotated[Path, typer.Option("--out", help="Folder for the JSON file.", metavar="FOLDER")]
OUT = Path("bench-out")


def _fail(message: str, code: int = 1) -> NoReturn:
    print(f"parley: {message}", file=sys.stderr)
    raise typer.Exit(code)


def _numbers(text: str) -> list[int]:
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1:
        _fail(f"{text!r} is no list of counts like 25,50,100", USAGE)
    return numbers


def _names(text: str) -> list[str]:
    return [name for part in text.split(",") if (name := part.strip())]


def _write(result: Result, out: Path, console: Console) -> None:
    path = out / f"{result.bench}.json"
    result.write(path)
    console.print(f"written: {path}", markup=False, soft_wrap=True)


@bench_app.command()
def calls(
    count: Annotated[
        str, typer.Option("--calls", help="Calls at once; several loads, separated by commas.")
    ] = "100",
    seconds: Annotated[
        float, typer.Option(help="Seconds for which each load is measured.", min=1)
    ] = 30,
    profile: Annotated[
        bool, typer.Option("--profile", help="Show where the server's time goes; slows it down.")
    ] = False,
    out: Out = OUT,
) -> None:
    """What a telephone call costs: frames of 20 ms both ways."""
    from rich.console import Console

    from ..bench.calls import CallsPlan, bench_calls, table_of
    from ..client.server_process import ServerFailed

    console = Console()
    plan = CallsPlan(calls=_numbers(count), seconds=seconds, profiled=profile)
    try:
        result = trio.run(bench_calls, plan, console)
    except (ServerFailed, OSError) as error:
        _fail(str(error))
    console.print(table_of(result))
    _write(result, out, console)


@bench_app.command()
def sessions(
    count: Annotated[
        str,
        typer.Option("--sessions", help="Sessions at once; several loads, separated by commas."),
    ] = "100",
    seconds: Annotated[
        float, typer.Option(help="Seconds for which each load is measured.", min=1)
    ] = 60,
    engines: Annotated[
        str, typer.Option(help="instant: the framework alone; real: the server as it is served.")
    ] = "instant",
    talking: Annotated[
        int | None,
        typer.Option(help="How many may talk at the same time; the default is all.", min=1),
    ] = None,
    talk_on: Annotated[
        bool, typer.Option("--talk-on", help="Cancel each reply and talk on; prompt-voice only.")
    ] = False,
    dialects: Annotated[
        str, typer.Option(help="Protocols, separated by commas; sessions take turns.")
    ] = "prompt-voice,io-speech,newspeech,realtime",
    frame_ms: Annotated[
        int, typer.Option(help="Milliseconds of audio in a frame.", min=10, max=1000)
    ] = 100,
    settle: Annotated[
        float, typer.Option(help="Seconds of talk before the measurement begins.", min=1)
    ] = 8,
    recordings: Annotated[
        Path,
        typer.Option(help="Folder that callers play to real engines: WAV files with a words.txt."),
    ] = Path("examples/audio"),
    profile: Annotated[
        bool, typer.Option("--profile", help="Show where the server's time goes; slows it down.")
    ] = False,
    out: Out = OUT,
) -> None:
    """How many conversations a server holds, and what each of them costs."""
    from rich.console import Console

    from ..audio.wav import NotAWav
    from ..bench.sessions import Plan, bench_sessions, table_of
    from ..client.server_process import ServerFailed

    if engines not in ("instant", "real"):
        _fail(f"engines are instant or real, not {engines!r}", USAGE)
    console = Console()
    plan = Plan(
        sessions=_numbers(count),
        seconds=seconds,
        dialects=[name.strip() for name in dialects.split(",")],
        engines=engines,
        frame_ms=frame_ms,
        settle_s=settle,
        talking=talking,
        talk_on=talk_on,
        recordings=recordings,
        profiled=profile,
    )
    try:
        result = trio.run(functools.partial(bench_sessions, plan, console))
    except (ServerFailed, NotAWav, ValueError, OSError) as problem:
        _fail(str(problem))
    console.print(table_of(result))
    _write(result, out, console)


@bench_app.command()
def costs(
    dialects: Annotated[
        str, typer.Option(help="Protocols, separated by commas; ws is always measured.")
    ] = "ws,stream,engine,realtime,telephone",
    recognizers: Annotated[
        str, typer.Option(help="Recognizers that are served here, separated by commas.")
    ] = "moonshine",
    voices: Annotated[str, typer.Option(help="Voices, separated by commas.")] = "joe,espeak",
    sessions: Annotated[
        int, typer.Option(help="Sessions of a load of moderate size.", min=4, max=1000)
    ] = 60,
    seconds: Annotated[
        float, typer.Option(help="Seconds for which each load is measured.", min=1)
    ] = 12,
    recordings: Annotated[
        Path, typer.Option(help="Folder that callers play to recognizers: WAV files.")
    ] = Path("examples/audio"),
    out: Out = OUT,
) -> None:
    """What each part of a call costs on this machine, for `parley plan --from`."""
    from rich.console import Console

    from ..audio.wav import NotAWav
    from ..bench.costs import CostsPlan, bench_costs, table_of
    from ..client.server_process import ServerFailed
    from ..engines.failures import EngineFailure

    console = Console()
    plan = CostsPlan(
        dialects=_names(dialects),
        recognizers=_names(recognizers),
        voices=_names(voices),
        sessions=sessions,
        seconds=seconds,
        recordings=recordings,
    )
    try:
        result = trio.run(bench_costs, plan, console)
    except (ServerFailed, EngineFailure, NotAWav, ValueError, OSError) as problem:
        _fail(str(problem))
    console.print(table_of(result))
    _write(result, out, console)


@bench_app.command()
def asr(
    shapes: Annotated[
        str, typer.Option(help="Sizes of Whisper to time: tiny, base, small.")
    ] = "tiny,base,small",
    times: Annotated[int, typer.Option(help="How often to time each decode.", min=1)] = 7,
    threads: Annotated[int, typer.Option(help="Threads per decode.", min=1)] = 1,
    recordings: Annotated[
        Path, typer.Option(help="Folder for the configured engine: WAV files with a words.txt.")
    ] = Path("examples/audio"),
    out: Out = OUT,
) -> None:
    """What speech recognition costs: Whisper's windows, growth with length, your engine."""
    from rich.console import Console

    from ..audio.wav import NotAWav
    from ..bench.asr import AsrPlan, bench_asr, tables_of
    from ..engines.failures import EngineFailure

    console = Console()
    plan = AsrPlan(
        shapes=[name.strip() for name in shapes.split(",")],
        times=times,
        threads=threads,
        recordings=recordings,
        growth_shape="base" if "base" in shapes else shapes.split(",")[0].strip(),
    )
    try:
        result = trio.run(functools.partial(bench_asr, plan, console))
    except (EngineFailure, NotAWav, ValueError, OSError) as problem:
        _fail(str(problem))
    for table in tables_of(result):
        console.print(table)
    _write(result, out, console)


@bench_app.command()
def vad(
    audio: Annotated[
        Path, typer.Option(help="Folder of WAV files with the speech to use.", metavar="FOLDER")
    ] = Path("examples/audio"),
    babble: Annotated[
        Path | None,
        typer.Option(
            help="Folder of WAV files for the babble; the default is the same.", metavar="FOLDER"
        ),
    ] = None,
    detectors: Annotated[
        str, typer.Option(help="Detectors, separated by commas.")
    ] = "webrtc 2,webrtc 3,energy,newspeech,silero",
    seconds: Annotated[float, typer.Option(help="Seconds of audio, at least.", min=1)] = 130,
    out: Out = OUT,
) -> None:
    """How well the detectors find speech in silence, white noise, hum and babble."""
    from rich.console import Console

    from ..audio.wav import NotAWav
    from ..bench.vad import Plan, bench_vad, table_of

    console = Console()
    plan = Plan(
        audio=audio,
        babble=babble,
        detectors=[name.strip() for name in detectors.split(",")],
        seconds=seconds,
    )
    try:
        result = bench_vad(plan, console)
    except (NotAWav, ValueError, OSError) as problem:
        _fail(str(problem))
    console.print(table_of(result))
    for note in result.notes:
        console.print(note, markup=False)
    _write(result, out, console)


@bench_app.command()
def turn(
    recordings: Annotated[
        Path, typer.Option(help="Folder of WAV files with a words.txt.", metavar="FOLDER")
    ] = Path("examples/audio"),
    passes: Annotated[int, typer.Option(help="How often to play all of them.", min=1)] = 1,
    frame_ms: Annotated[
        int, typer.Option(help="Milliseconds of audio in a frame.", min=10, max=1000)
    ] = 100,
    out: Out = OUT,
) -> None:
    """How long a person waits for an answer, stage by stage, with the configured engines."""
    from rich.console import Console

    from ..audio.wav import NotAWav
    from ..bench.turn import Plan, bench_turn, table_of
    from ..client.conversation import ClosedEarly, NoGreeting
    from ..client.server_process import ServerFailed
    from ..client.wire import Unreachable
    from ..config import SettingsError, load_settings

    console = Console()
    plan = Plan(
        recordings=recordings, passes=passes, frame_ms=frame_ms, log=out / "turn-server.log"
    )
    try:
        settings = load_settings()
        result = trio.run(bench_turn, plan, settings, console)
    except SettingsError as problem:
        _fail(str(problem), USAGE)
    except (ServerFailed, Unreachable, ClosedEarly, NoGreeting, NotAWav, OSError) as problem:
        _fail(str(problem))
    console.print(table_of(result))
    _write(result, out, console)


@bench_app.command()
def protocols(
    recordings: Annotated[
        Path, typer.Option(help="Folder of WAV files with a words.txt.", metavar="FOLDER")
    ] = Path("examples/audio"),
    passes: Annotated[int, typer.Option(help="How often to play all of them.", min=1)] = 3,
    dialects: Annotated[
        str, typer.Option(help="Protocols, separated by commas; turns alternate between them.")
    ] = "newspeech,realtime",
    out: Out = OUT,
) -> None:
    """How long a person waits for an answer in each protocol, side by side on one server."""
    from rich.console import Console

    from ..audio.wav import NotAWav
    from ..bench.protocols import Plan, bench_protocols, table_of
    from ..client.server_process import ServerFailed
    from ..client.wire import Unreachable
    from ..config import SettingsError, load_settings

    console = Console()
    plan = Plan(
        recordings=recordings,
        passes=passes,
        dialects=[name.strip() for name in dialects.split(",")],
        log=out / "protocols-server.log",
    )
    try:
        settings = load_settings()
        result = trio.run(bench_protocols, plan, settings, console)
    except SettingsError as problem:
        _fail(str(problem), USAGE)
    except (ServerFailed, Unreachable, NotAWav, ValueError, OSError) as problem:
        _fail(str(problem))
    console.print(table_of(result))
    _write(result, out, console)


TurnSet = Annotated[
    Path,
    typer.Option(
        "--set", help="Folder of the labelled turns; made if it is missing.", metavar="FOLDER"
    ),
]
TURN_SET = Path("bench-out/turn-set")
TurnModel = Annotated[
    Path | None,
    typer.Option(help="Smart Turn's model; without it that engine is left out.", metavar="FILE"),
]


@bench_app.command(name="turn-ends")
def turn_ends(
    folder: TurnSet = TURN_SET,
    model: TurnModel = None,
    readings: Annotated[
        Path | None,
        typer.Option(help="Folder of further recordings, as WAV files.", metavar="FOLDER"),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed for which voice says what.")] = 1,
    out: Out = OUT,
) -> None:
    """How often each end-of-turn engine cuts a speaker off, and how late it decides."""
    from rich.console import Console

    from ..audio.wav import NotAWav
    from ..bench.turn_ends import Plan, bench_turn_ends, table_of
    from ..bench.turn_plot import svg_of
    from ..engines.failures import EngineFailure

    console = Console()
    plan = Plan(folder=folder, model=model, readings=readings, seed=seed)
    try:
        result = bench_turn_ends(plan, console)
    except (EngineFailure, NotAWav, ValueError, OSError) as problem:
        _fail(str(problem))
    console.print(table_of(result))
    _write(result, out, console)
    picture = out / "turn-ends.svg"
    picture.write_text(svg_of(result), encoding="utf-8")
    console.print(f"written: {picture}", markup=False, soft_wrap=True)


@bench_app.command(name="turn-live")
def turn_live(
    folder: TurnSet = TURN_SET,
    model: TurnModel = None,
    most: Annotated[
        int | None, typer.Option(help="Use only this many of the turns.", min=1)
    ] = None,
    talkers: Annotated[int, typer.Option(help="How many talk at once.", min=1)] = 3,
    engines: Annotated[
        str, typer.Option(help="End-of-turn engines, separated by commas; the default is all.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Seed for which voice says what.")] = 1,
    out: Out = OUT,
) -> None:
    """The same turns, played to a server in real time: cut off, first reply audio, and cost."""
    from rich.console import Console

    from ..audio.wav import NotAWav
    from ..bench.turn_live import LivePlan, bench_turn_live, table_of
    from ..client.server_process import ServerFailed
    from ..client.wire import Unreachable
    from ..engines.failures import EngineFailure

    console = Console()
    plan = LivePlan(
        folder=folder,
        model=model,
        seed=seed,
        most=most,
        talkers=talkers,
        engines=tuple(filter(None, engines.split(","))),
        log=out / "turn-live-server.log",
    )
    try:
        result = trio.run(bench_turn_live, plan, console)
    except (ServerFailed, Unreachable, EngineFailure, NotAWav, ValueError, OSError) as problem:
        _fail(str(problem))
    console.print(table_of(result))
    _write(result, out, console)


@bench_app.command(name="talk-over")
def talk_over(
    recordings: Annotated[
        Path,
        typer.Argument(help="Folder of WAV files, each one turn of one person.", metavar="FOLDER"),
    ] = Path("examples/audio"),
    live: Annotated[
        bool, typer.Option("--live", help="Play them to a server in real time instead.")
    ] = False,
    talkers: Annotated[int, typer.Option(help="How many talk at once, live.", min=1)] = 1,
    engines: Annotated[
        str, typer.Option(help="End-of-turn engines, live, separated by commas.")
    ] = "auto,fixed",
    out: Out = OUT,
) -> None:
    """How often people are answered before they have finished, and how long they wait."""
    from rich.console import Console

    from ..audio.wav import NotAWav
    from ..bench.talk_over import Plan, bench_talk_over, table_of
    from ..bench.talk_over_live import LivePlan, bench_talk_over_live, live_table
    from ..bench.turn_plot import talk_over_svg
    from ..client.server_process import ServerFailed
    from ..client.wire import Unreachable
    from ..config import SettingsError, load_settings
    from ..engines.failures import EngineFailure, ModelProblem

    console = Console()
    try:
        settings = load_settings()
        if live:
            plan = LivePlan(
                recordings=recordings,
                engines=tuple(engines.split(",")),
                talkers=talkers,
                log=out / "talk-over-server.log",
            )
            result = trio.run(bench_talk_over_live, plan, settings, console)
            console.print(live_table(result))
        else:
            kept = out / "talk-over"
            result = bench_talk_over(Plan(recordings=recordings, kept=kept), settings, console)
            console.print(table_of(result))
    except SettingsError as problem:
        _fail(str(problem), USAGE)
    except (
        ServerFailed,
        Unreachable,
        ModelProblem,
        EngineFailure,
        NotAWav,
        ValueError,
        OSError,
    ) as problem:
        _fail(str(problem))
    _write(result, out, console)
    if not live:
        picture = out / "talk-over.svg"
        picture.write_text(talk_over_svg(result), encoding="utf-8")
        console.print(f"written: {picture}", markup=False, soft_wrap=True)


@bench_app.command()
def report(
    results: Annotated[
        list[Path] | None,
        typer.Argument(help="Result files, or folders of them; the default is bench-out."),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", help="File for the page.", metavar="FILE.html")
    ] = Path("report.html"),
) -> None:
    """Draw results as one HTML page that needs no other file."""
    from ..bench.report import write_report
    from ..bench.stored import NotAResult

    try:
        count = write_report(results or [OUT], out)
    except NotAResult as problem:
        _fail(str(problem), USAGE)
    except OSError as problem:
        _fail(f"{out}: cannot be written ({problem.strerror})")
    print(f"written: {out}, of {count} results")

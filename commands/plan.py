"""`parley plan`: what so many calls at once need, on paper."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from ..capacity.costs import Costs
    from ..capacity.plan import Plan

USAGE = 2


def _fail(message: str, code: int = USAGE) -> NoReturn:
    print(f"parley: {message}", file=sys.stderr)
    raise typer.Exit(code)


def plan(
    calls: Annotated[
        float | None,
        typer.Option(help="Calls at once in the busiest hour, on its average (erlangs)."),
    ] = None,
    arrivals_per_hour: Annotated[
        float | None, typer.Option(help="Instead of --calls: new calls in the busiest hour.")
    ] = None,
    call_minutes: Annotated[float, typer.Option(help="How long a call is, on average.")] = 4.0,
    talk_share: Annotated[
        float, typer.Option(help="Share of a call in which the caller talks.")
    ] = 0.35,
    reply_share: Annotated[
        float, typer.Option(help="Share of a call in which a reply is spoken.")
    ] = 0.4,
    turn_s: Annotated[float, typer.Option(help="Seconds that a caller talks at a stretch.")] = 3.0,
    dialect: Annotated[str, typer.Option(help="ws, stream, engine, realtime or telephone.")] = "ws",
    frame_ms: Annotated[
        int, typer.Option(help="Milliseconds of audio in a client's frame; 0: as usual, 20.")
    ] = 0,
    detector: Annotated[str, typer.Option(help="silero, webrtc or energy.")] = "silero",
    recognizer: Annotated[str, typer.Option(help="moonshine, whisper or service.")] = "moonshine",
    model: Annotated[
        str, typer.Option(help="service: a model behind HTTP; local: the built-in rules.")
    ] = "service",
    model_s: Annotated[
        float, typer.Option(help="Seconds for which a request to the model is open.")
    ] = 2.0,
    voice: Annotated[str, typer.Option(help="joe, kokoro, espeak or service.")] = "joe",
    recorded: Annotated[float, typer.Option(help="Share of calls that are recorded.")] = 0.0,
    most_refused: Annotated[
        float, typer.Option(help="Share of callers who may find everything taken.")
    ] = 0.001,
    percentile: Annotated[
        float,
        typer.Option(help="Share of moments in which recognizers and voices are enough."),
    ] = 0.999,
    machine_cores: Annotated[int, typer.Option(help="Cores of a machine.")] = 16,
    machine_memory_gb: Annotated[float, typer.Option(help="Its memory, in GB.")] = 64.0,
    machine_network_gbit: Annotated[
        float, typer.Option(help="Its network, each way, in Gbit/s.")
    ] = 10.0,
    fullest: Annotated[
        float, typer.Option(help="Share of its cores that is planned for; the rest is head room.")
    ] = 0.7,
    spare_machines: Annotated[int, typer.Option(help="So many machines may fail at once.")] = 1,
    costs: Annotated[
        Path | None,
        typer.Option(
            "--from",
            help="Costs of your machine, as `parley bench costs` writes them; else ours.",
            metavar="FILE.json",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Everything as JSON, with where each cost is from.")
    ] = False,
) -> None:
    """What so many calls at once need: machines, cores, bandwidth, and what breaks first.

    Nothing is started and nothing is asked: it is a calculation. docs/SCALE.md has the model, and
    how far it was from what was measured.
    """
    from ..capacity.costs import BadCosts
    from ..capacity.load import BadLoad, Load, Machine
    from ..capacity.plan import plan_of

    load = Load(
        calls=_calls(calls, arrivals_per_hour, call_minutes),
        call_minutes=call_minutes,
        talk_share=talk_share,
        reply_share=reply_share,
        turn_s=turn_s,
        dialect=dialect,
        frame_ms=frame_ms,
        detector=detector,
        recognizer=recognizer,
        model=model,
        model_s=model_s,
        voice=voice,
        recorded=recorded,
        most_refused=most_refused,
        percentile=percentile,
        spare_machines=spare_machines,
        machine=Machine(
            cores=machine_cores,
            memory_gb=machine_memory_gb,
            network_gbit=machine_network_gbit,
            used=fullest,
        ),
    )
    try:
        known = _costs(costs)
        made = plan_of(load, known)
    except BadLoad as bad:
        for problem in bad.problems:
            print(f"parley: {problem}", file=sys.stderr)
        raise typer.Exit(USAGE) from None
    except BadCosts as bad_costs:
        _fail(str(bad_costs))
    if as_json:
        print(json.dumps(_json(made, known), indent=1))
    else:
        _show(made, known)


def _calls(calls: float | None, arrivals_per_hour: float | None, call_minutes: float) -> float:
    if calls is not None and arrivals_per_hour is not None:
        _fail("say --calls or --arrivals-per-hour: the one follows from the other")
    if calls is not None:
        return calls
    if arrivals_per_hour is None:
        _fail("say how many --calls there are at once, or how many --arrivals-per-hour")
    return arrivals_per_hour * call_minutes / 60


def _costs(file: Path | None) -> Costs:
    from ..capacity.costs import BadCosts, costs_in, our_costs

    ours = our_costs()
    if file is None:
        return ours
    try:
        text = file.read_text("utf-8")
    except OSError as error:
        raise BadCosts(f"{file}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise BadCosts(f"{file}: is no text") from None
    return costs_in(text, str(file)).over(ours)


def _json(made: Plan, known: Costs) -> dict[str, object]:
    from ..capacity.figures import MEANINGS

    return asdict(made) | {
        "costs": {
            name: {
                **asdict(known.figure(name)),
                "unit": MEANINGS[name].unit,
                "what": MEANINGS[name].what,
            }
            for name in made.sure
        }
    }


def _show(made: Plan, known: Costs) -> None:
    from rich.console import Console
    from rich.table import Table

    from ..capacity.told import asked, met, needed, sources

    console = Console()
    for title, lines in (("the load", asked(made)), ("what it needs", needed(made))):
        table = Table(title=title, title_justify="left", box=None, pad_edge=False)
        table.add_column("", overflow="fold")
        table.add_column("", overflow="fold")
        table.add_column("rests on" if title != "the load" else "", style="dim")
        for line in lines:
            table.add_row(line.what, line.amount, line.rests_on)
        console.print(table)
        console.print()
    table = Table(title="what breaks first", title_justify="left", box=None, pad_edge=False)
    table.add_column("calls", justify="right")
    table.add_column("")
    for name in ("what", "then", "how sure"):
        table.add_column(name, overflow="fold")
    for what, at, then, sure, beyond in met(made):
        table.add_row(at, "!" if beyond else "", what, then, sure)
    console.print(table)
    console.print("! this plan is beyond it", markup=False)
    console.print("\nhow sure the costs are:", markup=False)
    for source in sources(known, made):
        console.print(f"  {source}", markup=False, soft_wrap=True)

"""The command line: `parley serve | talk | demo | doctor | models | voices | config | ...`.

Every mistake of the user is one line on stderr and exit code 2; a failure of what was asked for
is one line and exit code 1. Heavy imports wait for the command that needs them.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import trio
import typer

from .. import __version__
from ..config import Settings, SettingsError, load_settings
from .bench import bench_app
from .call import call
from .config import config
from .dev import dev
from .models import models_app
from .plan import plan
from .replay import replay
from .show import show
from .tokens import tokens_app
from .try_agent import try_agent
from .voices import voices_app

app = typer.Typer(
    name="parley",
    help="A voice server: speech in, spoken answers out, and you can interrupt it. "
    "Begin with `parley demo` or `parley serve`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

USAGE = 2


def fail(message: str, code: int = 1) -> NoReturn:
    print(f"parley: {message}", file=sys.stderr)
    raise typer.Exit(code)


def _settings(
    overrides: dict[str, object] | None = None, config: Path | None = None, *, warn: bool = True
) -> Settings:
    try:
        settings = _load(overrides or {}, config)
    except SettingsError as error:
        fail(str(error), USAGE)
    for warning in settings.warnings if warn else ():
        print(f"parley: {warning}", file=sys.stderr)
    return settings


def _load(overrides: dict[str, object], config: Path | None) -> Settings:
    """Raises SettingsError."""
    given = {key: value for key, value in overrides.items() if value is not None}
    return load_settings(given, toml_file=config)


ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="A TOML file with settings.", metavar="FILE")
]


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"parley {__version__}")
        raise typer.Exit


@app.callback()
def parley(
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True),
    ] = False,
) -> None:
    pass


@app.command()
def serve(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; 0.0.0.0 for every interface.")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    agent: Annotated[
        list[str] | None,
        typer.Option(
            "--agent",
            help="Who answers: module:agent or file.py:agent; may be given several times.",
            metavar="MODULE:AGENT",
        ),
    ] = None,
    tls_cert: Annotated[
        Path | None,
        typer.Option("--tls-cert", help="Serve https and wss with this certificate chain (PEM)."),
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", help="Its private key (PEM).")
    ] = None,
    insecure: Annotated[
        bool,
        typer.Option(
            "--insecure",
            help="Ask nobody for a token where others reach the server: something in front does.",
        ),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes side by side on one port; 0 is one per core.", metavar="N"),
    ] = None,
    config: ConfigFile = None,
) -> None:
    """Start the server. Ctrl-C lets replies finish; a second Ctrl-C stops at once."""
    from ..server.output import queued_output

    given: dict[str, object] = {
        "parley_host": host,
        "parley_port": port,
        "parley_tls_cert": None if tls_cert is None else str(tls_cert),
        "parley_tls_key": None if tls_key is None else str(tls_key),
        "parley_insecure": insecure or None,
        "parley_workers": workers,
    }
    with queued_output():  # a broken log, or one that nobody reads, is no reason not to serve
        code = _serve(agent or (), given, config)
    raise typer.Exit(code)


def _serve(names: Sequence[str], given: dict[str, object], config: Path | None) -> int:
    from ..agents.loading import load_agents
    from ..agents.problems import BadAgent
    from ..engines.failures import EngineUnavailable
    from ..server.process import CannotListen, serve_until_signalled
    from ..server.workers.handed import is_worker
    from ..server.workers.parent import is_by_workers, serve_by_workers

    settings = _settings(given, config, warn=not is_worker())
    try:
        if is_by_workers(settings) and not is_worker():
            return serve_by_workers(settings, functools.partial(_load, given, config))
        agents = [found for name in names for found in load_agents(name)]
        return serve_until_signalled(settings, agents=agents)
    except BadAgent as problem:
        fail(str(problem), USAGE)
    except (CannotListen, EngineUnavailable) as error:
        fail(str(error))


@app.command()
def talk(
    files: Annotated[
        list[Path] | None,
        typer.Argument(help="WAV files to play to the server.", metavar="FILE.wav..."),
    ] = None,
    mic: Annotated[
        bool, typer.Option("--mic", help="Use the microphone instead of files.")
    ] = False,
    realtime: Annotated[
        bool, typer.Option("--realtime", help="Speak OpenAI's Realtime API, at /v1/realtime.")
    ] = False,
    url: Annotated[
        str | None,
        typer.Option(
            help="The server's address; the default is ws://127.0.0.1:8084/ws, with --realtime "
            "ws://127.0.0.1:8084/v1/realtime."
        ),
    ] = None,
    token: Annotated[
        str, typer.Option(help="The token that the server asks for.", envvar="PARLEY_TOKEN")
    ] = "",
    ca: Annotated[
        Path | None,
        typer.Option(help="Certificates (PEM) to trust beside the system's.", metavar="FILE"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Also write the replies here: a folder, or NAME.wav for one recording."),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="Do not play the replies.")] = False,
    speed: Annotated[
        float, typer.Option(help="How many times real time to send at.", min=0.1, max=100)
    ] = 1.0,
    chunk_ms: Annotated[
        int, typer.Option(help="Milliseconds of audio in a frame.", min=10, max=1000)
    ] = 100,
) -> None:
    """Talk to a running server, with WAV files or a microphone; shows what it hears and answers."""
    if bool(files) == mic:
        fail("say what to talk with: one or more WAV files, or --mic", USAGE)
    from ..client.talk import default_url
    from ..client.talk import talk as have_talk

    conversation = functools.partial(
        have_talk,
        url or default_url(realtime=realtime),
        files or [],
        mic=mic,
        realtime=realtime,
        token=token,
        ca=ca,
        out=out,
        aloud=not quiet,
        speed=speed,
        chunk_ms=chunk_ms,
    )
    raise typer.Exit(trio.run(conversation).exit_code)


@app.command()
def demo(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Folder of WAV files with a words.txt; none: Parley's own eight."),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the replies and the figures.")] = Path(
        "demo-out"
    ),
    telephone: Annotated[
        bool, typer.Option("--telephone", help="As a telephone call, from a simulated carrier.")
    ] = False,
    service: Annotated[
        str | None,
        typer.Option(help="With --telephone: which service's protocol is spoken; else twilio's."),
    ] = None,
) -> None:
    """Try it: start a server on a free port, play recordings to it, show answers and latencies."""
    if telephone:
        from ..client.demo import EXAMPLES
        from ..testing.carrier.demo import demo_telephone

        chosen = (service or "twilio").strip().lower()
        raise typer.Exit(trio.run(demo_telephone, folder or EXAMPLES, out, chosen))
    if service is not None:
        fail("--service goes with --telephone", USAGE)
    from ..client.demo import EXAMPLES
    from ..client.demo import demo as hold_demo

    raise typer.Exit(trio.run(hold_demo, folder or EXAMPLES, out))


@app.command()
def doctor(config: ConfigFile = None) -> None:
    """Check which engines work on this machine, and what to do about those that do not."""
    settings = _settings(config=config)
    from .doctor import examine, show

    checks = examine(settings)
    show(checks)
    raise typer.Exit(0 if all(check.ok or not check.needed for check in checks) else 1)


app.add_typer(models_app)
app.add_typer(voices_app)
app.add_typer(tokens_app)
app.command()(call)
app.command()(config)
app.command()(plan)
app.command()(replay)
app.command()(show)
app.command("try")(try_agent)
app.command()(dev)
app.add_typer(bench_app)

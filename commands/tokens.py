"""`parley tokens new | list | revoke`: the tokens that let people in, in a file of hashes."""

from __future__ import annotations

import os
import sys
import tomllib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from ..config import SettingsError, load_settings
from ..server.access.doors import FOR_TOKENS
from ..server.access.token_file import appended, without
from ..server.access.tokens import BadTokens, Token, digest_of, new_token, read_tokens
from ..wallclock import unix_ms

tokens_app = typer.Typer(
    name="tokens", help="Tokens: who is let in, and how much each may use.", no_args_is_help=True
)

USAGE = 2
USUAL_FILE = "tokens.toml"

TokensFile = Annotated[
    Path | None,
    typer.Option(
        "--file",
        help=f"The file of tokens; else that of PARLEY_TOKENS_FILE, else {USUAL_FILE} here.",
        metavar="FILE",
    ),
]


def _fail(message: str, code: int = USAGE) -> NoReturn:
    print(f"parley: {message}", file=sys.stderr)
    raise typer.Exit(code)


@tokens_app.command("new")
def new(
    name: Annotated[str, typer.Argument(help="What it is for: small letters, digits, hyphens.")],
    file: TokensFile = None,
    door: Annotated[
        list[str] | None,
        typer.Option(
            "--door",
            help=f"What it opens: {', '.join(one.value for one in FOR_TOKENS)}; may be given "
            "several times. None: all but admin.",
        ),
    ] = None,
    days: Annotated[
        int | None, typer.Option(help="How many days it is to hold; none: for ever.", min=1)
    ] = None,
    claim: Annotated[
        list[str] | None,
        typer.Option(
            "--claim",
            help="What agents are told of whoever calls with it: NAME=VALUE; several times.",
            metavar="NAME=VALUE",
        ),
    ] = None,
    sessions: Annotated[
        int | None, typer.Option(help="Conversations at once that it may have.", min=1)
    ] = None,
    audio_s: Annotated[
        int | None, typer.Option(help="Seconds of speech an hour that it may have heard.", min=1)
    ] = None,
    characters: Annotated[
        int | None, typer.Option(help="Characters an hour that it may have spoken.", min=1)
    ] = None,
    requests: Annotated[
        int | None, typer.Option(help="Requests an hour to services with a price.", min=1)
    ] = None,
) -> None:
    """Make a token and print it: this once, since only its hash is kept.

    A server that runs with the file counts it from the next second on.
    """
    where = _file(file)
    text, known = _read(where, must_exist=False)
    if any(token.name == name for token in known):
        _fail(f"{where} has a token called {name!r}; revoke it first, or choose another name")
    limits = {
        "sessions": sessions,
        "audio_s_per_hour": audio_s,
        "characters_per_hour": characters,
        "requests_per_hour": requests,
    }
    try:
        token = new_token(name)
        text = appended(
            text,
            name=name,
            digest=digest_of(token),
            expires=None if days is None else _in_days(days),
            doors=door or [],
            claims=_claims(claim or []),
            limits={key: value for key, value in limits.items() if value is not None},
        )
        read_tokens(text, str(where))
    except (ValueError, BadTokens) as problem:
        _fail(str(problem))
    _write(where, text)
    print(token)
    print(
        f"parley: it is in {where} as a hash; nobody can show it again. Serve with "
        f"PARLEY_TOKENS_FILE={where}",
        file=sys.stderr,
    )


@tokens_app.command("list")
def list_tokens(file: TokensFile = None) -> None:
    """Show whose tokens are known, what each opens, and until when."""
    from rich.console import Console
    from rich.table import Table

    _, known = _read(_file(file))
    table = Table(box=None, pad_edge=False)
    for column in ("name", "expires", "doors", "limits", "claims"):
        table.add_column(column, overflow="fold")
    now_s = unix_ms() / 1000
    for token in known:
        table.add_row(
            token.name, _expiry(token, now_s), _doors(token), _limits(token), _shown(token)
        )
    Console().print(table)


@tokens_app.command("revoke")
def revoke(
    name: Annotated[str, typer.Argument(help="The token's name.")], file: TokensFile = None
) -> None:
    """Take a token out of the file: it opens nothing from the next second on, and its conversations
    end."""
    where = _file(file)
    text, known = _read(where)
    if all(token.name != name for token in known):
        names = ", ".join(token.name for token in known) or "none"
        _fail(f"{where} has no token called {name!r}; it has {names}")
    _write(where, without(text, name))
    print(f"{name} opens nothing any more")


def _file(given: Path | None) -> Path:
    if given is not None:
        return given
    try:
        set_one = load_settings({}).admitting.tokens_file
    except SettingsError as error:
        _fail(str(error))
    return Path(set_one or USUAL_FILE).expanduser()


def _read(where: Path, *, must_exist: bool = True) -> tuple[str, list[Token]]:
    try:
        text = where.read_text("utf-8")
        return text, read_tokens(text, str(where))
    except FileNotFoundError:
        if not must_exist:
            return "", []
        _fail(f"{where}: there is no such file; `parley tokens new` makes one")
    except (OSError, UnicodeDecodeError) as error:
        _fail(f"{where}: cannot be read: {error}")
    except BadTokens as problem:
        _fail(str(problem))


def _write(where: Path, text: str) -> None:
    """All of it or nothing, and for nobody else to read."""
    beside = where.with_name(f".{where.name}.{os.getpid()}")
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(text)
        os.replace(beside, where)
    except OSError as error:
        beside.unlink(missing_ok=True)
        _fail(f"{where}: cannot be written: {error.strerror}", 1)


def _claims(given: list[str]) -> dict[str, object]:
    """Numbers and true or false as such, everything else as words. Raises ValueError."""
    claims: dict[str, object] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not name.strip() or not equals:
            raise ValueError(f"{one!r} is no claim: write NAME=VALUE")
        try:
            claims[name.strip()] = tomllib.loads(f"value = {value}")["value"]
        except tomllib.TOMLDecodeError:
            claims[name.strip()] = value
    return claims


def _in_days(days: int) -> datetime:
    today = datetime.fromtimestamp(unix_ms() // 1000, UTC)
    return today + timedelta(days=days)


def _expiry(token: Token, now_s: float) -> str:
    if token.expires_s is None:
        return "never"
    moment = datetime.fromtimestamp(token.expires_s, UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{moment} (over)" if token.is_over(now_s) else moment


def _doors(token: Token) -> str:
    return " ".join(door.value for door in FOR_TOKENS if door in token.doors)


def _limits(token: Token) -> str:
    named = {
        "sessions": token.limits.sessions,
        "handshakes/s": token.limits.handshakes_per_s,
        "bytes/s": token.limits.bytes_per_s,
        "audio s/h": token.limits.audio_s_per_hour,
        "characters/h": token.limits.characters_per_hour,
        "requests/h": token.limits.requests_per_hour,
    }
    return ", ".join(f"{value:g} {name}" for name, value in named.items() if value) or "none"


def _shown(token: Token) -> str:
    return ", ".join(f"{name}={value}" for name, value in token.claims.items())

"""`parley call +49…`: have a running server make a call by a telephone service.

The server makes it (server/telephone/outbound.py); this asks, and tells how it goes. Exit code 0
for a call that was answered, 1 for one that was not or that nobody made, 2 for a wrong command.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import trio
import typer

from ..addresses import url_of
from ..config import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    import httpx2

USAGE = 2
ASK_S = 30.0
"""Longer than the server waits for the service."""
POLL_S = 1.0
SILENT_S = 90.0
"""So long without a word of the service, and it is said what may be wrong; phones ring a minute."""

WORDS: Mapping[str, str] = {
    "dialing": "dialing",
    "ringing": "it rings",
    "answered": "answered",
    "ended": "the call is over",
    "busy": "busy",
    "no-answer": "nobody answered",
    "failed": "the call failed",
    "canceled": "the call was canceled",
}
ANSWERED_BY: Mapping[str, str] = {
    "human": "a person answered",
    "machine": "a machine answered",
    "machine-ready": "the machine is listening",
    "fax": "a fax answered",
    "unknown": "who answered is not known",
}


def call(
    to: Annotated[str, typer.Argument(help="The number, with + and its country's code.")],
    agent: Annotated[str, typer.Option(help="Who talks; the default is the first agent.")] = "",
    service: Annotated[
        str, typer.Option(help="twilio, telnyx or another; the default is the first that can.")
    ] = "",
    from_: Annotated[
        str, typer.Option("--from", help="The number to call from, if not PARLEY_TELEPHONE_NUMBER.")
    ] = "",
    parameter: Annotated[
        list[str] | None,
        typer.Option("--parameter", help="A parameter of the call; several times.", metavar="N=X"),
    ] = None,
    url: Annotated[
        str, typer.Option(help="The server's address; the default is the one of the settings.")
    ] = "",
    detect_machine: Annotated[
        bool, typer.Option("--detect-machine", help="Have the service tell machines from people.")
    ] = False,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Tell how the call goes until it is over.")
    ] = True,
) -> None:
    """Have a running server call somebody. It takes PARLEY_TELEPHONE_TOKEN, here and there."""
    try:
        settings = load_settings()
        parameters = dict(_parameter(given) for given in parameter or ())
        if url and not url.startswith(("http://", "https://")):
            raise ValueError(f"--url {url!r} is refused; write it as http://127.0.0.1:8084")
    except (SettingsError, ValueError) as problem:
        _fail(str(problem), USAGE)
    token = settings.telephone.token
    if token is None:
        _fail("set PARLEY_TELEPHONE_TOKEN, here and where the server runs", USAGE)
    wanted = {
        "to": to,
        "agent": agent,
        "service": service,
        "from": from_,
        "parameters": parameters,
        "detect_machine": detect_machine,
    }
    try:
        trio.run(_call, url or _url(settings), token.get_secret_value(), wanted, wait)
    except KeyboardInterrupt:
        print("the call goes on; nobody watches it here any more")


async def _call(url: str, token: str, wanted: Mapping[str, object], wait: bool) -> None:
    from ..engines.services.http_client import BadEnvironment, open_http

    headers = {"Authorization": f"Bearer {token}"}
    try:
        open_client = open_http(url, headers=headers, timeout=ASK_S)
    except BadEnvironment as problem:
        _fail(str(problem))
    async with open_client as client:
        made = await _ask(client, "POST", f"{url.rstrip('/')}/telephone/calls", wanted)
        call_id = str(made.get("call_id", ""))
        if not call_id:
            _fail(f"what answers at {url} is not Parley: it told no call")
        print(f"{made.get('service', 'the service')} makes call {call_id}", flush=True)
        if wait:
            await _follow(client, f"{url.rstrip('/')}/telephone/calls/{call_id}")


async def _follow(client: httpx2.AsyncClient, url: str) -> None:
    """Tell each change until the call is over."""
    shown: tuple[str, str] = ("dialing", "")
    answered, asked_at = False, trio.current_time()
    while True:
        state = await _ask(client, "GET", url)
        status, answered_by = str(state.get("status", "")), str(state.get("answered_by", ""))
        if status != shown[0]:
            print(WORDS.get(status, status), flush=True)
        if answered_by != shown[1]:
            print(ANSWERED_BY.get(answered_by, answered_by), flush=True)
        shown = status, answered_by
        answered = answered or status in ("answered", "ended")
        if state.get("over"):
            if not answered:
                raise typer.Exit(1)
            return
        if status == "dialing" and trio.current_time() - asked_at > SILENT_S:
            _fail("the service tells nothing of the call: can it reach PARLEY_PUBLIC_URL?")
        await trio.sleep(POLL_S)


async def _ask(
    client: httpx2.AsyncClient, method: str, url: str, body: object = None
) -> dict[str, Any]:
    """The answer's object. Ends the command where there is none."""
    import httpx2

    try:
        response = await client.request(method, url, json=body)
        found = response.json()
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        _fail(f"no server can be reached at {url}: {type(error).__name__}")
    except ValueError:
        _fail(f"what answers at {url} is not Parley ({response.status_code})")
    if not isinstance(found, dict):
        _fail(f"what answers at {url} is not Parley ({response.status_code})")
    if response.status_code >= 400:
        _fail(str(found.get("error", response.status_code)))
    return found


def _parameter(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals or not name.strip():
        raise ValueError(f"--parameter {given!r} is refused; write it as name=value")
    return name.strip(), value


def _url(settings: Settings) -> str:
    scheme = "http" if settings.admitting.tls_cert is None else "https"
    return url_of(scheme, settings.serving.host, settings.serving.port)


def _fail(message: str, code: int = 1) -> NoReturn:
    print(f"parley: {message}", file=sys.stderr)
    raise typer.Exit(code)

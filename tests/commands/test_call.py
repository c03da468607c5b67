"""`parley call`, as a person types it, before a server that answers what it is told to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from parley.commands import call as call_module
from parley.commands.app import app
from parley.config.variables import Variables

Command = Callable[..., Result]
MADE = (202, {"ok": True, "call_id": "CA9", "service": "twilio"})


class FakeParley:
    """Answers in turn; the last one again and again."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any]] = []
        self.seen: list[tuple[str, str, str, Any]] = []
        parley = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                authorization = self.headers.get("Authorization", "")
                parley.seen.append((self.command, self.path, authorization, body))
                answers = parley.answers
                status, value = answers.pop(0) if len(answers) > 1 else answers[0]
                data = value if isinstance(value, bytes) else json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = _answer  # noqa: N815

            def log_message(self, *args: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def states(self, *states: tuple[str, str, bool]) -> None:
        self.answers = [
            MADE,
            *(
                (200, {"ok": True, "status": status, "answered_by": who, "over": over})
                for status, who, over in states
            ),
        ]


@pytest.fixture
def parley() -> Iterator[FakeParley]:
    fake = FakeParley()
    thread = threading.Thread(target=fake.server.serve_forever, args=(0.01,))
    thread.start()
    yield fake
    fake.server.shutdown()
    fake.server.server_close()
    thread.join()


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)  # no .env of anybody
    for name in Variables.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.setenv("PARLEY_TELEPHONE_TOKEN", "t0ken")
    monkeypatch.setattr(call_module, "POLL_S", 0.01)
    return lambda *arguments: CliRunner().invoke(app, ["call", *arguments])


def test_a_call_is_made_and_told_to_its_end(command: Command, parley: FakeParley) -> None:
    parley.states(
        ("dialing", "", False),
        ("ringing", "", False),
        ("ringing", "", False),
        ("answered", "", False),
        ("answered", "human", False),
        ("ended", "human", True),
    )
    result = command(
        *("+4930123", "--agent", "sales", "--service", "twilio", "--from", "+4940456"),
        *("--parameter", "name=Ada", "--detect-machine", "--url", parley.url + "/"),
    )
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "twilio makes call CA9",
        "it rings",
        "answered",
        "a person answered",
        "the call is over",
    ]
    method, path, authorization, body = parley.seen[0]
    assert (method, path, authorization) == ("POST", "/telephone/calls", "Bearer t0ken")
    assert body == {
        "to": "+4930123",
        "agent": "sales",
        "service": "twilio",
        "from": "+4940456",
        "parameters": {"name": "Ada"},
        "detect_machine": True,
    }
    assert parley.seen[1][:2] == ("GET", "/telephone/calls/CA9")


def test_a_call_that_nobody_answers_is_a_failure(command: Command, parley: FakeParley) -> None:
    parley.states(("ringing", "", False), ("no-answer", "", True))
    result = command("+4930123", "--url", parley.url)
    assert result.exit_code == 1
    assert "nobody answered" in result.stdout


def test_who_does_not_wait_is_told_the_id(command: Command, parley: FakeParley) -> None:
    parley.answers = [MADE]
    result = command("+4930123", "--no-wait", "--url", parley.url)
    assert (result.exit_code, result.stdout) == (0, "twilio makes call CA9\n")
    assert len(parley.seen) == 1


def test_what_answers_and_is_not_parley_made_no_call(command: Command, parley: FakeParley) -> None:
    parley.answers = [(201, {"sid": "CA9"})]
    result = command("+4930123", "--url", parley.url)
    assert result.exit_code == 1
    assert "is not Parley" in result.stderr


def test_an_address_has_its_scheme(command: Command, parley: FakeParley) -> None:
    result = command("+4930123", "--url", parley.url.removeprefix("http://"))
    assert result.exit_code == 2
    assert "write it as http://" in result.stderr
    assert parley.seen == []


def test_a_service_that_tells_nothing_is_named(
    command: Command, parley: FakeParley, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(call_module, "SILENT_S", 0.05)
    parley.states(("dialing", "", False))
    result = command("+4930123", "--url", parley.url)
    assert result.exit_code == 1
    assert "PARLEY_PUBLIC_URL" in result.stderr


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ((401, {"ok": False, "error": "the token is missing"}), "the token is missing"),
        ((502, {"ok": False, "error": "twilio did not make the call"}), "did not make"),
        ((200, b"<html>"), "is not Parley"),
        ((200, ["odd"]), "is not Parley"),
        ((500, {}), "500"),
    ],
)
def test_what_the_server_says_is_told(
    command: Command, parley: FakeParley, answer: tuple[int, Any], words: str
) -> None:
    parley.answers = [answer]
    result = command("+4930123", "--url", parley.url)
    assert result.exit_code == 1
    assert words in result.stderr
    assert "t0ken" not in result.output


def test_a_server_that_is_not_there_is_told(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PARLEY_PORT", "9")
    result = command("+4930123")
    assert result.exit_code == 1
    assert "no server can be reached at http://127.0.0.1:9" in result.stderr


def test_without_a_token_nothing_is_asked(
    command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PARLEY_TELEPHONE_TOKEN")
    result = command("+4930123")
    assert result.exit_code == 2
    assert "PARLEY_TELEPHONE_TOKEN" in result.stderr


@pytest.mark.parametrize("arguments", [[], ["+4930123", "--parameter", "name"]])
def test_a_wrong_command_is_a_mistake_of_the_user(command: Command, arguments: list[str]) -> None:
    assert command(*arguments).exit_code == 2

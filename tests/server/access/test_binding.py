"""A server that others reach has a lock, or does not start."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from parley.commands.app import app
from parley.config import Settings
from parley.embedding import open_server
from parley.server.access.binding import Exposed, check_binding

LOCK = {"parley_token": "a-token-of-my-own"}
OPEN = {"parley_host": "0.0.0.0"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, ""),
        ({"parley_host": "localhost"}, ""),
        ({"parley_host": "::1"}, ""),
        ({"parley_host": "127.3.2.1"}, ""),
        (OPEN, "PARLEY_TOKEN"),
        ({"parley_host": "::"}, "PARLEY_TOKEN"),
        ({"parley_host": "192.168.1.5"}, "--insecure"),
        ({"parley_host": "voice.example.org"}, "--insecure"),
        ({**OPEN, **LOCK}, ""),
        ({**OPEN, "parley_tokens_file": "tokens.toml"}, ""),
        ({**OPEN, "parley_insecure": True}, ""),
        ({**OPEN, **LOCK, "parley_audiosocket_port": 9092}, "AudioSocket"),
        (
            {
                **OPEN,
                **LOCK,
                "parley_audiosocket_port": 9092,
                "parley_telephone_open": "audiosocket",
            },
            "",
        ),
        ({"parley_audiosocket_port": 9092}, ""),
        ({"parley_admin_port": 9090}, ""),
        ({"parley_admin_port": 9090, "parley_admin_host": "0.0.0.0"}, "PARLEY_ADMIN_TOKEN"),
        (
            {
                "parley_admin_port": 9090,
                "parley_admin_host": "0.0.0.0",
                "parley_admin_token": "an-admin's-own-token",
            },
            "",
        ),
        ({"parley_agent_port": 8085}, ""),
        ({"parley_agent_port": 8085, "parley_agent_host": "10.1.2.3"}, ""),
        ({"parley_agent_port": 8085, "parley_agent_host": "0.0.0.0"}, ""),
        ({"parley_agent_port": 8085, "parley_agent_host": "node-1.example.org"}, ""),
        ({"parley_agent_port": 8085, "parley_agent_host": "8.8.8.8"}, "PARLEY_AGENT_HOST"),
        (
            {"parley_agent_port": 1, "parley_agent_host": "[2a00::1]", "parley_insecure": True},
            "PARLEY_AGENT_HOST",
        ),
        ({"parley_tls_cert": "cert.pem"}, "both"),
        ({"parley_tls_key": "key.pem"}, "both"),
    ],
)
def test_where_a_server_may_listen(settings: dict[str, object], words: str) -> None:
    chosen = Settings.defaults(**settings)
    if not words:
        check_binding(chosen)
        return
    with pytest.raises(Exposed) as refused:
        check_binding(chosen)
    assert words in str(refused.value)
    assert "\n" not in str(refused.value)


def test_serve_says_so_in_one_line_and_does_not_start() -> None:
    answer = CliRunner().invoke(app, ["serve", "--host", "0.0.0.0", "--port", "0"])
    assert answer.exit_code == 1
    assert answer.stderr.count("\n") == 1
    assert "parley tokens new" in answer.stderr


async def test_an_embedded_server_is_no_exception() -> None:
    with pytest.raises(ValueError, match="nobody would be asked for a token"):
        async with open_server(host="0.0.0.0", port=0):
            pass

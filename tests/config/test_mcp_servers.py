"""The list of MCP servers as it is set."""

from __future__ import annotations

import pytest

from parley.config import mcp_server


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("uvx mcp-server-time --local-timezone=Europe/Berlin", "mcp-server-time"),
        ("npx -y @scope/server-files /home/ann", "server-files"),
        ("env API_KEY=secret python3 -m shop_server --token=secret", "shop_server"),
        ("/opt/tools/stock.sh", "stock"),
        ("docker run -i --rm time", "time"),
        ("python3 --version", "python3"),
        ("clock=uvx mcp-server-time", "clock"),
        ("http://127.0.0.1:9000/mcp?key=secret", "127.0.0.1"),
    ],
)
def test_a_server_without_a_name_is_called_like_its_program(written: str, name: str) -> None:
    assert mcp_server(written).name == name

"""A server on an IPv6 address is found where it says that it is."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
import trio

from support.live_server import WEATHER, open_client
from support.serve_process import RULES, ServeProcess, serving

pytestmark = pytest.mark.slow


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


async def url_told(served: ServeProcess) -> str:
    """Where the log says that it listens."""
    with trio.fail_after(30):
        while True:
            for line in served.log.read_text().splitlines():
                if (told := json.loads(line))["event"] == "listening":
                    return str(told["url"])
            await trio.sleep(0.05)


@pytest.mark.long
@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["::", "[::1]", "::1"])
async def test_the_url_in_the_log_can_be_opened(host: str, tmp_path: Path) -> None:
    reachable = RULES | {"PARLEY_INSECURE": "1"}
    async with serving(tmp_path, environ=reachable, ready=False, PARLEY_HOST=host) as served:
        url = await url_told(served)
        assert url == f"ws://[::1]:{served.port}/ws"
        async with open_client(url) as client:
            await client.utter(WEATHER)
            await client.wait_for("tts_complete")

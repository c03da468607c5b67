"""A server that has few descriptors, little memory, no disk, or a clock that is set back."""

from __future__ import annotations

import json
import resource
import shutil
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import trio

from parley.engines.failures import EngineFailure
from support.figures import Figures
from support.live_server import HOST, POLL_S, WEATHER, open_client, open_live_server
from support.serve_process import ServeProcess, serving

pytestmark = pytest.mark.slow

DESCRIPTORS = 64
STRANGERS = 100
HOUR_NS = 3600 * 10**9


def events(served: ServeProcess, name: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in served.log.read_text().splitlines()]
    return [line for line in lines if line["event"] == name]


async def test_without_descriptors_who_talks_is_not_hurt_and_others_wait(
    tmp_path: Path, figures: Figures
) -> None:
    async with serving(tmp_path, shell=f'ulimit -n {DESCRIPTORS}; exec "$@"') as served:
        async with open_client(served.url) as client, AsyncExitStack() as strangers:
            await client.session_id()
            for _ in range(STRANGERS):
                stream = await trio.open_tcp_stream(HOST, served.port)
                strangers.push_async_callback(trio.aclose_forcefully, stream)
            while not events(served, "cannot_accept"):
                await trio.sleep(POLL_S)
            await client.utter(WEATHER)
            await client.wait_for("tts_complete")
            assert client.codes == []
        async with open_client(served.url) as client:
            await client.utter(WEATHER)
            await client.wait_for("tts_complete")
        assert len(events(served, "few_descriptors")) == 1
        told = events(served, "cannot_accept")
        figures.tell(
            f"{STRANGERS} strangers at {DESCRIPTORS} descriptors", f"{len(told)} line", "1"
        )
        assert len(told) == 1
        assert "Traceback" not in served.log.read_text()
        served.process.terminate()
        assert await served.process.wait() == 0

"""Whoever talks to a server is told that it records."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from parley.client.talk import talk
from parley.client.told_settings import RECORDS, RECORDS_SOME, recording_notice
from support.live_server import open_live_server


@pytest.mark.parametrize(
    ("share", "notice"), [("1", RECORDS), ("0.5", RECORDS_SOME), ("0", ""), (None, "")]
)
async def test_a_server_says_whether_it_records(
    share: str | None, notice: str, tmp_path: Path
) -> None:
    kept: dict[str, Any] = {} if share is None else {"stream_record_dir": str(tmp_path)}
    async with open_live_server(**kept, stream_record_share=float(share or 1)) as live:
        for path in ("/ws", "/v1/realtime"):
            assert await recording_notice(f"ws://127.0.0.1:{live.port}{path}?x=1", path) == notice
        screen, errors = io.StringIO(), io.StringIO()
        await talk(
            f"ws://127.0.0.1:{live.port}/ws",
            [tmp_path / "none.wav"],
            console=Console(file=screen),
            errors=Console(file=errors),
        )
        assert screen.getvalue().strip() == notice
        assert "none.wav" in errors.getvalue()


@pytest.mark.parametrize(
    "url", ["ws://127.0.0.1:1/ws", "ws://[/ws", "http://127.0.0.1:1/ws", "nonsense", "ws://a b/ws"]
)
async def test_an_address_that_tells_nothing_is_no_failure(url: str) -> None:
    assert await recording_notice(url, "/ws") == ""

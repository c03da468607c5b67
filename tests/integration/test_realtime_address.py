"""The address of dialect D on a live port: keys, subprotocols, names of the model, its aliases."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from trio_websocket import open_websocket_url

from support.live_server import open_live_server

pytestmark = pytest.mark.slow

KEY = "sk-secret-1234"
BEARER = (b"Authorization", f"Bearer {KEY}".encode())
BY_SUBPROTOCOL = ["realtime", f"openai-insecure-api-key.{KEY}"]


@pytest.mark.few(1)
@pytest.mark.parametrize(
    ("path", "subprotocols", "headers", "selected"),
    [
        ("/v1/realtime?model=gpt-realtime", None, [], None),
        ("/realtime?model=gpt-realtime", None, [BEARER], None),
        ("/v1/realtime?model=gpt-realtime", BY_SUBPROTOCOL, [], "realtime"),
        ("/v1/realtime?model=gpt-realtime", BY_SUBPROTOCOL, [BEARER], "realtime"),
        ("/v1/realtime?model=gpt-realtime", BY_SUBPROTOCOL[1:], [], None),
    ],
)
async def test_a_key_may_come_in_any_way_and_is_never_told(
    path: str,
    subprotocols: list[str] | None,
    headers: Sequence[tuple[bytes, bytes]],
    selected: str | None,
) -> None:
    async with (
        open_live_server() as live,
        open_websocket_url(
            live.url(path), subprotocols=subprotocols, extra_headers=list(headers)
        ) as client,
    ):
        frame = await client.get_message()
        created: dict[str, Any] = json.loads(frame)
        assert created["type"] == "session.created"
        assert created["session"]["model"] == "gpt-realtime"
        assert client.subprotocol == selected
        told = [frame, *(value.decode() for _, value in client.handshake_headers)]
        assert not [text for text in told if KEY in text]

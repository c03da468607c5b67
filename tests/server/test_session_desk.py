"""What whoever looks after a server may do to its sessions, over a real socket."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio

from parley.embedding import Settings, open_server
from parley.protocol import close_codes
from parley.testing import silence, speech
from support.administration import SOUND, ask, own, talking

SILENT_RATE = SOUND[:24] + bytes(4) + SOUND[28:]
"""A WAV of no samples a second."""
BODIES = {"wav": SOUND, "text": b'{"text": "The server restarts soon."}'}


async def test_one_session_is_looked_up() -> None:
    async with open_server(port=0, own=own()) as server, talking(server) as (session_id, _):
        answer = await ask(server.port, "GET", f"/sessions/{session_id}")
        line: dict[str, Any] = answer.json()["session"]
        assert (line["session_id"], line["state"]) == (session_id, "responding")
        (listed,) = (await ask(server.port, "GET", "/sessions")).json()["sessions"]
        assert listed.keys() == line.keys()


async def test_a_reply_is_cancelled_and_the_conversation_goes_on() -> None:
    async with open_server(port=0, own=own()) as server, talking(server) as (session_id, client):
        answer = await ask(server.port, "POST", f"/sessions/{session_id}/cancel")
        assert answer.json() == {"ok": True, "session_id": session_id, "cancelled": True}
        with trio.fail_after(5):
            while server.status().sessions[0].is_speaking:
                await trio.sleep(0.01)
        again = await ask(server.port, "POST", f"/sessions/{session_id}/cancel")
        assert again.json()["cancelled"] is False
        await client.speak(speech(600) + silence(900), speed=10)
        with trio.fail_after(5):
            while not server.status().sessions[0].is_speaking:
                await trio.sleep(0.01)


async def test_a_session_is_closed_in_peace() -> None:
    settings = Settings.defaults(stream_drain_s=1)
    async with (
        open_server(settings, port=0, own=own()) as server,
        talking(server) as (session_id, client),
        server.connect() as other,
    ):
        answer = await ask(server.port, "DELETE", f"/sessions/{session_id}")
        assert answer.json() == {"ok": True, "session_id": session_id, "closed": True}
        assert (await client.wait_closed()).code == close_codes.NORMAL
        assert server.status().clients == 1
        assert other.closed is None


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/sessions/nobody"), ("DELETE", "/sessions/a%2Fb"), ("POST", "/sessions/x/cancel")],
)
async def test_a_session_that_there_is_not_is_not_found(method: str, path: str) -> None:
    async with open_server(port=0, own=own()) as server:
        answer = await ask(server.port, method, path)
    assert answer.status == 404
    assert answer.json()["ok"] is False


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("POST", "/sessions/nobody", "DELETE, GET, HEAD"),
        ("GET", "/sessions/nobody/cancel", "POST"),
        ("GET", "/broadcast", "POST"),
    ],
)
async def test_another_method_is_told_which_there_are(method: str, path: str, allowed: str) -> None:
    async with open_server(port=0, own=own()) as server:
        answer = await ask(server.port, method, path)
    assert (answer.status, answer.headers["allow"]) == (405, allowed)


@pytest.mark.parametrize(
    "body", [SOUND, b'{"text": "The server restarts soon."}'], ids=["wav", "text"]
)
async def test_a_recording_or_a_text_is_for_every_client(body: bytes) -> None:
    async with (
        open_server(port=0, own=own()) as server,
        server.connect() as first,
        server.connect("/engine") as second,
    ):
        ids = [session.session_id for session in server.status().sessions]
        answer = await ask(server.port, "POST", "/broadcast", body)
        assert answer.json() == {"ok": True, "clients": 2}
        with trio.fail_after(5):
            while not (first.received and second.received[1:]):
                await trio.sleep(0.01)
        some = await ask(server.port, "POST", f"/broadcast?exclude={ids[0]},nobody", body)
        assert some.json()["clients"] == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"words": "x"}',
        b'{"text": ""}',
        b'{"text": 5}',
        b"noise " * 50,
        SOUND[:44],
        SILENT_RATE,
    ],
    ids=lambda body: repr(body[:12]),
)
async def test_what_cannot_be_announced_is_refused_with_words(body: bytes) -> None:
    async with open_server(port=0, own=own()) as server, server.connect() as client:
        answer = await ask(server.port, "POST", "/broadcast", body)
        assert answer.status in (400, 415)
        assert answer.json()["error"]
        assert client.of("tts_chunk") == []


@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "/sessions/x"), ("POST", "/sessions/x/cancel"), ("POST", "/broadcast")],
)
async def test_a_foreign_page_and_who_has_no_token_are_refused(method: str, path: str) -> None:
    body = json.dumps({"text": "hello"}).encode()
    async with open_server(port=0, own=own()) as server:
        foreign = await ask(server.port, method, path, body, {"Origin": "https://evil.example"})
        assert foreign.status == 403
    settings = Settings.defaults(parley_admin_token="the-admin's-own-token")
    async with open_server(settings, port=0, own=own()) as server:
        assert (await ask(server.port, method, path, body)).status == 401
        wrong = await ask(
            server.port, method, path, body, {"Authorization": "Bearer no-such-token"}
        )
        assert wrong.status == 401

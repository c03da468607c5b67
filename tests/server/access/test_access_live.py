"""The table of refusals, on a live port: every door, every kind of proof, every kind of page."""

from __future__ import annotations

import functools
import itertools
import json
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
import trio

from parley.agent import Agent, Call
from parley.conversation.caller import Caller
from parley.embedding import RunningServer, Settings, open_server
from parley.embedding import RunningServer as Running
from parley.engines.room import open_engine_room
from parley.server.access.token_file import appended
from parley.server.access.tokens import digest_of, new_token
from parley.server.tree import Server, open_listeners
from support.access import own_engines
from support.ws_client import KEY, RawClient

NOW = datetime.now(UTC)
PLAIN = {"/ws": "ws", "/stream": "stream", "/engine": "engine", "/v1/realtime": "realtime"}
HTTP = ("/v1/models", "/api/stream_config")
ADMIN = ("/metrics", "/sessions", "/telephone")
OPEN = ("/health", "/healthz", "/ready", "/readyz", "/", "/static/parley.js")
EVIL = "https://evil.example.org"


class Tokens:
    """A file with a token of each kind."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "tokens.toml"
        self._text = ""
        self.whole = self.add("whole")
        self.only_ws = self.add("only-ws", doors=["ws"])
        self.admin = self.add("admin", doors=["admin"])
        self.expired = self.add("expired", expires=NOW - timedelta(days=1))
        self.tenant = self.add("tenant", claims={"tenant": "acme"})
        self.one = self.add("one", limits={"sessions": 1})
        self.slow = self.add("slow", limits={"handshakes_per_s": 0.5})
        self.unknown = new_token("whole")

    def add(self, name: str, **more: Any) -> str:
        token = new_token(name)
        blank: dict[str, Any] = {"expires": None, "doors": [], "claims": {}, "limits": {}}
        self._text = appended(self._text, name=name, digest=digest_of(token), **{**blank, **more})
        self.file.write_text(self._text)
        return token


@asynccontextmanager
async def serving(tokens: Tokens | None = None, **more: object) -> AsyncIterator[Running]:
    agents = more.pop("agents", ())
    named = {"parley_tokens_file": str(tokens.file)} if tokens is not None else {}
    settings = Settings.defaults(**{**named, **more})
    with trio.fail_after(30):
        async with open_server(settings, port=0, own=own_engines(), agents=agents) as server:  # type: ignore[arg-type]
            await server.until_ready()
            yield server


async def ask(
    server: Running,
    path: str,
    *lines: str,
    method: str = "GET",
    upgrade: bool = False,
    host: str = "localhost",
    body: bytes = b"",
) -> tuple[int, Mapping[str, str], bytes]:
    """Status, headers and body of one request; a WebSocket that was opened is dropped."""
    named = list(lines)
    if upgrade:
        named += ["Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13"]
        named += [f"Sec-WebSocket-Key: {KEY}"]
    else:
        named += ["Connection: close"]
    if body:
        named += [f"Content-Length: {len(body)}"]
    text = "\r\n".join([f"{method} {path} HTTP/1.1", f"Host: {host}", *named, "", ""])
    stream = await trio.open_tcp_stream("127.0.0.1", server.port)
    async with stream:
        await stream.send_all(text.encode("latin-1") + body)
        client = RawClient(stream)
        top = (await client.read_until(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value
            for name, _, value in (line.partition(": ") for line in top[1:] if line)
        }
        rest = b""
        if top[0].split()[1] != "101":
            rest = await client.read_exactly(int(headers.get("content-length", "0")))
    return int(top[0].split()[1]), headers, rest


def bearer(token: str) -> str:
    return f"Authorization: Bearer {token}"


async def ticket_of(server: Running, token: str, **wanted: object) -> str:
    body = json.dumps(wanted).encode() if wanted else b""
    status, _, answer = await ask(server, "/tickets", bearer(token), method="POST", body=body)
    assert status == 200, answer
    return str(json.loads(answer)["ticket"])


def locked() -> Iterator[tuple[str, bool]]:
    yield from ((path, True) for path in PLAIN)
    yield from ((path, True) for path in ("/nowhere", "/"))
    yield from ((path, False) for path in (*HTTP, *ADMIN, "/recordings/x", "/nowhere"))


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    return Tokens(tmp_path)


# Proofs


async def test_without_a_token_nothing_is_open_but_the_page_and_whether_it_lives(
    tokens: Tokens,
) -> None:
    async with serving(tokens) as server:
        for path, upgrade in locked():
            status, headers, body = await ask(server, path, upgrade=upgrade)
            assert (path, status) == (path, 401)
            assert headers["www-authenticate"].startswith("Bearer")
            assert b"token" in body
        for path in OPEN:
            assert (await ask(server, path))[0] == 200


@pytest.mark.parametrize(
    ("how", "status"),
    [
        ("whole", 101),
        ("unknown", 401),
        ("expired", 401),
        ("admin", 403),
        ("no bearer", 401),
        ("empty", 401),
        ("basic", 401),
        ("two headers", 400),
        ("header and ticket", 400),
        ("header and another header", 400),
        ("same twice in two headers", 400),
        ("x-api-key", 101),
        ("api-key", 101),
        ("subprotocol", 101),
        ("openai's subprotocol", 101),
        ("wrong subprotocol", 401),
        ("in the URL", 401),
        ("in the URL as access_token", 401),
        ("in the URL beside a right header", 401),
        ("in the path", 401),
        ("a ticket", 101),
        ("a ticket as an API key", 101),
        ("a ticket as OpenAI's key in a browser", 101),
        ("a forged ticket as an API key", 401),
        ("a ticket of another server", 401),
        ("no ticket", 401),
        ("empty ticket", 401),
        ("a ticket for another door", 403),
        ("a telephone's password", 401),
    ],
)
async def test_every_kind_of_proof_at_a_websocket(tokens: Tokens, how: str, status: int) -> None:
    async with serving(tokens) as server:
        whole = tokens.whole
        path, lines = "/ws", []
        match how:
            case "whole" | "unknown" | "expired" | "admin":
                lines = [bearer(getattr(tokens, how))]
            case "no bearer":
                lines = [f"Authorization: {whole}"]
            case "empty":
                lines = ["Authorization: Bearer "]
            case "basic":
                lines = ["Authorization: Basic dXNlcjpwYXNz"]
            case "two headers":
                lines = [bearer(whole), bearer(tokens.only_ws)]
            case "same twice in two headers":
                lines = [bearer(whole), bearer(whole)]
            case "header and ticket":
                path, lines = f"/ws?ticket={await ticket_of(server, whole)}", [bearer(whole)]
            case "header and another header":
                lines = [bearer(whole), f"X-Api-Key: {tokens.only_ws}"]
            case "x-api-key" | "api-key":
                lines = [f"{how}: {whole}"]
            case "subprotocol":
                lines = [f"Sec-WebSocket-Protocol: parley, parley-token.{whole}"]
            case "openai's subprotocol":
                lines = [f"Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.{whole}"]
            case "wrong subprotocol":
                lines = [f"Sec-WebSocket-Protocol: parley-token.{tokens.unknown}"]
            case "in the URL":
                path = f"/ws?token={whole}"
            case "in the URL as access_token":
                path = f"/ws?access_token={whole}"
            case "in the URL beside a right header":
                path, lines = f"/ws?x={whole}", [bearer(whole)]
            case "in the path":
                path = f"/ws/{whole}"
            case "a ticket":
                path = f"/ws?ticket={await ticket_of(server, whole)}"
            case "a ticket as an API key":
                lines = [bearer(await ticket_of(server, whole))]
            case "a ticket as OpenAI's key in a browser":
                ticket = await ticket_of(server, whole)
                key = f"openai-insecure-api-key.{ticket}"
                path, lines = "/v1/realtime", [f"Sec-WebSocket-Protocol: realtime, {key}"]
            case "a forged ticket as an API key":
                lines = [bearer("abc.def")]
            case "a ticket of another server":
                async with serving(tokens) as other:
                    path = f"/ws?ticket={await ticket_of(other, whole)}"
            case "no ticket":
                path = "/ws?ticket=abc.def"
            case "empty ticket":
                path = "/ws?ticket="
            case "a ticket for another door":
                path = f"/ws?ticket={await ticket_of(server, whole, doors=['http'])}"
            case _:
                path = f"/ws/key-{whole[:20]}"
        found, headers, body = await ask(server, path, *lines, upgrade=True)
        assert found == status, body
        for text in (str(headers), body.decode()):
            assert whole not in text
            assert tokens.unknown not in text


@pytest.mark.parametrize("path", PLAIN)
async def test_a_token_opens_the_doors_that_it_is_for_and_no_other(
    tokens: Tokens, path: str
) -> None:
    async with serving(tokens) as server:
        assert (await ask(server, path, bearer(tokens.whole), upgrade=True))[0] == 101
        wanted = 101 if path == "/ws" else 403
        assert (await ask(server, path, bearer(tokens.only_ws), upgrade=True))[0] == wanted
        assert (await ask(server, path, bearer(tokens.admin), upgrade=True))[0] == 403


async def test_http_and_administration_have_doors_of_their_own(tokens: Tokens) -> None:
    async with serving(tokens, parley_admin_token="the-admin's-own-token") as server:
        for path in HTTP:
            assert (await ask(server, path, bearer(tokens.whole)))[0] == 200
            assert (await ask(server, path, bearer(tokens.only_ws)))[0] == 403
        for path in ADMIN:
            assert (await ask(server, path, bearer(tokens.whole)))[0] == 403
            assert (await ask(server, path, bearer(tokens.expired)))[0] == 401
            assert (await ask(server, path, bearer(tokens.admin)))[0] == 200
            assert (await ask(server, path, bearer("the-admin's-own-token")))[0] == 200
            assert (await ask(server, path))[0] == 401


async def test_a_ticket_counts_once_and_carries_what_its_maker_says(tokens: Tokens) -> None:
    agent: Agent[None] = Agent("x", name="a")
    seen: list[Caller] = []

    @agent.on_call
    async def answer(call: Call[None]) -> None:
        seen.append(call.caller)

    async with serving(tokens, agents=[agent]) as server:
        ticket = await ticket_of(
            server, tokens.tenant, claims={"user": "42", "tenant": "forged"}, seconds=5
        )
        client = RawClient(await trio.open_tcp_stream("127.0.0.1", server.port))
        await client.open(f"/ws?ticket={ticket}&x=1")
        with trio.fail_after(10):
            while not seen:
                await trio.sleep(0.01)
        await client.stream.aclose()
        (caller,) = seen
        assert caller.claims == {"user": "42", "tenant": "acme"}  # the token's own word counts
        assert caller.query == {"x": "1"}
        assert tokens.tenant not in str(caller.headers)
        status, _, body = await ask(server, f"/ws?ticket={ticket}", upgrade=True)
        assert status == 401
        assert b"used before" in body


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{}", 200),
        (b"", 200),
        (b'{"seconds": 600}', 200),
        (b'{"seconds": 601}', 400),
        (b'{"seconds": 0}', 400),
        (b'{"doors": ["nowhere"]}', 400),
        (b'{"doors": ["ws"], "claims": {"a": 1}}', 200),
        (b'{"doors": "ws"}', 400),
        (b'{"token": "x"}', 400),
        (b"[1]", 400),
        (b"{", 400),
        (b'{"claims": {"a": "' + b"x" * 3000 + b'"}}', 413),
    ],
)
async def test_what_a_ticket_may_be_asked_for(tokens: Tokens, body: bytes, status: int) -> None:
    async with serving(tokens) as server:
        answer = await ask(server, "/tickets", bearer(tokens.whole), method="POST", body=body)
        assert answer[0] == status
        assert (await ask(server, "/tickets", method="POST", body=body))[0] == 401


async def test_a_ticket_makes_no_ticket_and_no_wider_one(tokens: Tokens) -> None:
    async with serving(tokens) as server:
        ticket = await ticket_of(server, tokens.whole)
        assert (await ask(server, f"/tickets?ticket={ticket}", method="POST"))[0] == 401
        body = b'{"doors": ["http"]}'
        answer = await ask(server, "/tickets", bearer(tokens.only_ws), method="POST", body=body)
        assert answer[0] == 403


async def test_a_token_of_ones_own_is_enough(tokens: Tokens) -> None:
    async with serving(None, parley_token="one-token-for-everybody") as server:
        assert (await ask(server, "/ws", upgrade=True))[0] == 401
        assert (await ask(server, "/ws", bearer("one-token-for-everybody"), upgrade=True))[0] == 101
        assert (await ask(server, "/ws", bearer("one-token-for-everybodx"), upgrade=True))[0] == 401


async def test_a_revoked_token_opens_nothing_and_its_conversation_ends(tokens: Tokens) -> None:
    async with serving(tokens) as server:
        client = RawClient(await trio.open_tcp_stream("127.0.0.1", server.port))
        await client.open("/ws", bearer(tokens.only_ws))
        while not server.status().clients:
            await trio.sleep(0.01)
        text = tokens.file.read_text()
        tokens.file.write_text(text.replace('"only-ws"', '"renamed"'))
        with trio.fail_after(10):
            while server.status().clients:
                await trio.sleep(0.05)
        assert (await ask(server, "/ws", bearer(tokens.only_ws), upgrade=True))[0] == 401
        await client.stream.aclose()


async def test_a_file_that_became_unreadable_changes_nothing(tokens: Tokens) -> None:
    async with serving(tokens) as server:
        tokens.file.write_text("[[token")
        await trio.sleep(1.2)
        assert (await ask(server, "/ws", bearer(tokens.whole), upgrade=True))[0] == 101


# Pages and names


@pytest.mark.parametrize("guarded", [False, True])
async def test_a_foreign_page_gets_nothing(tokens: Tokens, guarded: bool) -> None:
    """With and without tokens: by a WebSocket, by fetch, by a form, by text/plain."""
    async with serving(tokens if guarded else None) as server:
        proof = [bearer(tokens.whole)] if guarded else []
        others = ((EVIL, None), ("null", None), (None, "cross-site"), ("http://localhost:1", None))
        for path, (origin, site) in itertools.product(PLAIN, others):
            lines = [f"Origin: {origin}"] if origin else [f"Sec-Fetch-Site: {site}"]
            assert (await ask(server, path, *proof, *lines, upgrade=True))[0] == 403
        form = "Content-Type: application/x-www-form-urlencoded"
        posted = ("/speech/tts", "/speech/stt", "/transcribe", "/v1/chat/completions", "/tickets")
        for path in posted:
            for kind in (form, "Content-Type: text/plain", "Content-Type: multipart/form-data"):
                for where in (f"Origin: {EVIL}", "Origin: null", "Sec-Fetch-Site: cross-site"):
                    status, headers, _ = await ask(
                        server, path, kind, where, *proof, method="POST", body=b"text=hello"
                    )
                    assert (path, kind, where, status) == (path, kind, where, 403)
                    assert "access-control-allow-origin" not in headers


async def test_its_own_page_and_a_listed_one_are_served() -> None:
    listed = "https://app.example.org"
    async with serving(None, stream_cors_origins=listed) as server:
        host = f"localhost:{server.port}"
        for origin in (f"http://{host}", listed):
            status = (await ask(server, "/ws", f"Origin: {origin}", upgrade=True, host=host))[0]
            assert status == 101
        status, headers, _ = await ask(server, "/v1/models", f"Origin: {listed}", host=host)
        assert (status, headers["access-control-allow-origin"]) == (200, listed)


async def test_a_preflight_needs_no_token_and_says_no_to_others(tokens: Tokens) -> None:
    listed = "https://app.example.org"
    async with serving(tokens, stream_cors_origins=listed) as server:
        wish = "Access-Control-Request-Method: POST"
        found = await ask(server, "/tickets", f"Origin: {listed}", wish, method="OPTIONS")
        assert (found[0], found[1]["access-control-allow-origin"]) == (204, listed)
        refused = await ask(server, "/tickets", f"Origin: {EVIL}", wish, method="OPTIONS")
        assert "access-control-allow-origin" not in refused[1]


@pytest.mark.parametrize("path", [*PLAIN, *HTTP, *ADMIN, "/", "/static/parley.js"])
async def test_a_name_that_was_rebound_to_this_machine_is_not_answered(path: str) -> None:
    async with serving(None) as server:
        port = server.port
        for host in (f"evil.example.org:{port}", "evil.example.org", "localhost.evil.example.org"):
            for upgrade in {path in PLAIN, False}:
                lines = [f"Origin: http://{host}"]
                assert (await ask(server, path, *lines, upgrade=upgrade, host=host))[0] == 421
        assert (await ask(server, "/health", host=f"evil.example.org:{port}"))[0] == 200


async def test_administration_may_have_a_port_of_its_own(tokens: Tokens) -> None:
    """It serves what is for administration, asks nobody on this machine, and nothing else."""
    settings = Settings.defaults(parley_tokens_file=str(tokens.file))
    own, listeners = await open_listeners("127.0.0.1", 0), await open_listeners("127.0.0.1", 0)
    with trio.fail_after(30):
        async with (
            open_engine_room(settings, own_engines()) as room,
            trio.open_nursery() as nursery,
        ):
            server = Server(settings, room)
            await nursery.start(functools.partial(server.run, own, admin_listeners=listeners))
            private, public = (
                RunningServer(host="", port=one[0].socket.getsockname()[1], _server=server)
                for one in (listeners, own)
            )
            for path in ("/metrics", "/sessions"):
                assert (await ask(private, path))[0] == 200
                assert (await ask(public, path))[0] == 401
            assert (await ask(private, "/metrics", "X-Forwarded-For: 1.2.3.4"))[0] == 401
            assert (await ask(private, "/metrics", host="evil.example.org"))[0] == 421
            assert (await ask(private, "/metrics", f"Origin: {EVIL}"))[0] == 403
            assert (await ask(private, "/"))[0] == 404
            assert (await ask(private, "/api/stream_config"))[0] == 401
            for path in PLAIN:
                proof = bearer(tokens.whole)
                assert (await ask(private, path, proof, upgrade=True))[0] == 404
            server.stop()


async def test_a_proxy_on_this_machine_is_no_administrator() -> None:
    async with serving(None) as server:
        for path in ADMIN:
            assert (await ask(server, path))[0] == 200
            for line in ("X-Forwarded-For: 1.2.3.4", "Via: 1.1 proxy", "Forwarded: for=1.2.3.4"):
                assert (await ask(server, path, line))[0] == 401


# Shares


async def test_a_token_has_as_many_conversations_as_it_may_have(tokens: Tokens) -> None:
    async with serving(tokens) as server:
        client = RawClient(await trio.open_tcp_stream("127.0.0.1", server.port))
        await client.open("/ws", bearer(tokens.one))
        status, headers, body = await ask(server, "/ws", bearer(tokens.one), upgrade=True)
        assert (status, headers["retry-after"]) == (429, "5")
        assert b"conversations" in body
        await client.stream.aclose()
        with trio.fail_after(5):
            while (await ask(server, "/ws", bearer(tokens.one), upgrade=True))[0] != 101:
                await trio.sleep(0.02)


async def test_a_token_asks_as_often_as_it_may(tokens: Tokens) -> None:
    async with serving(tokens) as server:
        statuses = [(await ask(server, "/v1/models", bearer(tokens.slow)))[0] for _ in range(3)]
        assert statuses == [200, 429, 429]
        assert (await ask(server, "/v1/models", bearer(tokens.whole)))[0] == 200


async def test_an_address_behind_a_trusted_proxy_is_counted_for_itself(tokens: Tokens) -> None:
    async with serving(
        tokens, parley_trusted_proxies="127.0.0.1", parley_address_handshakes=1
    ) as server:
        proof = bearer(tokens.whole)
        first = "X-Forwarded-For: 203.0.113.7"
        statuses = [(await ask(server, "/v1/models", proof, first))[0] for _ in range(3)]
        assert statuses == [200, 200, 429]
        other = "X-Forwarded-For: 203.0.113.8"
        assert (await ask(server, "/v1/models", proof, other))[0] == 200


async def test_wrong_tokens_are_not_guessed_quickly(tokens: Tokens) -> None:
    async with serving(
        tokens, parley_trusted_proxies="127.0.0.1", parley_address_handshakes=2
    ) as server:
        line = "X-Forwarded-For: 203.0.113.9"
        statuses = [
            (await ask(server, "/v1/models", bearer(new_token("whole")), line))[0] for _ in range(6)
        ]
        assert statuses.count(429) >= 2
        assert set(statuses) == {401, 429}


async def test_a_refusal_tells_no_log_what_was_brought(tokens: Tokens) -> None:
    with structlog.testing.capture_logs() as lines:
        async with serving(tokens) as server:
            for path, line in (
                ("/ws", bearer(tokens.unknown)),
                (f"/ws?token={tokens.whole}", "A: b"),
                (f"/ws/{tokens.whole}", "A: b"),
                ("/ws?ticket=abc.secretpart", "A: b"),
                ("/ws", f"Sec-WebSocket-Protocol: parley-token.{tokens.unknown}"),
            ):
                assert (await ask(server, path, line, upgrade=True))[0] == 401
    text = str(lines)
    assert "access_refused" in text
    for secret in (tokens.whole, tokens.unknown, "secretpart"):
        assert secret not in text

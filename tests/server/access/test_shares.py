"""What a client may use is used up in the middle of a conversation: told, finished, closed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import cast

import pytest
import trio

from parley.client.in_memory import InMemoryClient
from parley.config import Limits, Settings
from parley.engines.room import open_engine_room
from parley.engines.spending import Unit, spent
from parley.protocol.dialect import Dialect
from parley.protocol.dialects import DIALECTS
from parley.recording.compare import first_difference
from parley.recording.recorded import replay_recording
from parley.server.access.guest import Guest, current_guest, work_for
from parley.server.access.limits import Meter
from parley.server.http.head import BadRequest
from parley.server.tree import Server
from parley.session.life import Session
from parley.testing import silence, speech
from parley.testing.scenes import SCENES
from parley.transport import PeerGone
from support.access import own_engines
from support.recordings import recorded

Clock = trio.testing.MockClock


@asynccontextmanager
async def guest_of(
    dialect: Dialect, limits: Limits, **settings: object
) -> AsyncIterator[tuple[InMemoryClient, Guest]]:
    """A session in memory that works for a guest with these limits."""
    guest = Guest(meters=(Meter("the token kiosk", limits),))
    chosen = Settings.defaults(**settings)
    async with open_engine_room(chosen, own_engines()) as room, trio.open_nursery() as nursery:
        server = Server(chosen, room)
        await nursery.start(server.run, [])
        work_for(guest)
        transport, over = await server.connect(dialect)
        client = InMemoryClient(transport, dialect)
        nursery.start_soon(client.read)
        yield client, guest
        transport.abort()
        await over.wait()
        server.stop()


def a_socket(path: str) -> Dialect:
    return next(dialect for dialect in DIALECTS if path in dialect.paths)


CODES = {
    "/ws": ("code", "RATE_LIMIT"),
    "/stream": ("code", "rate_limit"),
    "/engine": ("message", "used up"),
    "/v1/realtime": ("code", "rate_limit"),
}


@pytest.mark.parametrize("path", CODES)
@pytest.mark.parametrize(
    "limits", [Limits(audio_s_per_hour=0.1), Limits(characters_per_hour=1)], ids=str
)
async def test_a_share_that_is_used_up_ends_the_conversation_in_every_dialect(
    autojump_clock: Clock, path: str, limits: Limits
) -> None:
    dialect = a_socket(path)
    with trio.fail_after(120):
        async with guest_of(dialect, limits) as (client, _):
            await client.start()
            with suppress(PeerGone):
                await client.speak(speech(600) + silence(2500))
            while client.closed is None:
                await trio.sleep(0.1)
            kinds = [message["type"] for _, message in client.received]
            assert any("llm_token" in kind or "transcript" in kind for kind in kinds), kinds
            assert (client.closed.code, client.closed.reason) == (1008, "rate_limit")
            field, word = CODES[path]
            errors = [message for _, message in client.received if "error" in message["type"]]
            told = [error.get("error", error) for error in errors]
            assert any(word in str(one.get(field)) for one in told), errors


async def test_an_unlimited_guest_is_told_nothing(autojump_clock: Clock) -> None:
    async with guest_of(a_socket("/ws"), Limits(audio_s_per_hour=1000)) as (client, guest):
        await client.start()
        await client.speak(speech(600) + silence(1500))
        await client.wait_for("tts_complete")
        assert client.closed is None
        assert not client.of("error")
        (meter,) = guest.meters
        assert meter._hourly[Unit.AUDIO]._level < 1000


async def test_the_end_at_a_limit_is_on_the_tape(autojump_clock: Clock) -> None:
    """And is replayed: nobody has a limit there, and it ends in the same way."""

    async def speak_beyond(client: InMemoryClient, session: Session) -> None:
        await client.start()
        await client.speak(speech(600) + silence(1000))
        await client.wait_for("tts_chunk")
        session.end_at_limit()
        await client.wait_closed()

    recording = await recorded(replace(SCENES["two-turns"], peer=speak_beyond))
    assert any(entry.kind == "limit" for entry in recording.entries)
    closed = [entry.data for entry in recording.entries if entry.kind == "closed"]
    assert closed == [{"code": 1008, "reason": "rate_limit"}]
    replayed = await replay_recording(recording)
    assert replayed.diverged is None
    assert first_difference(recording.entries, replayed.out) is None


async def test_what_is_used_goes_to_whoever_the_task_works_for() -> None:
    meter = Meter("x", Limits(requests_per_hour=10))
    other = Meter("y", Limits(requests_per_hour=10))

    async def work(meter: Meter) -> None:
        work_for(Guest(meters=(meter,)))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(spend)

    async def spend() -> None:
        spent(Unit.REQUESTS, 11)
        with pytest.raises(BadRequest, match="used up"):
            current_guest().check_share()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(work, meter)
        nursery.start_soon(work, other)
    assert meter.exhausted(trio.current_time()) is not None
    assert cast("object", current_guest()) is not None
    spent(Unit.REQUESTS, 1)  # for nobody

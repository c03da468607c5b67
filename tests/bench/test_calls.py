"""`parley bench calls`: a carrier by hand against a server of its own."""

from __future__ import annotations

import json

import pytest
import trio
from rich.console import Console
from trio.testing import memory_stream_pair

from parley.bench.calls import CallsPlan, bench_calls, table_of
from parley.bench.phone_line import STREAM, PhoneLine


def a_frame(message: object) -> bytes:
    """A server's text frame."""
    data = json.dumps(message, separators=(",", ":")).encode()
    assert 126 <= len(data) < 65_536
    return b"\x81\x7e" + len(data).to_bytes(2, "big") + data


def media(samples: int) -> bytes:
    payload = "A" * (samples * 4 // 3)
    return a_frame({"event": "media", "streamSid": STREAM, "media": {"payload": payload}})


async def test_a_line_plays_what_comes_and_sees_gaps() -> None:
    ours, theirs = memory_stream_pair()
    line = PhoneLine(theirs, 0)
    line.counting = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(line.listen)
        first = media(480) + media(480)
        await ours.send_all(first[:100])
        await ours.send_all(first[100:])
        await trio.sleep(0.2)
        assert (line.frames_in, line.replies, line.gaps_s) == (2, 1, [])
        await ours.send_all(media(480))
        await trio.sleep(0.02)
        assert len(line.gaps_s) == 1
        nursery.cancel_scope.cancel()


@pytest.mark.long
@pytest.mark.slow
async def test_calls_are_answered() -> None:
    plan = CallsPlan(calls=(2,), seconds=8, settle_s=2, pinned=False)
    result = await bench_calls(plan, Console(quiet=True))
    (row,) = result.rows
    assert row["replies"] >= 1
    assert row["core_per_call"] > 0
    Console(quiet=True).print(table_of(result))

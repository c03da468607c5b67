"""The outbox: partials thin out, everything else waits."""

from __future__ import annotations

import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from parley.actors.outbox import Offer, Outbox, PartialThinner
from parley.protocol.events import Final, Info, Outbound, Partial
from parley.telemetry import Telemetry


def offers(depths: list[int], *, threshold: int = 50, every: int = 3) -> list[bool]:
    thinner = PartialThinner(threshold=threshold, every=every)
    return [thinner.offer(depth)[0] is Offer.SEND for depth in depths]


def test_every_partial_is_sent_up_to_the_threshold() -> None:
    assert offers([0, 10, 50, 50, 50]) == [True] * 5


def test_above_the_threshold_every_third_is_sent() -> None:
    assert offers([51] * 9) == [False, False, True] * 3


def test_the_client_is_told_once_on_entering_and_once_on_leaving() -> None:
    thinner = PartialThinner(threshold=50, every=3)
    told = [thinner.offer(depth)[1] for depth in [51, 60, 49, 51, 30, 25, 10, 20]]
    assert [bool(line) for line in told] == [True] + [False] * 4 + [True] + [False] * 2
    assert "every 3." in str(told[0])


def test_it_stays_thinned_until_the_queue_is_half_the_threshold() -> None:
    assert offers([51, 51, 51, 26, 26, 26, 25, 25]) == [
        *(False, False, True),
        *(False, False, True),
        *(True, True),
    ]


@given(st.lists(st.integers(0, 250), max_size=200), st.integers(1, 10))
def test_at_least_every_nth_partial_is_sent_whatever_the_depths(
    depths: list[int], every: int
) -> None:
    sent = offers(depths, every=every)
    for start in range(len(sent) - every + 1):
        assert any(sent[start : start + every])


def make_outbox(room: int) -> tuple[Outbox, trio.MemoryReceiveChannel[Outbound]]:
    send, receive = trio.open_memory_channel[Outbound](room)
    return Outbox(send, PartialThinner(threshold=3, every=3), Telemetry()), receive


def drain(receive: trio.MemoryReceiveChannel[Outbound]) -> list[Outbound]:
    found = []
    while receive.statistics().current_buffer_used:
        found.append(receive.receive_nowait())
    return found


async def test_partials_that_are_left_out_are_counted(
    autojump_clock: trio.testing.MockClock,
) -> None:
    outbox, receive = make_outbox(100)
    for n in range(10):
        await outbox.offer_partial(Partial(text=str(n), audio_ms=0))
    found = drain(receive)
    assert [m.text for m in found if isinstance(m, Partial)] == ["0", "1", "2", "3", "6", "9"]
    assert len([m for m in found if isinstance(m, Info)]) == 1


async def test_a_final_waits_for_room_and_is_never_dropped(
    autojump_clock: trio.testing.MockClock,
) -> None:
    outbox, receive = make_outbox(1)
    await outbox.send(Info(message="full"))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(outbox.send, Final(text="words", id="1", audio_ms=0))
        await trio.testing.wait_all_tasks_blocked()
        assert outbox.depth == 1
        assert isinstance(await receive.receive(), Info)
        assert isinstance(await receive.receive(), Final)

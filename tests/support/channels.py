"""Ends of channels for the tests of single actors."""

from __future__ import annotations

from typing import Generic, TypeVar

import trio

from parley.actors.messages import Report
from parley.actors.outbox import Outbox, PartialThinner
from parley.actors.reply_exit import ReplyExit
from parley.conversation.ledger import Ledger
from parley.protocol.events import Outbound
from parley.telemetry import Telemetry
from parley.turnstile import SendsItems

T = TypeVar("T")


def drain(receive: trio.MemoryReceiveChannel[T]) -> list[T]:
    """Everything that waits in a channel."""
    found = []
    while receive.statistics().current_buffer_used or receive.statistics().tasks_waiting_send:
        found.append(receive.receive_nowait())
    return found


def open_outbox(room: int = 1000) -> tuple[Outbox, trio.MemoryReceiveChannel[Outbound]]:
    """An outbox that thins nothing, and the sender's end of it."""
    send, receive = trio.open_memory_channel[Outbound](room)
    return Outbox(send, PartialThinner(threshold=room, every=3), Telemetry()), receive


def open_exit(
    turn: int = 1, ledger: Ledger | None = None, *, held: bool = False, room: int = 1000
) -> tuple[ReplyExit, trio.MemoryReceiveChannel[Outbound], trio.MemoryReceiveChannel[Report]]:
    """The exit of a turn, with the sender's end and the dialogue's end of it."""
    outbox, out = open_outbox(room)
    tell, reports = trio.open_memory_channel[Report](100)
    return ReplyExit(turn, outbox, tell, ledger or Ledger(), held=held), out, reports


class BrokenOnce(Generic[T]):
    """The sending end of a channel with a bug: it raises instead of sending the first item of one
    of these kinds, and works from then on."""

    def __init__(self, channel: SendsItems[T], *kinds: type) -> None:
        self._channel = channel
        self._kinds = kinds

    async def send(self, value: T, /) -> None:
        if isinstance(value, self._kinds):
            self._kinds = ()
            raise ZeroDivisionError
        await self._channel.send(value)

"""A menu's keys, collected: a question is said, keys are pressed, and a pause or "#" ends them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import trio

from ..conversation.events import DigitPressed
from ..protocol.effects import CollectDigits

if TYPE_CHECKING:
    from .call import Call


async def collect_digits(
    call: Call[Any],
    question: str,
    *,
    most: int,
    end: str,
    timeout_s: float,
    between_s: float,
) -> str:
    """See Call.digits."""
    async with call.events() as events, trio.open_nursery() as nursery:
        await call._do(CollectDigits(collecting=True))
        asked = trio.Event()
        saying = trio.CancelScope()

        async def ask() -> None:
            with saying:
                if question:
                    await call.say(question)
            asked.set()

        async def key(within_s: float) -> str:
            """The next key; empty: none came in time."""
            with trio.move_on_after(within_s):
                async for event in events:
                    if isinstance(event, DigitPressed):
                        return event.digit
            return ""

        async def first() -> str:
            found = ""

            async def wait_asked() -> None:
                await asked.wait()
                scope.deadline = trio.current_time() + timeout_s

            async with trio.open_nursery() as inner:
                inner.start_soon(wait_asked)
                with trio.CancelScope() as scope:
                    found = await key(float("inf"))
                inner.cancel_scope.cancel()
            return found

        nursery.start_soon(ask)
        keys = ""
        try:
            pressed = await first()
            saying.cancel()
            while pressed and pressed != end:
                keys += pressed
                if len(keys) >= most:
                    break
                pressed = await key(between_s)
        finally:
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
                await call._do(CollectDigits(collecting=False))
    return keys

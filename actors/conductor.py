"""ConductorActor: what the conductor of a conversation does, passed on to the dialogue. At most one
per session, temporary: what has been done cannot be done again.

The conductor's own code runs inside of its context, in this task's children: it ends with the
session. Here is only the way in.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..engines.agent.interface import Conductor
from ..turnstile import SendsItems
from .messages import Conducted, Report


@dataclass(slots=True, kw_only=True)
class ConductorActor:
    conductor: Conductor
    reports: SendsItems[Report]

    async def run(self) -> None:
        async with self.conductor.effects() as effects:
            async for effect in effects:
                await self.reports.send(Conducted(effect=effect))

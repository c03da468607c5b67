"""The rule of the protocols' documents: so much silence is the end, whatever was said."""

from __future__ import annotations

import trio

from .interface import Pause


class FixedTurnEnd:
    """Never has an opinion."""

    needs_text = False

    async def likelihood(self, pause: Pause) -> float:
        await trio.lowlevel.checkpoint()
        return 0.5

"""What servers that share something ask of Valkey: operations and bytes a second.

Nothing here is in the way of a conversation: writes go behind, and the newest value of a key takes
the place of an older one that is not written yet. So these are upper bounds.
"""

from __future__ import annotations

from dataclasses import dataclass

from .costs import Costs
from .load import Load

SETS_A_TURN = 2
"""What a resume needs: once the caller's words are an item, once it is known what was heard."""
SETS_A_CALL = 2
"""The first, and the deletion of the last."""
ADDS_A_TURN = 2
"""To a guest's quotas: seconds of speech, characters spoken. Each is a sum and its time to live."""
OPERATIONS_AN_ADD = 2
LEASE_EVERY_S = 2.0
"""Of each process: that it is there."""
ASKS_EVERY_S = 5.0
"""Each process asks who else is there."""

ITEM_BYTES = 220
"""One item of a conversation as it is kept: a sentence or two, ids, what was heard."""
ITEMS_A_TURN = 2
HEAD_BYTES = 400
"""Of a snapshot without items: ticket, agent, settings."""
KEPT_AFTER_S = 300.0
"""A snapshot outlives its connection by so much, for whoever comes back."""
KEY_BYTES = 150
"""What a key and its entry take beside the value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLoad:
    operations_per_s: float
    bytes_per_s: float
    memory_mb: float
    cores: float
    """Of Valkey; it runs its operations on one."""
    snapshot_bytes: float
    """On the average of a call."""


def store_load(load: Load, costs: Costs, sessions: float, processes: int) -> StoreLoad:
    turns_per_s = load.turns_per_s(sessions * load.talk_share)
    arrivals_per_s = sessions / (60 * load.call_minutes)
    turns_a_call = load.call_minutes * 60 * load.talk_share / load.turn_s
    last = HEAD_BYTES + turns_a_call * ITEMS_A_TURN * ITEM_BYTES
    snapshot = (HEAD_BYTES + last) / 2
    sets = turns_per_s * SETS_A_TURN + arrivals_per_s * SETS_A_CALL
    small = turns_per_s * ADDS_A_TURN * OPERATIONS_AN_ADD + processes * (
        1 / LEASE_EVERY_S + 1 / ASKS_EVERY_S
    )
    kept = sessions * (snapshot + KEY_BYTES)
    kept += arrivals_per_s * KEPT_AFTER_S * (last + KEY_BYTES)
    return StoreLoad(
        operations_per_s=sets + small,
        bytes_per_s=sets * snapshot + small * 100,
        memory_mb=kept / 2**20,
        cores=sets * costs["store.set"] + small * costs["store.operation"],
        snapshot_bytes=snapshot,
    )

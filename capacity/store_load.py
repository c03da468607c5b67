"""What servers that share something ask of Valkey: operations and bytes a second.

Nothing here is in the way of a conversation: writes go behind, and the newest value of a key takes
the place of an older one that is not written yet. So these are upper bounds.
"""

from __future__ import annotations

from dataclasses import dataclass

from .costs import Costs
from .load import Load

SET_EVERY_S = 0.5
"""While a reply is spoken its conversation is kept so often: what was heard of it changes."""
LOOK_EVERY_S = 5.0
"""So often it is asked whether a conversation goes on over another server."""
SETS_A_TURN = 2
"""Beside that: the caller's words are an item, the reply is."""
OPERATIONS_A_CALL = 4
"""Where the session is, and that it is no more; the conversation's end; a ticket."""
OPERATIONS_A_TURN = 4
"""Two sums of a guest's quotas, each with its time to live."""
LEASE_EVERY_S = 3.0
OPERATIONS_A_LEASE = 3
"""Each machine says that it is there, and asks who has its name."""

ITEM_BYTES = 220
"""One item of a conversation as it is kept: a sentence or two, ids, what was heard."""
ITEMS_A_TURN = 2
HEAD_BYTES = 400
"""Of a conversation that is kept, without its items: ticket, agent, the reply in hand."""
KEPT_AFTER_S = 300.0
"""PARLEY_RESUME_S: a conversation is kept for so long after its connection was lost. One that ends
in peace is forgotten at once, so that this counts for those that are not."""
LOST = 0.05
"""The share of calls that end so. Assumed."""
KEY_BYTES = 150
"""What a key and its entry take beside the value."""
SMALL_BYTES = 150
"""Of a small operation, on the wire."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreLoad:
    operations_per_s: float
    bytes_per_s: float
    memory_mb: float
    cores: float
    """Of Valkey; it runs its operations on one."""
    snapshot_bytes: float
    """On the average of a call."""


def store_load(load: Load, costs: Costs, sessions: float, machines: int) -> StoreLoad:
    """Where every client asks to go on after a lost connection; those that do not cost nothing."""
    turns_per_s = load.turns_per_s(sessions * load.talk_share)
    arrivals_per_s = sessions / (60 * load.call_minutes)
    turns_a_call = load.call_minutes * 60 * load.talk_share / load.turn_s
    last = HEAD_BYTES + turns_a_call * ITEMS_A_TURN * ITEM_BYTES
    snapshot = (HEAD_BYTES + last) / 2
    sets = sessions * load.reply_share / SET_EVERY_S + turns_per_s * SETS_A_TURN
    small = (
        turns_per_s * OPERATIONS_A_TURN
        + arrivals_per_s * OPERATIONS_A_CALL
        + sessions / LOOK_EVERY_S
        + machines * OPERATIONS_A_LEASE / LEASE_EVERY_S
    )
    kept = sessions * (snapshot + 2 * KEY_BYTES)
    kept += arrivals_per_s * LOST * KEPT_AFTER_S * (last + KEY_BYTES)
    return StoreLoad(
        operations_per_s=sets + small,
        bytes_per_s=sets * snapshot + small * SMALL_BYTES,
        memory_mb=kept / 2**20,
        cores=sets * costs["store.set"] + small * costs["store.operation"],
        snapshot_bytes=snapshot,
    )

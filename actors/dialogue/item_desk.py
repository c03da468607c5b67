"""The dialogue's items: what a client does to the conversation that it sees as a list of them.

Each request is done or refused here, one at a time, and told: nothing is half done. Of no use in
sessions whose dialect shows no items.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ...conversation.items import Item, Items, ids_of
from ...conversation.record import TurnRecord
from ...protocol.commands import GiveAudio
from ...protocol.effects import (
    AddCall,
    AddItem,
    DeleteItem,
    RetrieveItem,
    ReturnResult,
    TruncateItem,
)
from ...protocol.item_events import (
    ItemDeleted,
    ItemTold,
    ItemTruncated,
    RequestRefused,
    SpeechForgotten,
)
from ...protocol.item_ids import ItemIds
from ...turnstile import current_time
from ..outbox import Outbox
from .turns import Turns

ROOT = "root"
"""The id of what is before the first item."""
MAX_ITEMS = 2000
"""A client that puts more into a conversation has a mistake."""
ROUNDING_MS = 20
"""By so much a client may be wrong about the length of the sound that it was sent."""


@dataclass(slots=True, kw_only=True)
class ItemDesk:
    """Of one session."""

    ids: ItemIds
    told: bool
    """Whether the dialect shows items."""
    items: Items
    turns: Turns
    outbox: Outbox
    _given: int = field(default=0, init=False)
    _sounds: dict[int, str] = field(default_factory=dict, init=False)
    """Items whose words are still to come, by their utterances; empty: it was refused."""

    # What was said

    async def heard(self, utterance: int, text: str) -> None:
        """What the person said is an item at once, whatever becomes of it."""
        if utterance in self._sounds:
            if item_id := self._sounds.pop(utterance):
                self.items.transcribed(item_id, text)
        elif self.told:
            self.items.heard(self.turns.count + 1, text, self.ids.utterance(utterance))

    async def came_to_nothing(self, utterance: int) -> None:
        """What seemed to be an utterance was none. Its item stays, without words: the client may
        have been told of it."""
        if self.told:
            await self.heard(utterance, "")
            await self.outbox.send(SpeechForgotten(utterance=utterance))

    async def heard_nothing(self) -> str:
        """A silence that counts as an utterance. Gives the id of its item."""
        self._given += 1
        item_id = self.ids.given(self._given)
        self.items.heard(self.turns.count + 1, "", item_id)
        return item_id

    # What the client asks for

    async def add(self, effect: AddItem) -> None:
        if not self.told:
            self.items.add(effect.role, effect.text)
        elif place := await self._place(effect.id, effect.after, effect.ref):
            item_id, after = place
            self.items.add(effect.role, effect.text, item_id=item_id, after=after)
            await self._tell(item_id, after)

    async def given(self, utterance: int, command: GiveAudio) -> None:
        """The sound of an item; its words come with the utterance."""
        self._sounds[utterance] = ""
        if place := await self._place(command.id, command.after, command.ref):
            item_id, after = place
            self._sounds[utterance] = item_id
            self.items.add("user", "", item_id=item_id, after=after, spoken=True)
            await self._tell(item_id, after, utterance)

    async def add_call(self, effect: AddCall) -> None:
        if self.items.has_call(effect.call.id):
            what = f"there is a call {effect.call.id!r} already"
            await self.refuse("invalid_value", what, "item.call_id", effect.ref)
        elif place := await self._place(effect.id, effect.after, effect.ref):
            item_id, after = place
            self.items.add_call(effect.call, item_id=item_id, after=after)
            await self._tell(item_id, after)

    async def may_return(self, effect: ReturnResult) -> str:
        """The id of the item that the result will be; empty: it was refused."""
        call_id = effect.result.call_id
        use = next((use for use in self.items.uses if use.call.id == call_id), None)
        if use is None:
            what = f"there is no call {call_id!r}"
            await self.refuse("invalid_value", what, "item.call_id", effect.ref)
        elif use.result is not None:
            what = f"the call {call_id!r} has its output already"
            await self.refuse("invalid_value", what, "item.call_id", effect.ref)
        elif place := await self._place(effect.id, effect.after, effect.ref):
            return place[0]
        return ""

    async def returned(self, item_id: str) -> None:
        await self._tell(item_id, None)

    async def delete(self, effect: DeleteItem) -> None:
        if self._is_live(effect.id):
            what = "the item belongs to the response that is being made: cancel that first"
            await self.refuse("invalid_value", what, "item_id", effect.ref)
        elif self.items.delete(effect.id):
            await self.outbox.send(ItemDeleted(id=effect.id))
        else:
            await self._no_item("delete", effect.id, effect.ref)

    async def retrieve(self, effect: RetrieveItem) -> None:
        view = self.items.view(effect.id)
        if view is None:
            await self._no_item("retrieve", effect.id, effect.ref)
        else:
            await self.outbox.send(ItemTold(item=view, retrieved=True))

    async def truncate(
        self, effect: TruncateItem, interrupt: Callable[[TurnRecord], Awaitable[None]]
    ) -> None:
        """What the client tells of a reply that it has thrown away is believed. One that is being
        made ends."""
        record = self._reply_of(effect.id)
        if record is None:
            if self.items.has(effect.id):
                what = "only what was said in a response can be truncated"
                await self.refuse("invalid_value", what, "item_id", effect.ref)
            else:
                await self._no_item("truncate", effect.id, effect.ref)
            return
        sent_ms = round(record.ledger.sent_s * 1000)
        if effect.audio_ms > sent_ms + ROUNDING_MS:
            what = f"the audio is {sent_ms} ms long, and cannot be cut at {effect.audio_ms} ms"
            await self.refuse("invalid_value", what, "audio_end_ms", effect.ref)
            return
        if self.turns.is_live(record.turn):
            await interrupt(record)
        now_s = current_time()
        record.ledger.cut(now_s)
        record.ledger.flushed(effect.audio_ms / 1000)
        heard = record.ledger.heard(now_s)
        self.items.amend(record.turn, record.text.strip(), heard=heard)
        await self.outbox.send(ItemTruncated(id=effect.id, audio_ms=effect.audio_ms))

    async def refuse(self, code: str, message: str, param: str = "", ref: str = "") -> None:
        await self.outbox.send(RequestRefused(code=code, message=message, param=param, ref=ref))

    async def _no_item(self, wish: str, item_id: str, ref: str) -> None:
        """By codes that clients know as harmless, of an item that has gone meanwhile."""
        what = f"there is no item {item_id!r} in this conversation"
        await self.refuse(f"item_{wish}_invalid_item_id", what, "item_id", ref)

    def _is_live(self, item_id: str) -> bool:
        live = self.turns.live
        return live is not None and item_id == self.ids.reply(live.turn)

    def _reply_of(self, item_id: str) -> TurnRecord | None:
        for record in self.turns.past:
            if self.ids.reply(record.turn) == item_id and self.items.has(item_id):
                return record
        return None

    async def _place(
        self, item_id: str, after: str | None, ref: str
    ) -> tuple[str, str | None] | None:
        """The id of a new item, and behind which it stands ("": it is the first one)."""
        if item_id and self.items.has(item_id):
            what = f"there is an item {item_id!r} already"
            await self.refuse("item_create_duplicate_item_id", what, "item.id", ref)
            return None
        if after is not None and after != ROOT and not self.items.has(after):
            what = f"there is no item {after!r} to stand behind"
            code = "item_create_invalid_previous_item_id"
            await self.refuse(code, what, "previous_item_id", ref)
            return None
        if len(self.items) >= MAX_ITEMS:
            what = f"a conversation holds {MAX_ITEMS} items at most"
            await self.refuse("too_many_items", what, "item", ref)
            return None
        self._given += 1
        return item_id or self.ids.given(self._given), "" if after == ROOT else after

    async def tell_again(self, item: Item) -> None:
        """Tell a client of an item that it, or the one before it, has seen on another
        connection."""
        for item_id in ids_of(item):
            await self._tell(item_id, None)

    async def _tell(self, item_id: str, after: str | None, utterance: int = 0) -> None:
        view = self.items.view(item_id)
        if view is not None:
            await self.outbox.send(ItemTold(item=view, after=after, utterance=utterance))

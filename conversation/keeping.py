"""What is kept of a conversation, and how a conversation begins that was kept. Plain functions.

What is kept is a picture of the moment: it is taken from outside, at any time, and changes nothing.
"""

from __future__ import annotations

from ..protocol.kept import (
    KeptAssistant,
    KeptCall,
    KeptItem,
    KeptNote,
    KeptReply,
    KeptUser,
)
from .items import AssistantMessage, Item, Items, Note, Status, ToolUse, UserMessage
from .record import TurnRecord


def kept_items(items: Items) -> tuple[KeptItem, ...]:
    return tuple(_kept(item) for item in items)


def kept_reply(record: TurnRecord, now_s: float) -> KeptReply | None:
    """Of the turn that is live; None where nothing of it is part of the conversation."""
    if record.aside:
        return None
    return KeptReply(
        turn=record.turn,
        user_text=record.user_text,
        text=record.text.strip(),
        written=record.written,
        heard=record.heard(now_s),
        steps=tuple((round(1000 * at_s), chars) for at_s, chars in record.ledger.steps()),
        spoken=record.spoken,
    )


def restored(kept: tuple[KeptItem, ...]) -> list[Item]:
    """The items as they were. A call that was not answered then will not be."""
    return [_restored(item) for item in kept]


def unheard(reply: KeptReply, heard: str) -> str:
    """What of a reply's text is still to be said."""
    if reply.text.startswith(heard):
        return reply.text[len(heard) :].strip()
    return " ".join(reply.text.split()[len(heard.split()) :])


def _kept(item: Item) -> KeptItem:
    match item:
        case UserMessage():
            return KeptUser(id=item.id, turn=item.turn, text=item.text, spoken=item.spoken)
        case AssistantMessage():
            return KeptAssistant(
                id=item.id,
                turn=item.turn,
                said=item.said,
                heard=None if item.heard == item.said else item.heard,
                given=item.given,
                interrupted=item.status is Status.INTERRUPTED,
            )
        case ToolUse():
            return KeptCall(
                id=item.id,
                turn=item.turn,
                round=item.round,
                call=item.call,
                result=item.result,
                result_id=item.result_id,
                by_client=item.by_client,
                dropped=item.dropped,
            )
        case Note():
            return KeptNote(id=item.id, turn=item.turn, text=item.text)


def _restored(item: KeptItem) -> Item:
    match item:
        case KeptUser():
            return UserMessage(id=item.id, turn=item.turn, text=item.text, spoken=item.spoken)
        case KeptAssistant():
            return AssistantMessage(
                id=item.id,
                turn=item.turn,
                said=item.said,
                heard=item.said if item.heard is None else item.heard,
                given=item.given,
                status=Status.INTERRUPTED if item.interrupted else Status.COMPLETED,
            )
        case KeptCall():
            return ToolUse(
                id=item.id,
                turn=item.turn,
                round=item.round,
                call=item.call,
                result=item.result,
                result_id=item.result_id,
                by_client=item.by_client,
                dropped=item.dropped or (item.result is None and not item.by_client),
            )
        case KeptNote():
            return Note(id=item.id, turn=item.turn, text=item.text)

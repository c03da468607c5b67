"""How a conversation goes on that was kept: on another connection, or on another server.

Done to the dialogue's machines in one step, before anybody has said anything here. What was being
said when the connection was lost is begun again where it was not heard; what had not been answered
is answered now.
"""

from __future__ import annotations

from ...conversation.current_language import CurrentLanguage
from ...conversation.items import AssistantMessage
from ...conversation.keeping import restored, unheard
from ...conversation.machines import Machines
from ...protocol.effects import Respond, Say
from ...protocol.kept import KeptConversation, KeptReply
from ..reply_exit import ReplyExit
from .item_desk import ItemDesk
from .turns import Turns

GO_ON_FROM_THERE = (
    "The connection was lost for a moment; nobody said anything. Go on exactly where your last "
    "message breaks off, without repeating any of it."
)
"""What a model is told whose reply was not written to its end."""


def take_up(
    kept: KeptConversation,
    played_ms: int | None,
    machines: Machines[ReplyExit],
    turns: Turns,
    language: CurrentLanguage,
) -> None:
    """Have the conversation be where it was. `played_ms`: so much of the reply that was cut the
    client has played, where it says so."""
    items = turns.items
    items.restore(restored(kept.items))
    items.client_instructions = kept.instructions
    turns.count = max(kept.turns, turns.count)
    machines.conducting.voice = kept.voice or machines.conducting.voice
    if kept.language and language.auto:
        language.heard(kept.language)
    if kept.reply is not None:
        _end_reply(kept.reply, played_ms, machines, turns)
    machines.floor.unanswered.extend(kept.unanswered)
    if kept.hearing:
        # Perhaps it is only half a sentence. Whoever goes on with it takes the answer back.
        machines.floor.unanswered.append(kept.hearing)
        if items.ids is not None:
            item_id = items.ids.utterance(0)  # no other utterance of this connection has it
            items.add("user", kept.hearing, item_id=item_id, spoken=True)


def _end_reply(
    reply: KeptReply, played_ms: int | None, machines: Machines[ReplyExit], turns: Turns
) -> None:
    """What becomes of the reply that was being made or said: it ends as if it had been interrupted,
    and what is left of it is to be said."""
    heard, items = reply.heard_by(played_ms), turns.items
    called = items.has_calls(reply.turn)
    if not heard and not called:
        if reply.user_text:
            items.take_back(reply.turn)
            machines.floor.unanswered.append(reply.user_text)
        elif reply.written and reply.text:
            items.forget_reply(reply.turn)
            machines.conducting.wants(Say(id=0, text=reply.text))
        else:  # the words that it answers are an item already
            items.forget_reply(reply.turn)
            machines.conducting.wants(Respond(id=0))
        return
    rest = unheard(reply, heard)
    cut = None if reply.written and not rest else heard
    items.commit(reply.turn, reply.user_text, reply.text, heard=cut)
    items.drop_calls(reply.turn)
    if reply.written and rest:
        machines.conducting.wants(Say(id=0, text=rest))
    elif not reply.written:
        note = GO_ON_FROM_THERE if heard else ""
        machines.conducting.wants(Respond(id=0, note=note))


async def tell_items(desk: ItemDesk) -> None:
    """Have the client see what the conversation holds, where its dialect shows items."""
    if not desk.told:
        return
    replies: set[int] = set()
    for item in list(desk.items):
        if isinstance(item, AssistantMessage) and not item.given:
            if item.turn in replies:
                continue  # all parts of a reply are one item to a client
            replies.add(item.turn)
        await desk.tell_again(item)

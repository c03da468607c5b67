"""What a conductor wants of the conversation, and whatever else is said without being asked: done
to the dialogue's machines, its turns and its client.

At each report the dialogue asks here what is to be said by itself. One per session, plain but for
the sends; the dialogue alone calls it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import assert_never

import structlog

from ...conversation.events import (
    Answered,
    CallEnding,
    CallerSilent,
    ConductorChanged,
    DigitPressed,
    ReplyOver,
    SayOver,
    SessionEvent,
)
from ...conversation.floor import CLOSE_S
from ...conversation.machines import Machines
from ...conversation.record import TurnRecord
from ...conversation.shown_state import ShownState
from ...conversation.silent_caller import Due
from ...conversation.spoken_sentences import Occasion
from ...protocol import close_codes
from ...protocol.codes import Code
from ...protocol.effects import (
    AddCall,
    AddItem,
    AnyEffect,
    CancelReply,
    CollectDigits,
    Conduct,
    ConductorFailed,
    DeleteItem,
    End,
    FindOutWhoAnswers,
    Forget,
    ForgetItems,
    GoOn,
    Interrupt,
    Mute,
    OfferTools,
    Respond,
    RetrieveItem,
    ReturnResult,
    Say,
    SendDigits,
    SetInstructions,
    SetReplies,
    Transfer,
    TruncateItem,
)
from ...protocol.events import ConductorTold, DigitsTold, Failure, TicketTold, TransferTold
from ...protocol.item_events import CallerIdle, ReplyBegan, ReplyEnded, ReplyOutcome
from ...protocol.states import Trigger
from ...telemetry import Telemetry
from ...turnstile import current_time
from ..outbox import Outbox
from ..reply_exit import ReplyExit
from .going_on import take_up, tell_items
from .hands import Hands
from .item_desk import ItemDesk
from .tool_desk import ToolDesk
from .turns import Turns

CANCELLATION_FAILED = "Cancellation failed: "
"""Some clients take a message that begins so for what it is: a reply that had ended already."""


RESULTS_TOGETHER_S = 1.0
"""So long a response waits for the other results of calls that were asked for together."""


@dataclass(slots=True, kw_only=True)
class ConductedCall:
    session_id: str
    machines: Machines[ReplyExit]
    turns: Turns
    tools: ToolDesk
    items: ItemDesk
    outbox: Outbox
    shown: ShownState
    telemetry: Telemetry
    log: structlog.typing.FilteringBoundLogger
    tell: Callable[[SessionEvent], None]
    """Tells watchers, and the conductor."""
    sentence: Callable[[Occasion], str]
    hands: Hands
    _answered_together: int = field(default=0, init=False)
    """Results that the newest response waited for: the client may ask for one behind each, and has
    it."""

    # What is said without being asked

    async def speak_first(self) -> None:
        """Say what is due and nobody asks for, if nobody would be talked over."""
        while self.machines.may_speak_first(now_s := current_time() + CLOSE_S):
            speech = self.machines.conducting.next()
            if speech is not None:
                self._say(speech)
                continue
            words = self.machines.later.next(now_s)
            if words is not None:
                self.begin_saying(words)
                continue
            if not await self._caller_is_silent(now_s):
                return

    def begin_saying(self, words: str, speech: Say | None = None) -> None:
        self.turns.say(words, speech)
        self.shown.go(Trigger.TURN)

    def _say(self, speech: Say | Respond) -> None:
        if isinstance(speech, Respond):
            self.turns.respond(speech)
            self.shown.go(Trigger.TURN)
            return
        if speech.asks:
            self._ask(speech)
        if speech.text:
            self.begin_saying(speech.text, speech)
        else:
            self._tell_said(speech.id)

    async def _caller_is_silent(self, now_s: float) -> bool:
        """Ask whether somebody is there, or end the call. False where nothing is said."""
        due = self.machines.silence.due(now_s)
        if due is Due.NOTHING:
            return False
        self.telemetry.count("silent_callers")
        self.log.info("caller_silent", due=due.name.lower())
        self.tell(CallerSilent(session_id=self.session_id, ending=due is Due.END))
        if self.machines.silence.model_asks:
            await self._prompt()
            return True
        if due is Due.END:
            await self._leave(End(text=self.sentence("goodbye"), reason="nobody spoke"))
            return False
        if question := self.sentence("there"):
            self.begin_saying(question)
        return bool(question)

    async def _prompt(self) -> None:
        """The model says something of its own accord. The silence is an utterance without words."""
        silence = self.machines.silence
        item_id = await self.items.heard_nothing()
        await self.outbox.send(CallerIdle(item=item_id, idle_ms=round(silence.ask_after_s * 1000)))
        silence.spoke()
        self.turns.respond(Respond(id=0))
        self.shown.go(Trigger.TURN)

    def _collect(self, collecting: bool) -> None:
        """Keys are the conductor's code's, those that were pressed just before as well."""
        digits = self.machines.digits
        digits.collected = collecting
        if collecting:
            for digit in digits.take():
                self.tell(DigitPressed(session_id=self.session_id, digit=digit))

    # Questions

    def _ask(self, speech: Say) -> None:
        """The next words are its answer. A question before it has none any more."""
        if before := self.machines.conducting.ask(speech.id, speech.answer_s):
            self._tell_answer(before, None)

    def answered(self, text: str | None) -> None:
        """Tell the words to whoever asked for them, if anybody did. None: there are none."""
        if asked := self.machines.conducting.answered():
            self._tell_answer(asked, text)

    def look_for_answer(self, now_s: float) -> None:
        """A question that nobody answers in time has no answer."""
        conducting = self.machines.conducting
        conducting.quiet(self.machines.awaits_answer(now_s), now_s)
        if conducting.answer_due_s <= now_s + CLOSE_S:
            self.answered(None)

    # What is over

    async def reply_ended(self, record: TurnRecord, heard: str, outcome: ReplyOutcome) -> None:
        """Tell whoever waits for the end of a reply, or for its tools."""
        self.tools.drop(record.turn)
        interrupted = outcome in ("interrupted", "cancelled")
        if self.items.told:
            self.turns.forget_unseen(record, cut=interrupted)
            await self.outbox.send(
                ReplyEnded(reply=record.turn, outcome=outcome, heard=heard, message=record.failure)
            )
        self.tell(
            ReplyOver(
                session_id=self.session_id,
                turn=record.turn,
                text=record.text.strip(),
                heard=heard,
                interrupted=interrupted,
            )
        )
        if record.say_id:
            self._tell_said(record.say_id, heard, interrupted=interrupted)

    def _tell_said(
        self, number: int, heard: str = "", *, interrupted: bool = False, dropped: bool = False
    ) -> None:
        self.tell(
            SayOver(
                session_id=self.session_id,
                id=number,
                heard=heard,
                interrupted=interrupted,
                dropped=dropped,
            )
        )

    def _tell_answer(self, number: int, text: str | None) -> None:
        self.tell(Answered(session_id=self.session_id, id=number, text=text))

    def _drop_speech(self, number: int) -> None:
        self._tell_said(number, dropped=True)
        self._tell_answer(number, None)

    # Effects

    async def take(self, effect: AnyEffect) -> None:
        conducting, live = self.machines.conducting, self.turns.live
        match effect:
            case Say() | Respond():
                await self._wants(effect)
            case Forget():
                await self._forget(effect.id)
            case Interrupt():
                if live is not None:
                    await self._cut(live)
            case SetInstructions():
                self._instruct(effect)
            case OfferTools():
                conducting.offer(effect.tools, by_client=effect.by_client)
            case SetReplies():
                self._set_replies(effect)
            case ReturnResult():
                await self._returned(effect)
            case CancelReply():
                await self._cancel(effect)
            case AddItem():
                await self.items.add(effect)
            case AddCall():
                await self.items.add_call(effect)
            case DeleteItem():
                await self.items.delete(effect)
            case RetrieveItem():
                await self.items.retrieve(effect)
            case TruncateItem():
                await self.items.truncate(effect, self._cut_by_client)
            case ForgetItems():
                self.turns.items.clear()
            case Conduct():
                await self._takes_over(effect)
            case Mute():
                conducting.muted = effect.muted
            case CollectDigits():
                self._collect(effect.collecting)
            case FindOutWhoAnswers():
                language = self.turns.current_language.now
                self.machines.who_answers.listen(current_time(), language)
            case SendDigits():
                await self.outbox.send(DigitsTold(digits=effect.digits))
            case End() | Transfer():
                await self._leave(effect)
            case GoOn():
                await self._go_on(effect)
            case ConductorFailed():
                await self._failed(effect.message)
            case _:
                assert_never(effect)

    async def _go_on(self, effect: GoOn) -> None:
        if effect.kept is not None:
            take_up(
                effect.kept,
                effect.played_ms,
                self.machines,
                self.turns,
                self.turns.current_language,
            )
        resumed = effect.kept is not None
        told = TicketTold(ticket=effect.ticket, resumed=resumed, why=effect.why)
        await self.outbox.send(told)
        if resumed:
            await tell_items(self.items)
        if not effect.conducted:
            self.machines.conducting.ready = True
            await self.hands.answer()

    def _instruct(self, effect: SetInstructions) -> None:
        items = self.turns.items
        if effect.by_client:
            items.client_instructions = effect.text
        else:
            items.instructions, items.client_adds = effect.text, True

    def _set_replies(self, effect: SetReplies) -> None:
        conducting, silence = self.machines.conducting, self.machines.silence
        conducting.by_itself, conducting.interruptible = effect.answers, effect.interruptible
        conducting.spoken, conducting.max_tokens = effect.spoken, effect.max_tokens
        conducting.tool_choice, conducting.speed = effect.tool_choice, effect.speed
        conducting.voice = effect.voice or conducting.voice
        silence.model_asks = effect.idle_s > 0
        if silence.model_asks:
            silence.ask_after_s, silence.end_after_s = effect.idle_s, 0.0

    async def _returned(self, effect: ReturnResult) -> None:
        live = self.turns.live
        returns = self.turns.exit.returns if live else None
        if not effect.by_client:
            await self.tools.take(effect.result, live, returns)
        elif result_id := await self.items.may_return(effect):
            await self.tools.take(effect.result, live, returns, result_id)
            await self.items.returned(result_id)
            if self.machines.results_until_s > current_time():
                self._answered_together += 1
            if all(use.result for use in self.turns.items.asked_together()):
                self.machines.results_until_s = -math.inf

    async def _cancel(self, effect: CancelReply) -> None:
        live = self.turns.live
        if live is not None and effect.reply in (0, live.turn):
            await self._cut_by_client(live)
            return
        what = f"{CANCELLATION_FAILED}there is no response to cancel"
        if live is not None:
            what = f"{CANCELLATION_FAILED}the response that is being made is another one"
        await self.items.refuse("response_cancel_not_active", what, "response_id", effect.ref)

    async def _cut_by_client(self, record: TurnRecord) -> None:
        await self._cut(record, outcome="cancelled")

    async def _cut(self, record: TurnRecord, outcome: ReplyOutcome = "interrupted") -> None:
        """End the live reply. What was said over one that nobody may interrupt is answered."""
        await self.hands.interrupt(record, outcome=outcome)
        await self.hands.answer()

    async def _takes_over(self, effect: Conduct) -> None:
        conducting = self.machines.conducting
        conducting.name, conducting.model = effect.name, effect.model
        conducting.voice = effect.voice or conducting.voice
        conducting.ready = True
        await self.outbox.send(ConductorTold(name=effect.name, voice=conducting.voice))
        self.tell(
            ConductorChanged(session_id=self.session_id, name=effect.name, voice=conducting.voice)
        )
        await self.hands.answer()

    async def _wants(self, speech: Say | Respond) -> None:
        live, conducting = self.turns.live, self.machines.conducting
        if isinstance(speech, Respond) and speech.by_client and not await self._may_respond(speech):
            return
        if not self.machines.ending.may_begin and not (live and live.rounds.calling):
            self._drop_speech(speech.id)
        elif isinstance(speech, Say) and self._said_by_tool(speech):
            if speech.asks:
                self._ask(speech)
            self._tell_said(speech.id, speech.text)
        elif not conducting.wants(speech):
            self.telemetry.dropped("say")
            self.log.warning("too_much_to_say")
            self._drop_speech(speech.id)
        elif isinstance(speech, Say) and speech.urgent and live is not None:
            await self._cut(live)

    async def _may_respond(self, speech: Respond) -> bool:
        """A client's conversation has one response at a time. One that waits for the client's tools
        only has to be heard to its end; the next one begins then."""
        live, waiting = self.turns.live, self.machines.conducting.waiting
        if not speech.wish.aside and self._waits_for_results():
            return not waiting  # one response for all of them
        if self._answered_together > 0 and not speech.wish.aside and await self._is_answered(live):
            return False
        busy = live is not None and not live.rounds.to_client and not live.aside
        if not speech.wish.aside and (busy or waiting):
            what = "there is a response already: wait for response.done, or cancel it"
            await self.items.refuse(
                "conversation_already_has_active_response", what, "", speech.ref
            )
            return False
        return True

    async def _is_answered(self, live: TurnRecord | None) -> bool:
        """Whether what the client asks a response for was answered together with other results. Who
        asks for it after that response gets an empty one: it waits for one."""
        more = self.machines.early.begun or not self.turns.items.end_with_reply
        if live is None and more:
            self._answered_together = 0
            return False
        self._answered_together -= 1
        if live is None:
            self.turns.count += 1
            empty = self.turns.count
            await self.outbox.send(ReplyBegan(reply=empty, voice=self.machines.conducting.voice))
            await self.outbox.send(ReplyEnded(reply=empty, outcome="completed", heard=""))
        return True

    def _waits_for_results(self) -> bool:
        """Whether the client has returned some of what the model asked for together, and not all of
        it. Clients ask for a response behind each result; two answers would be said. The others
        come within a moment, or the response is made without them."""
        asked = self.turns.items.asked_together()
        open_calls = [use for use in asked if use.result is None]
        if not open_calls or len(open_calls) == len(asked):
            return False
        now_s = current_time()
        if self.machines.results_until_s <= now_s:
            self.machines.results_until_s = now_s + RESULTS_TOGETHER_S
        return True

    def _said_by_tool(self, speech: Say) -> bool:
        """While the live turn waits for its tools, what their code says is said in it: it would
        wait for itself otherwise."""
        live = self.turns.live
        if live is None or not live.rounds.calling or speech.urgent:
            return False
        return not speech.text or self.turns.exit.returns.say(speech.text)

    async def _forget(self, number: int) -> None:
        conducting, live = self.machines.conducting, self.turns.live
        if conducting.forget(number):
            self._drop_speech(number)
        if conducting.asking == number:
            self.answered(None)
        if live is not None and live.say_id == number:
            await self._cut(live)

    async def _failed(self, message: str) -> None:
        """Its code has crashed: the call cannot go on without it."""
        self.telemetry.count("conductors_failed")
        live = self.turns.live
        returns = self.turns.exit.returns if live else None
        await self.tools.fail_all("the agent's code has crashed", live, returns)
        await self.outbox.send(Failure.of(Code.INTERNAL, message))
        await self._leave(
            End(text=self.sentence("failure"), reason="the agent failed"),
            code=close_codes.INTERNAL_ERROR,
        )

    # The end

    async def _leave(self, effect: End | Transfer, *, code: int = close_codes.NORMAL) -> None:
        """End the call, once what is being said was heard."""
        transfer = effect.to if isinstance(effect, Transfer) else ""
        reason = f"transferred to {transfer}" if isinstance(effect, Transfer) else effect.reason
        if not self.machines.ending.leave(code, reason, farewell=effect.text, transfer=transfer):
            return
        for number in self.machines.conducting.forget_all():
            self._drop_speech(number)
        self.answered(None)
        self.machines.floor.unanswered.clear()
        await self.turns.drop_early()
        self.tell(CallEnding(session_id=self.session_id, reason=reason, transfer=transfer))
        live = self.turns.live
        if live is None:
            await self.close_if_draining()
        elif isinstance(effect, End) and effect.at_once:
            await self.hands.interrupt(live)

    async def close_if_draining(self) -> None:
        """Close, where the session is ending and nothing is being said. What is still to be said
        before that is said."""
        ending = self.machines.ending
        if not ending.draining:
            return
        if words := ending.farewell():
            self.begin_saying(words, Say(id=0, text=words, interruptible=False))
            return
        if ending.transfer:
            await self.outbox.send(TransferTold(to=ending.transfer))
        await self.hands.close(ending.code, ending.reason)

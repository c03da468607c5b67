"""The turns of a dialogue: begun, begun early, suspended, given back, ended.

What the dialogue decides of its turn is done here: to the turn's tree, its exit, the reply gate and
the items of the conversation. Nothing is decided here, and nothing of it tells the client.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from ...conversation.current_language import CurrentLanguage
from ...conversation.early_reply import Begun
from ...conversation.items import Items
from ...conversation.machines import Machines
from ...conversation.record import TurnRecord
from ...protocol.chat import ChatMessage
from ...protocol.effects import AS_ALWAYS, ReplyWish, Respond, Say
from ...protocol.item_events import ReplyBegan
from ...telemetry import Telemetry
from ...turnstile import current_time
from ..gate import ReplyGate
from ..messages import UtteranceForeseen, UtteranceHeard
from ..reply_exit import ReplyExit

StartTurn = Callable[[TurnRecord, list[ChatMessage] | str, bool], ReplyExit]
"""What the language model is asked, or words that are said without asking it; with True all that
the turn says is held."""
StopTurn = Callable[[int], Awaitable[None]]

PAST_TURNS = 32

GO_ON = (
    "(You were interrupted by a noise; nobody said anything. Go on exactly where your last message "
    "breaks off, without repeating any of it.)"
)
"""What a model is asked that was cut off while its reply was suspended."""


@dataclass(slots=True, kw_only=True)
class Turns:
    machines: Machines[ReplyExit]
    gate: ReplyGate
    items: Items
    start_turn: StartTurn
    stop_turn: StopTurn
    telemetry: Telemetry
    current_language: CurrentLanguage = field(default_factory=CurrentLanguage)
    by_items: bool = False
    """Whether the client is told of each reply as items from its beginning to its end."""
    count: int = 0
    past: deque[TurnRecord] = field(default_factory=lambda: deque(maxlen=PAST_TURNS))
    """The newest turns, of clients that may still tell how much of them they played."""
    latest: TurnRecord | None = None
    """The live turn, or the one that was live last."""
    _exit: ReplyExit | None = field(default=None, init=False)
    """Of the live turn."""
    _letting_out: ReplyExit | None = field(default=None, init=False)

    @property
    def live(self) -> TurnRecord | None:
        return self.machines.reply.record

    def is_live(self, turn: int) -> bool:
        return self.live is not None and self.live.turn == turn

    @property
    def exit(self) -> ReplyExit:
        """Of the live turn. Raises RuntimeError where there is none."""
        if self._exit is None:
            raise RuntimeError("there is no live turn")
        return self._exit

    # Beginning

    def new_record(
        self,
        user_text: str,
        report: UtteranceHeard | UtteranceForeseen | None,
        language: str | None = None,
    ) -> TurnRecord:
        """`language` None: the one that is spoken now."""
        now_s = current_time()
        return TurnRecord(
            turn=self.count + 1,
            user_text=user_text,
            first_sample_s=report.first_sample_s if report else now_s,
            first_partial_s=report.first_partial_s if report else None,
            final_s=now_s,
            language=self.current_language.now if language is None else language,
            spoken=self.machines.conducting.spoken,
            max_tokens=self.machines.conducting.max_tokens,
            interruptible=self.machines.conducting.interruptible,
        )

    def _asked(self, user_text: str, language: str) -> list[ChatMessage]:
        return self.items.request(user_text, self.current_language.note(language))

    async def answer(
        self, user_text: str, report: UtteranceHeard | None, final_s: float | None
    ) -> None:
        """Begin the turn that answers this, or take up the one that was begun early for it. No turn
        is live."""
        conversation = self._asked(user_text, self.current_language.now)
        begun = self.machines.early.take()
        if begun is not None and (
            begun.conversation != conversation or begun.record.language != self.current_language.now
        ):
            await self._drop(begun)
            begun = None
        record = begun.record if begun else self.new_record(user_text, report)
        record.user_text = user_text  # nothing, where what was said is an item already
        record.final_s = current_time() if final_s is None else final_s
        if report is not None:
            record.last_sample_s, record.decided_s = report.last_sample_s, report.decided_s
        if begun is None:
            self._begin(record, conversation)
        else:
            self._is_live_now(record, begun.exit)
            self._letting_out = begun.exit

    def say(self, words: str, speech: Say | None = None) -> None:
        """Begin a turn that nobody asked for: it says just this. No turn is live."""
        record = self.new_record("", None)
        if speech is not None:
            record.say_id = speech.id
            record.interruptible, record.muted = speech.interruptible, speech.muted
        self._begin(record, words)

    def respond(self, speech: Respond) -> None:
        """Begin a turn in which the model says what nobody asked it for. No turn is live."""
        record = self.new_record("", None)
        wish = speech.wish
        record.say_id, record.wish = speech.id, wish
        record.interruptible = record.interruptible and speech.interruptible
        record.spoken = record.spoken if wish.spoken is None else wish.spoken
        record.max_tokens = record.max_tokens if wish.max_tokens is None else wish.max_tokens
        note = f"({speech.note})" if speech.note else ""
        self._begin(record, self._wished(wish, note))

    def _wished(self, wish: ReplyWish, note: str) -> list[ChatMessage]:
        language_note = self.current_language.note(self.current_language.now)
        if wish == AS_ALWAYS:
            return self.items.request(note, language_note)
        return self.items.request(
            note, language_note, instructions=wish.instructions, given=wish.asked
        )

    def _begin(self, record: TurnRecord, asked: list[ChatMessage] | str) -> None:
        # Known as live before its tree starts, so that it finds the gate as it should be.
        record.asked_chars = _chars(asked)
        self._is_live_now(record, self.start_turn(record, asked, self.by_items))

    def _is_live_now(self, record: TurnRecord, reply_exit: ReplyExit) -> None:
        self.count += 1
        if self.by_items:
            self.past.append(record)
            self._tell_of(record, reply_exit)
        self.machines.reply.begin(record)
        self.latest, self._exit = record, reply_exit
        self.gate.begin(reply_exit)
        self.telemetry.count("turns")

    def _tell_of(self, record: TurnRecord, reply_exit: ReplyExit) -> None:
        """The reply is an item from now on, and the client is told so before anything of it."""
        ids, wish = self.items.ids, record.wish
        if ids is not None and not record.aside:
            self.items.begin_reply(record.turn, ids.reply(record.turn))
        reply_exit.tell_first(
            ReplyBegan(
                reply=record.turn,
                spoken=record.spoken,
                voice=wish.voice or self.machines.conducting.voice,
                aside=record.aside,
                metadata=wish.metadata,
                max_tokens=record.max_tokens,
                asked_chars=record.asked_chars,
            )
        )
        self._letting_out = reply_exit

    def keep(self, record: TurnRecord, said: str, *, heard: str | None = None) -> None:
        """Have the conversation hold what was said in a turn, and what was heard of it."""
        if record.aside:
            return
        self.items.commit(record.turn, record.user_text, said, heard=heard)

    def forget_unseen(self, record: TurnRecord, *, cut: bool) -> None:
        """Have a reply be no item of which the client has seen nothing; `cut`: it was not said to
        its end, so that what was written of it was not told."""
        told = record.rounds.to_client or not (cut and record.spoken)
        if not record.ledger.sent_s and not (told and record.text.strip()):
            self.items.forget_reply(record.turn)

    def begin_early(self, report: UtteranceForeseen, user_text: str) -> None:
        """Begin a reply to what will have been said if this short silence is the end."""
        language = self.current_language.of(report.transcript.language)
        conversation = self._asked(user_text, language)
        record = self.new_record(user_text, report, language)
        record.foreseen_s = record.final_s
        record.asked_chars = _chars(conversation)
        self.telemetry.count("speculations")
        begun = Begun(
            record=record,
            conversation=conversation,
            exit=self.start_turn(record, conversation, True),
        )
        self.machines.early.begin(report.number, begun)

    async def drop_early(self) -> None:
        begun = self.machines.early.take()
        if begun is not None:
            await self._drop(begun)

    async def _drop(self, begun: Begun[ReplyExit]) -> None:
        self.telemetry.count("speculations_dropped")
        await self.stop_turn(begun.record.turn)

    # Suspended, and given back

    def suspend(self) -> None:
        """From this line on nothing of the live turn reaches the peer, and nothing of it is
        lost."""
        now_s = current_time()
        self.gate.set_open(False)
        self.gate.suspend(now_s)
        self.machines.reply.suspend(now_s)
        self._letting_out = None

    def give_back(self) -> None:
        """The suspended turn goes on, once what it held has been let out."""
        self.machines.reply.give_back()
        self._letting_out = self._exit

    def to_let_out(self) -> ReplyExit | None:
        """The exit whose held messages are to be told now, once."""
        reply_exit, self._letting_out = self._letting_out, None
        return reply_exit

    async def cut_off(self) -> None:
        """End the tree of a suspended turn whose model has been held for too long. The turn stays
        live: what becomes of it is still open."""
        record = self.live
        if record is not None:
            self.machines.reply.cut_off = True
            self.telemetry.count("models_cut_off")
            await self.stop_turn(record.turn)

    async def begin_again(self) -> None:
        """Have a turn that was cut off go on from what was not heard of it, as a turn of its
        own."""
        record = self.live
        if record is None:
            return
        heard = record.ledger.heard(current_time())
        await self.end()
        called = self.items.has_calls(record.turn)
        again = self.new_record("" if heard or called else record.user_text, None)
        again.say_id, record.say_id = record.say_id, 0
        again.interruptible = record.interruptible
        if heard or called:
            self.items.commit(record.turn, record.user_text, record.text.strip(), heard=heard)
            self._go_on(again, heard)  # or behind the tools' results
        else:
            user_text = record.user_text or GO_ON
            self._begin(again, self._asked(user_text, self.current_language.now))

    def go_on_after(self, record: TurnRecord) -> None:
        """Have an answer that was ended, and is kept, go on from what was not heard of it, as a
        turn of its own. No turn is live."""
        self._go_on(self.new_record("", None), record.ledger.heard(current_time()))

    def _go_on(self, again: TurnRecord, heard: str) -> None:
        """Ask the model for what was not heard; where nothing was, as it was asked before."""
        self._begin(again, self._asked(GO_ON if heard else "", self.current_language.now))

    # Ending

    async def end(self) -> None:
        """End the live turn. From the first line on nothing of it reaches the peer."""
        record = self.live
        if record is None:
            return
        record.ledger.cut(current_time())
        self.gate.kill()
        self._forget()
        await self.stop_turn(record.turn)

    def ended_by_itself(self) -> None:
        """It was heard to its end; what it still has in the outbox goes out."""
        self.gate.finish()
        self._forget()

    def _forget(self) -> None:
        self.machines.reply.end()
        self._exit = self._letting_out = None


def _chars(asked: list[ChatMessage] | str) -> int:
    """How much text a model is asked with; none where words are given."""
    if isinstance(asked, str):
        return 0
    return sum(len(message.text) for message in asked)

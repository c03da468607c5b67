"""Utterances: what becomes of what a person says, from its first sound to its final and its answer.

Each report of the detector and of the recognizer moves the floor; what it means there (words, a
backchannel, nothing) decides whether the client is told of it, whether a reply is interrupted, and
whether it waits to be answered.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from ...conversation.backchannel_words import table_for
from ...conversation.current_language import CurrentLanguage
from ...conversation.floor import Meaning
from ...conversation.machines import Machines
from ...conversation.patience import may_be_joined
from ...conversation.shown_state import ShownState
from ...protocol import close_codes
from ...protocol.events import Finalizing
from ...protocol.states import State, Trigger
from ...telemetry import Telemetry
from ...turnstile import current_time
from ..bell import Bell
from ..messages import (
    SpeechBegan,
    SpeechConfirmed,
    SpeechOver,
    UtteranceFailed,
    UtteranceForeseen,
    UtteranceHeard,
    WordsHeard,
)
from ..outbox import Outbox
from ..reply_exit import ReplyExit
from .conducted import ConductedCall
from .finals import Finals
from .hands import Hands
from .interruptions import Interruptions
from .item_desk import ItemDesk
from .turns import Turns

WhatFollows = Literal["answer", "ask", "wait"]


@dataclass(slots=True, kw_only=True)
class Utterances:
    machines: Machines[ReplyExit]
    turns: Turns
    interruptions: Interruptions
    finals: Finals
    conducted: ConductedCall
    items: ItemDesk
    outbox: Outbox
    shown: ShownState
    current_language: CurrentLanguage
    telemetry: Telemetry
    speech_heard: Bell
    """Rung when an utterance begins."""
    unfinished: WhatFollows
    """What follows words that want more and the silence that was waited for."""
    asks: str
    """What is said to them, where that is to ask."""
    hands: Hands

    _untold: UtteranceFailed | None = field(default=None, init=False)
    """The failure to hear a sound that was not certainly speech."""

    # Speech

    def began(self, report: SpeechBegan) -> None:
        self.speech_heard.ring()
        live, now_s = self.turns.live is not None, current_time()
        self.machines.who_answers.speech_began(now_s)
        self.interruptions.speech_began(report.after_ms, now_s)
        during_reply = live and not self.machines.expects_words
        self.machines.floor.began(
            report.number, now_s, guarded=report.during_reply, during_reply=during_reply
        )
        if not report.during_reply and not live:
            self.shown.go(Trigger.SPEECH)

    async def confirmed(self, report: SpeechConfirmed) -> None:
        """It is speech, surely."""
        floor, now_s = self.machines.floor, current_time()
        floor.confirmed(report.number, now_s)
        if self._untold is not None and self._untold.number == report.number:
            failed, self._untold = self._untold, None
            await self._tell_failure(failed, spoken=False)
        if self.turns.live is None and floor.is_open(report.number):
            self.shown.go(Trigger.SPEECH)
        elif self.turns.live is not None:
            self.telemetry.stage("silence", now_s - report.received_s)

    def over(self, report: SpeechOver) -> None:
        now_s = current_time()
        self.machines.floor.over(report.number, now_s)
        self.machines.who_answers.speech_ended(report.last_sample_s or now_s)

    async def dropped(self, number: int) -> None:
        """The client cancelled what was being said, or it was a sound of the line."""
        self.machines.who_answers.no_speech()
        spoken = self.machines.floor.is_open(number)
        self.machines.floor.dropped(number)
        await self._quiet_again(spoken)

    async def _quiet_again(self, spoken: bool) -> None:
        """What was heard was no speech, or will not be answered."""
        await self.turns.drop_early()
        if spoken:
            self.shown.go(Trigger.NOTHING)
        await self.hands.answer()

    # Words

    async def words(self, report: WordsHeard) -> None:
        """A hypothesis, while it is being said."""
        now_s = current_time()
        meaning = self.machines.floor.words(report.number, report.text, report.spoken_ms, now_s)
        self.machines.who_answers.heard(report.text, now_s)
        if meaning is Meaning.WORDS and self.turns.live is not None:
            await self.interruptions.spoken_over(
                self.turns.live, report.number, report.text, final=False
            )

    async def foreseen(self, report: UtteranceForeseen) -> None:
        """What will be heard if the short silence that began is the end."""
        text = report.transcript.text
        self._judged_in(report)
        meaning = await self._conclusion(report)
        self._judge_as_before()
        if meaning is Meaning.WORDS and self.machines.may_begin_early(report.number):
            waiting = () if self.items.told else self.machines.floor.unanswered
            words = (*waiting, text)
            self.turns.begin_early(report, " ".join(words))

    async def _conclusion(self, report: UtteranceForeseen) -> Meaning:
        text = report.transcript.text
        meaning = self.machines.floor.concluded(
            report.number,
            text,
            current_time(),
            confidence=report.transcript.confidence,
            spoken_ms=report.spoken_ms,
            begun=self.interruptions.reply_has_begun,
        )
        await self.turns.drop_early()
        if meaning is Meaning.WORDS and self.turns.live is not None:
            await self.interruptions.spoken_over(self.turns.live, report.number, text)
        return meaning

    async def heard(self, report: UtteranceHeard) -> None:
        """All of it was said, and understood or not."""
        if report.by_hand:
            await self._heard_by_hand(report)
            return
        floor, text = self.machines.floor, report.transcript.text
        self.machines.who_answers.heard(text, current_time())
        unsure, language = floor.is_unsure(report.number), self._judged_in(report)
        meaning = self._meaning(report)
        if meaning is Meaning.WORDS:
            self.machines.silence.spoke()
            self.current_language.heard(language)
        else:
            self._judge_as_before()
        in_vain = meaning is not Meaning.WORDS and (unsure or self.turns.live is not None)
        if in_vain and self.items.told:
            await self._nothing_said(report.number)
            return
        if unsure and meaning is not Meaning.WORDS:
            self.telemetry.count("false_alarms")
            return
        if meaning is Meaning.WORDS and self.turns.live is not None:
            await self.interruptions.spoken_over(self.turns.live, report.number, text)
        final_s = current_time()
        if unsure:
            await self.outbox.send(Finalizing())
        await self.finals.tell(report, language)
        await self.items.heard(report.number, text)
        if text:
            self.finals.watch_text(text, language, typed=False)
        if meaning is Meaning.BACKCHANNEL:
            self.telemetry.count("backchannels")
            return
        if meaning is Meaning.WORDS and not self.machines.cancelling:
            floor.unanswered.append(text)
            await self._words_wait(wanting=report.unfinished)
        else:
            if text and meaning is Meaning.NOTHING:
                self.telemetry.count("noises")
            self.shown.go(Trigger.NOTHING)
        await self.hands.answer(report, final_s)
        await self.turns.drop_early()
        if meaning is Meaning.NOTHING:
            self.interruptions.came_to_nothing(report.number)

    def _meaning(self, report: UtteranceHeard) -> Meaning:
        meaning = self.machines.floor.heard(
            report.number,
            report.transcript.text,
            report.transcript.confidence,
            begun=self.interruptions.reply_has_begun,
        )
        alone = self.turns.live is None or self.machines.expects_words
        if meaning is Meaning.BACKCHANNEL and alone:
            return Meaning.WORDS  # there is no reply any more that it could go with
        return meaning

    async def _heard_by_hand(self, report: UtteranceHeard) -> None:
        """The client said where it ends, and says what follows. It interrupts nothing."""
        text, language = report.transcript.text, self._judged_in(report)
        spoken = self.machines.floor.is_open(report.number)
        self.machines.floor.dropped(report.number)
        if text:
            self.machines.silence.spoke()
            self.current_language.heard(language)
            self.finals.watch_text(text, language, typed=False)
        await self.finals.tell(report, language)
        await self.items.heard(report.number, text)
        if text:
            self.conducted.answered(text)
        await self._quiet_again(spoken and self.shown.state is State.CAPTURING)

    async def _nothing_said(self, utterance: int) -> None:
        """A sound over a reply that goes on, or has ended meanwhile; where items are told."""
        self.telemetry.count("false_alarms")
        await self.items.came_to_nothing(utterance)
        await self.hands.answer()
        await self.turns.drop_early()

    async def _words_wait(self, *, wanting: bool) -> None:
        """Words came that are to be answered; `wanting`: they want more, and nothing more came."""
        short = may_be_joined("".join(self.machines.floor.unanswered))
        self.machines.more_wanted = wanting and short and self.unfinished != "answer"
        if not self.machines.more_wanted:
            return
        await self.turns.drop_early()
        self.shown.go(Trigger.NOTHING)
        if self.unfinished == "ask" and self.machines.ending.may_begin:
            self.conducted.begin_saying(self.asks)

    def _judged_in(self, report: UtteranceHeard | UtteranceForeseen) -> str:
        """The language of an utterance, by whose table its words are judged from now on."""
        language = self.current_language.of(report.transcript.language)
        if self.current_language.auto:
            self.machines.floor.judge_by(table_for(language))
        return language

    def _judge_as_before(self) -> None:
        if self.current_language.auto:
            self.machines.floor.judge_by(table_for(self.current_language.now))

    # No words

    async def not_heard(self, report: UtteranceFailed) -> None:
        """The recognizer failed."""
        floor = self.machines.floor
        spoken, unsure = floor.is_open(report.number), floor.is_unsure(report.number)
        floor.failed(report.number)
        if unsure:
            # Nobody hears of it, unless it turns out to be speech.
            self._untold = report
            self.telemetry.count("false_alarms")
            await self.items.came_to_nothing(report.number)
            return
        await self.items.heard(report.number, "")
        await self._tell_failure(report, spoken=spoken)

    async def _tell_failure(self, report: UtteranceFailed, *, spoken: bool) -> None:
        if not await self.finals.tell_failure(report):
            await self.hands.close(close_codes.INTERNAL_ERROR, report.code.value)
            return
        await self._quiet_again(spoken)

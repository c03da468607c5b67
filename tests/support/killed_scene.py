"""One run of a scene in which an actor is crashed at one point, and what must hold of it."""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import trio
import trio.testing

from parley.conversation.events import AudioHeard, Disconnected, ReplyOver, SessionEvent
from parley.engines.failures import LaneLost
from parley.testing.performing import Performance
from parley.testing.scene import Scene
from parley.transport import PeerGone

from .killing import SENT, WAITS, Killer, Point

LIMIT_S = 900.0
"""Of virtual time: longer than all deadlines of a scene together."""

SIGNIFICANT = {"sender", "dialogue"}
"""Those whose crash ends the session, with INTERNAL and 1011."""
SUPERVISORS = {"turn"}
"""A reply's own supervisor: its bugs end the session as well."""
BY_WORDS = {"llm"}
"""A reply is told as failed when its model crashes in the middle: saying it again from its
beginning would say some of it twice."""
RINGING = 160
"""So many samples that are not zero a resampler puts around a sound: they are counted with it."""
NO_ONSET = 6 * 320 + RINGING
"""A detector's crash ends its utterance. Where less sound follows than an onset takes (five frames
of 20 ms, and what lies in the frames at both ends), it begins no other one."""
CONDUCTOR = {"conductor"}
"""What an agent has done cannot be done again, so its task is not restarted."""


@dataclass(eq=False)
class KilledScene:
    scene: Scene
    at: Point | None
    recorded: bool = False
    events: list[SessionEvent] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def run(self) -> KilledScene:
        clock = trio.testing.MockClock(autojump_threshold=0)
        trio.run(self._perform, clock=clock)
        return self

    async def _perform(self) -> None:
        # Where a detector crashed an utterance may become two, of which each has words.
        words = [*self.scene.words, *list(self.scene.words[-1:]) * 3]
        self.performance = Performance(
            replace(self.scene, words=words), recorded=self.recorded, watchers=[self._watch]
        )
        self.killer = Killer(self.scene.name, self.at)
        before = trio.lowlevel.current_statistics().tasks_living
        with self.killer.watching(), trio.move_on_after(LIMIT_S) as limit:
            try:
                await self.performance.run()
            except* PeerGone:
                pass  # the peer still spoke when the session had ended
        await trio.testing.wait_all_tasks_blocked()
        if limit.cancelled_caught:
            self.problems.append("it hangs")
        if trio.lowlevel.current_statistics().tasks_living != before:
            self.problems.append("a task is left")

    def _watch(self, event: SessionEvent) -> None:
        if not isinstance(event, AudioHeard):
            self.events.append(event)

    # What was seen

    @functools.cached_property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(f) for f in self.performance.received if isinstance(f, str)]

    @property
    def codes(self) -> list[str]:
        told = [m.get("error", m) for m in self.messages if m.get("type") == "error"]
        return [str(m.get("code")).upper() for m in told if isinstance(m, dict)]

    @property
    def finals(self) -> list[str]:
        names = {"final_transcript", "transcript"}
        told = [m for m in self.messages if m.get("type") in names and m.get("is_final", True)]
        return [str(m.get("text")) for m in told]

    def count(self, kind: str) -> int:
        return sum(m.get("type") == kind for m in self.messages)

    @property
    def voiced(self) -> int:
        """How many samples of sound the recognizer was given, each time it was."""
        heard = b"".join(self.performance.transcriber.heard)
        return sum(1 for at in range(0, len(heard), 2) if heard[at : at + 2] != b"\0\0")

    @property
    def _loses_its_lane(self) -> bool:
        """Whether the scene has its recognizer lose its process."""
        fails = self.scene.asr.get("fail_on", {})
        return isinstance(fails, dict) and any(isinstance(one, LaneLost) for one in fails.values())

    def _was_given_up(self, reference: KilledScene) -> bool:
        """Whether the client was told that an utterance cannot be heard: its audio is given to a
        recognizer twice, and no third time."""
        told, usual = Counter(self.codes), Counter(reference.codes)
        return any(told[code] > usual[code] for code in ("ASR_FAIL", "AUDIO_PROCESSING_ERROR"))

    def _was_whole(self, reference: KilledScene) -> bool:
        """Whether as many replies were told to their end."""
        return self.count("tts_complete") >= reference.count("tts_complete")

    def _writes_as_scripted(self) -> bool:
        """Whether each reply that was told is the beginning of the scene's, nothing twice."""
        replies = [""]
        for message in self.messages:
            if message.get("type") == "final_transcript":
                replies.append("")
            elif message.get("type") == "llm_token":
                replies[-1] += str(message.get("text"))
        whole = "".join(part for part in self.scene.reply if isinstance(part, str))
        return all(whole.startswith(reply) for reply in replies)

    # What must hold

    def wrong(self, reference: KilledScene) -> list[str]:
        """Everything that is against the policy, compared with a run in which nothing crashed."""
        found = [*self.problems, *self._left_over(), *self._ends(reference)]
        at = self.at
        if at is None or not self.killer.done:
            return found
        ends_session = at.actor in SIGNIFICANT | SUPERVISORS
        if at.actor in CONDUCTOR:
            return found
        if reference.performance.client.closed is None:
            return found  # its client has stopped reading before the end
        found += self._ended_as_a_bug() if ends_session else self._went_on(reference)
        if not ends_session and at.how != SENT:
            found += self._nothing_lost(reference)
        return found

    def _left_over(self) -> Iterator[str]:
        performance = self.performance
        if performance.transcriber.open:
            yield "an utterance is left open"
        if performance.responder.active:
            yield "a reply goes on"
        if performance.synthesizer.active:
            yield "a synthesis goes on"
        for name in ("heard", "spoken", "reports"):
            _, receive = getattr(performance.session.parts.channels, name)
            if receive.statistics().tasks_waiting_receive:
                yield f"somebody waits for {name}"

    def _ends(self, reference: KilledScene) -> Iterator[str]:
        ended = sum(isinstance(event, Disconnected) for event in self.events)
        if ended != 1:
            yield f"the session's end was told {ended} times"
        over = Counter(event.turn for event in self.events if isinstance(event, ReplyOver))
        for turn, times in over.items():
            if times > 1:
                yield f"the end of turn {turn} was told {times} times"
        by_itself = 0 if self is reference else reference.codes.count("INTERNAL")
        if self.codes.count("INTERNAL") > 1 + by_itself:
            yield "INTERNAL was told twice"

    def _ended_as_a_bug(self) -> Iterator[str]:
        # A peer that still spoke when the session ended has not read how.
        ended = self.performance.server_end.ended
        closed = self.performance.client.closed or (PeerGone(*ended) if ended else None)
        session = self.performance.session
        assert self.at is not None
        if closed is None:
            yield "it was not closed"
        elif session.parts.sender.writing and self.at.actor == "sender":
            # Nothing may follow a frame that may be half written.
            if closed.code not in (1000, 1006):
                yield f"it was closed with {closed.code} behind half a frame"
        elif self.scene.slow_s and closed.code in (1006, 1011):
            pass  # a client that reads too slowly for it to learn why
        elif closed.code == 1011 and not self._says_internal():
            yield "1011 without INTERNAL"
        elif closed.code not in (1011, 1000, 1001, 1006):
            yield f"it was closed with {closed.code}"
        elif closed.code != 1011 and not self._was_over(closed.code):
            yield f"it was closed with {closed.code}, not with 1011"

    def _says_internal(self) -> bool:
        """Whether the client was told; a telephone has no word for it."""
        told = any("INTERNAL" in code for code in self.codes)
        return told or self.scene.dialect.profile.telephone

    def _was_over(self, code: int) -> bool:
        """Whether the session ended for another reason in the moment of the crash."""
        session = self.performance.session
        return session._broken is None or code in (1000, 1001)

    def _went_on(self, reference: KilledScene) -> Iterator[str]:
        session, closed = self.performance.session, self.performance.client.closed
        if (ended := reference.performance.client.closed) and ended.code == 1011:
            return  # it ends so without a crash of an actor
        if session._broken is not None or closed is None or closed.code == 1011:
            yield "the session was lost"

    def _nothing_lost(self, reference: KilledScene) -> Iterator[str]:
        assert self.at is not None
        actor = self.at.actor
        if actor in BY_WORDS:
            if self.codes.count("LLM_FAIL") > 1 + reference.codes.count("LLM_FAIL"):
                yield "a failed reply was told twice"
            return
        if self._loses_its_lane and (actor == "vad" or self._was_given_up(reference)):
            return  # what a recognizer was given twice is counted twice
        least = reference.voiced - (NO_ONSET if actor == "vad" else 0)
        if actor in ("vad", "receiver") and self.voiced < least:
            yield f"of {reference.voiced} samples of sound {self.voiced} were heard"
        if actor in ("vad",) or (actor == "asr" and self.at.how == WAITS):
            return  # an utterance may end where its detector crashed, and its words be told in two
        cut_short = self.codes.count("TTS_FAIL") - reference.codes.count("TTS_FAIL")
        if self.finals != reference.finals:
            yield f"finals {self.finals}, not {reference.finals}"
        for kind in (
            "tts_complete",
            "tts_phrase_done",
            "llm_token",
            "finalize_pending",
            "barge_in",
        ):
            if kind == "llm_token" and actor == "asr" and self._writes_as_scripted():
                continue  # words that are told later end a reply later: more of it was written
            if kind == "barge_in" and actor == "tts" and self._was_whole(reference):
                continue  # its sound came later, and was over when somebody spoke behind it
            if kind == "tts_phrase_done" and actor == "tts" and self.scene.streams and cut_short:
                continue  # a voice that streams says no phrase again: TTS_FAIL tells where it ends
            if self.count(kind) != reference.count(kind):
                yield f"{self.count(kind)} times {kind}, not {reference.count(kind)}"

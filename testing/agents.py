"""An agent tested without sound: `talk_to` opens a whole session in memory, and gives its caller.

    async with talk_to(shop, model=ScriptedModel(["We open at nine."])) as caller:
        assert await caller.says("When do you open?") == "We open at nine."

It is the session of the server, on the same actors; only transport, engines and, under
`autojump_clock`, the clock are others. What goes wrong (the agent's code, the model's script, an
answer that never comes) is raised by whatever the test waits for, or at the end of the block.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import trio
import trio.testing

from ..agents.agent import Agent
from ..agents.registry import Agents
from ..agents.running import RunningAgent
from ..client.in_memory import InMemoryClient
from ..config import Settings
from ..conversation.caller import Caller
from ..conversation.events import (
    AudioHeard,
    CallEnding,
    ConductorChanged,
    ReplyOver,
    SessionEvent,
    TextHeard,
    ToolReturned,
)
from ..conversation.ledger import Ledger
from ..conversation.record import TurnRecord
from ..engines.kit import Engines
from ..engines.llm.interface import Responder
from ..engines.llm.local import LocalResponder
from ..engines.tts.interface import Synthesizer
from ..engines.tts.scripted import ScriptedSynthesizer
from ..engines.vad.scripted import ScriptedDetector
from ..nurseries import plain_nursery
from ..protocol.dialect import Dialect
from ..protocol.newspeech import DIALECT as NEWSPEECH
from ..protocol.tool_calls import Outcome
from ..session.life import Session
from ..telemetry import Telemetry
from ..transport import PeerGone, memory_pair
from .microphone import ScriptedMicrophone
from .models import Request
from .witness import Witness

LONGEST_WAIT_S = 300.0
"""How long a test waits for anything at most: longer than the questions and silences of calls."""

CAPACITY = 1000
"""Frames that may wait on the way, in each direction."""

LOOK_S = 0.02
"""How often is looked whether something can be heard, which nobody tells."""

QUIET_S = 0.2
"""How long it has to be quiet before a question that a tool asks counts as heard to its end."""

HUNG_UP = "the caller hung up"


class NothingSaid(AssertionError):
    """What the test waits for did not come. The message says what was said before."""


class AgentFailed(AssertionError):
    """The agent's code raised something; that is the cause."""


@dataclass(frozen=True, slots=True)
class Used:
    """A tool that was called, and what became of it."""

    name: str
    arguments: Any
    """A dict; or the text that the model wrote, where that is no JSON object."""
    output: str
    """As the model is told."""
    outcome: Outcome = Outcome.DONE


@asynccontextmanager
async def talk_to(
    agent: Agent[Any],
    *,
    model: Responder | None,
    query: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    settings: Settings | Mapping[str, object] | None = None,
    spoken: bool = False,
    dialect: Dialect = NEWSPEECH,
    voice: Synthesizer | None = None,
    agents: Sequence[Agent[Any]] = (),
    longest_wait_s: float = LONGEST_WAIT_S,
) -> AsyncIterator[CallerOfTest]:
    """A call of this agent, to its end or the block's.

    `model` None: there is no language model, a few rules answer. `query` and `headers` are the
    caller's, `settings` the server's (by their names in lower case). The caller types; with
    `spoken` they speak: silence and turn-taking are real then, and words take 300 ms each. `voice`
    None: one that takes 50 ms for each letter. `agents` are others of the same server.

    Raises BadAgent and ValueError for what cannot be served.
    """
    if not spoken and dialect.profile.name != NEWSPEECH.profile.name:
        raise ValueError(f"{dialect.profile.name} has no word for typed text: use spoken=True")
    if not isinstance(settings, Settings):
        # A caller who types sends nothing for as long as the test wants.
        settings = Settings.defaults(**{"ws_idle_timeout": 0, **(settings or {})})
    agent.name = agent.name or "agent"
    answering = Agents((agent, *agents), settings)
    witness = Witness(LocalResponder() if model is None else model)
    who = Caller(
        session_id="test",
        dialect=dialect.profile.name,
        path=dialect.paths[0],
        peer="memory",
        query=dict(query or {}),
        headers={name.lower(): value for name, value in (headers or {}).items()},
    )
    running = answering.running(agent, who, witness)
    server_end, client_end = memory_pair(CAPACITY)
    client = InMemoryClient(client_end, dialect)
    microphone = ScriptedMicrophone(client)
    engines = Engines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: microphone.ear,
        responder=witness,
        synthesizer=voice or ScriptedSynthesizer(),
    )
    caller = CallerOfTest(running, client, witness, microphone if spoken else None, longest_wait_s)
    session = Session(
        transport=server_end,
        dialect=dialect,
        engines=engines,
        settings=answering.settings_for(agent, settings),
        telemetry=Telemetry(),
        session_id=who.session_id,
        watchers=[caller._happened],
        conductor=running,
    )
    caller._session = session
    async with plain_nursery() as nursery:
        nursery.start_soon(session.run)
        nursery.start_soon(caller._read)
        await client.start()
        if spoken:
            nursery.start_soon(microphone.run)
        await caller._until_begun()
        yield caller
        caller._raise_problem()
        await caller.hangs_up()


class CallerOfTest:
    """Who calls the agent, and what they see of the call. Made by `talk_to`."""

    def __init__(
        self,
        running: RunningAgent,
        client: InMemoryClient,
        witness: Witness,
        microphone: ScriptedMicrophone | None,
        longest_wait_s: float,
    ) -> None:
        self.client = client
        """What the caller's side of the connection received is here."""
        self.said: list[str] = []
        """All that was heard of the agent, reply by reply."""
        self.tools: list[Used] = []
        """Those that were called, in the order of their results."""
        self.events: list[SessionEvent] = []
        """All that happened, without the audio."""
        self.agent = ""
        """The name of who answers now."""
        self._running = running
        self._witness = witness
        self._microphone = microphone
        self._longest_wait_s = longest_wait_s
        self._session: Session
        self._opened_s = trio.current_time()
        self._lines: list[str] = []
        self._replies: list[tuple[int, str]] = []
        self._taken = 0
        """The newest turn that the test was given the reply of."""
        self._given = (0, 0)
        """How much of a turn that asked something on the way the test was given."""
        self._ending: CallEnding | None = None
        self._hung_up = False
        self._told = False
        self._news = trio.Event()

    # What the caller does

    async def says(self, text: str) -> str:
        """Say this, and give what was heard of the reply: "" where the call ended without one.

        Where code answers and says several things, the rest is for `hears`. A reply without words
        of its own, in which a tool ended the call, is answered by the call's last words.
        """
        after = await self._say(text)
        heard = await self._reply(after, f"nothing was answered to {text!r}")
        if not heard and self.ended and not self._over:
            heard = await self._reply(self._taken, "nothing was said")
        return heard

    async def starts_saying(self, text: str) -> None:
        """Say this, and do not wait for the reply: `hears` gives it, `interrupts` cuts it."""
        self._taken = max(self._taken, await self._say(text))

    async def hears(self) -> str:
        """The next thing that is said without being asked for: a greeting, a question, a timer."""
        heard = ""
        while not heard:
            if self._over and not self._next(self._taken):
                self._raise_problem()
                raise NothingSaid(f"nothing more was said: {self.ended}\n{self}")
            heard = await self._reply(self._taken, "nothing was said")
        return heard

    async def interrupts(self, text: str, after_s: float = 1.0) -> str:
        """Wait for something to be said, and speak over it after so many seconds of it. Gives the
        reply to that; what was heard of the interrupted one is the last but one in `said`."""
        await self._until(lambda: self._audible is not None, "nothing was said", look=True)
        record = self._audible
        if record is None or record.first_audio_s is None:
            raise NothingSaid(f"there was nothing to interrupt: {self.ended}\n{self}")
        await trio.sleep_until(record.first_audio_s + after_s)
        if self._audible is not record:
            raise NothingSaid(f"it was over before it could be interrupted\n{self}")
        return await self.says(text)

    async def waits(self, seconds: float) -> None:
        """Say nothing for so long."""
        await trio.sleep(seconds)
        await self._settle()
        self._raise_problem()

    async def hangs_up(self) -> None:
        """End the call, and come back when all of it has ended."""
        self._hung_up = True
        await self.client.transport.close()
        await self._until(lambda: False, "the call did not end")
        await self._settle()

    async def until_ended(self) -> str:
        """Wait until the agent has ended the call. Gives the reason."""
        await self._until(lambda: False, "the call did not end")
        self._raise_problem()
        return self.ended or ""

    # What there is to see

    @property
    def ended(self) -> str | None:
        """Why the call is over, or about to be once the last words were heard; None: it is not."""
        if self._ending is not None:
            return self._ending.reason
        if self._hung_up:
            return HUNG_UP
        return None if self.client.closed is None else self.client.closed.reason

    @property
    def transferred(self) -> str:
        """Whom the caller is put through to; "": to nobody."""
        return "" if self._ending is None else self._ending.transfer

    @property
    def state(self) -> Any:
        """The agent's own state of the call."""
        return None if self._running.call is None else self._running.call.state

    @property
    def instructions(self) -> str:
        """What the model is told before the conversation, now."""
        return self._session.parts.items.instructions

    @property
    def asked(self) -> Sequence[Request]:
        """What the model was asked, in order."""
        return self._witness.asked

    def __str__(self) -> str:
        """The call so far, a line for each thing that was said or done."""
        return "\n".join(("The call so far:", *(self._lines or ["  (nothing)"])))

    # What happens

    def _happened(self, event: SessionEvent) -> None:
        match event:
            case AudioHeard():
                return
            case TextHeard():
                self._line("caller", event.text)
            case ReplyOver():
                self._reply_over(event)
            case ToolReturned():
                used = Used(
                    event.call.name,
                    _arguments(event.call.arguments),
                    event.result.output,
                    event.result.outcome,
                )
                self.tools.append(used)
                called = f"{used.name}({event.call.arguments})"
                self._line("tool", f"{called} {used.outcome.value}: {used.output}")
            case ConductorChanged():
                self.agent = event.name
            case CallEnding():
                self._ending = event
                self._line("end", event.reason)
        self.events.append(event)
        self._ring()

    def _reply_over(self, event: ReplyOver) -> None:
        record = self._session.parts.turns.latest
        heard = event.heard
        if record is not None and record.turn == event.turn:
            heard = _heard_aloud(record.ledger, trio.current_time())
        turn, chars = self._given
        rest = heard[chars:].lstrip() if turn == event.turn else heard
        self._replies.append((event.turn, rest))
        if rest:
            self.said.append(rest)
            self._line(self.agent, f"{rest} [interrupted]" if event.interrupted else rest)

    def _line(self, who: str, what: str) -> None:
        self._lines.append(
            f"  {trio.current_time() - self._session._opened_s:7.2f} s  {who}: {what}"
        )

    def _ring(self) -> None:
        self._news.set()
        self._news = trio.Event()

    async def _read(self) -> None:
        await self.client.read()
        self._ring()

    # Waiting

    @property
    def _over(self) -> bool:
        return self.client.closed is not None

    @property
    def _audible(self) -> TurnRecord | None:
        """The reply that can be heard now."""
        record = self._session.parts.turns.live
        return record if record is not None and record.first_audio_s is not None else None

    async def _until_begun(self) -> None:
        begun = self._running.begun
        with trio.move_on_after(self._longest_wait_s):
            while not (begun.is_set() or self._running.failure or self._over):
                with trio.move_on_after(LOOK_S):
                    await begun.wait()
        await self._settle()

    async def _say(self, text: str) -> int:
        """Say this. Gives the newest turn that cannot be its answer."""
        self._raise_problem()
        if self._over:
            raise NothingSaid(f"the call is over, and nobody hears {text!r}: {self.ended}\n{self}")
        turns = self._session.parts.turns
        after = turns.count - 1 if self._asks_on_the_way else turns.count
        try:
            if self._microphone is None:
                await self.client.type_text(text)
            else:
                await self._microphone.speak(text)
        except PeerGone:
            pass  # it ends in this very moment
        return after

    async def _reply(self, after: int, otherwise: str) -> str:
        """What was heard of the first reply behind a turn."""
        await self._until(
            lambda: self._next(after) is not None or self._asked_on_the_way(after) is not None,
            otherwise,
            look=True,
        )
        self._raise_problem()
        found = self._next(after)
        if found is not None:
            self._taken = found[0]
            return found[1]
        asked = self._asked_on_the_way(after)
        if asked is None:
            return ""
        turn, chars = asked.turn, self._given[1] if self._given[0] == asked.turn else 0
        heard = _heard_aloud(asked.ledger, trio.current_time())
        self._given = (turn, len(heard))
        question = heard[chars:].lstrip()
        self.said.append(question)
        self._line(self.agent, question)
        return question

    def _next(self, after: int) -> tuple[int, str] | None:
        return next((one for one in self._replies if one[0] > after), None)

    @property
    def _asks_on_the_way(self) -> bool:
        """Whether a tool of the live turn has asked something, and waits for the answer."""
        return self._session.parts.machines.expects_words

    def _asked_on_the_way(self, after: int) -> TurnRecord | None:
        """The turn whose tool has asked something that was heard to its end, and not given yet."""
        record = self._session.parts.turns.live
        if record is None or record.turn <= after or not self._asks_on_the_way:
            return None
        ledger, now_s = record.ledger, trio.current_time()
        chars = self._given[1] if self._given[0] == record.turn else 0
        playing = ledger.waiting or now_s < ledger.due_s + QUIET_S
        heard = len(_heard_aloud(ledger, now_s))
        return record if heard > chars and not playing else None

    async def _until(self, done: Callable[[], bool], otherwise: str, *, look: bool = False) -> None:
        """Until something holds, or the call is over, or something went wrong. `look`: it may hold
        without any news."""
        with trio.move_on_after(self._longest_wait_s) as limit:
            while not (done() or self._over or self._problem is not None):
                with trio.move_on_after(LOOK_S if look else self._longest_wait_s):
                    await self._news.wait()
        if limit.cancelled_caught:
            raise NothingSaid(f"{otherwise} within {self._longest_wait_s:g} s\n{self}")
        await self._settle()

    async def _settle(self) -> None:
        """Let happen what happens in this moment."""
        await trio.testing.wait_all_tasks_blocked()

    @property
    def _problem(self) -> Exception | None:
        """What the test was not told yet."""
        if self._told:
            return None
        return self._witness.problem or self._running.failure

    def _raise_problem(self) -> None:
        problem = self._problem
        if problem is None:
            return
        self._told = True
        if problem is self._witness.problem:
            raise problem
        what = f"{type(problem).__name__}: {problem}".rstrip(": ")
        raise AgentFailed(f"the agent's code failed: {what}\n{self}") from problem


def _heard_aloud(ledger: Ledger, now_s: float) -> str:
    """All that was heard of a reply, also what was said aside: by a tool, or of a failure."""
    heard, beside_aside, until_s = "", False, ledger.until(now_s)
    for phrase in ledger.phrases:
        text = phrase.heard_text(until_s)
        between = " " if phrase.before is None else phrase.before
        if (phrase.aside or beside_aside) and not between:
            between = " "
        if text:
            heard, beside_aside = f"{heard}{between}{text}", phrase.aside
    return heard.strip()


def _arguments(written: str) -> Any:
    try:
        given = json.loads(written)
    except (ValueError, RecursionError):
        return written
    return given if isinstance(given, dict) else written

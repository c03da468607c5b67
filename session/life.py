"""The life of one conversation: which of its parts run, who supervises them, how it ends.

    session-<id>          one_for_one, ends when a significant child has ended
    ├─ sender             significant: the only task that ever writes to the peer
    ├─ dialogue           significant: decides, begins turns and cancels them
    ├─ asr                permanent
    ├─ vad                permanent
    ├─ receiver           transient, significant: when the peer is gone the session ends
    ├─ conductor          temporary: an agent's code, where there is an agent
    ├─ orders             transient: what the server wants of it, to stop its reply or to end
    ├─ warmer             transient: readies the language model when speech begins
    ├─ timekeeper, announcer transient: only in sessions that do one thing at a time
    └─ turn-<n>           temporary: at most one at a time

Children start from what speaks to the peer to what hears it and stop the other way round, so that
whoever speaks last still has somebody to speak to. The same session runs behind a WebSocket, in
memory and in a replay.
"""

from __future__ import annotations

import contextlib
import functools
import uuid
from collections import deque
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import structlog
import trio

from ..actors.messages import Conducted, DrainRequested, InterruptRequested
from ..actors.ranks import Rank
from ..audio.pcm import check_pcm16
from ..config import Settings
from ..conversation.events import (
    Connected,
    Watcher,
)
from ..conversation.keeping import kept_items, kept_reply
from ..conversation.timings import Timings
from ..engines.agent.interface import Conductor
from ..engines.kit import Engines
from ..engines.llm.interface import Warms
from ..protocol import close_codes
from ..protocol.codes import Code
from ..protocol.dialect import Dialect
from ..protocol.effects import ConductorFailed
from ..protocol.events import Failure
from ..protocol.kept import KeptConversation
from ..supervisor import (
    AutoShutdown,
    Child,
    Crashed,
    Observer,
    Restart,
    SupervisionEvent,
    Supervisor,
    SupervisorStopped,
)
from ..telemetry import Telemetry
from ..transport import PeerGone, Transport
from ..turnstile import Turnstile, admit, current_time, run_ranked
from .assembly import Assembly
from .events import Watchers
from .trace import SessionTrace


class Order(StrEnum):
    """What a server may want of a session; on a tape it is called the same."""

    DRAIN = "drain"
    LIMIT = "limit"
    CLOSE = "close"
    CANCEL = "cancel"


MAX_RESTARTS = 10
"""Per period, and only bugs count: an engine's failure is told, and nothing is restarted for it. A
bug may crash an actor twice on one thing (an utterance, a frame); a person speaks a few utterances
in ten seconds at most. Above that something is broken that restarting does not mend."""
RESTART_PERIOD_S = 10.0

LAST_WORDS_S = 1.0
"""How long a crashed session tries to say INTERNAL to its peer."""


class Session:
    """One conversation over one transport. `run` returns when it is over, whoever ended it.

    It raises nothing of its own: what crashes inside is told to the peer as INTERNAL, and to the
    log.
    """

    def __init__(
        self,
        *,
        transport: Transport,
        dialect: Dialect,
        engines: Engines,
        settings: Settings,
        telemetry: Telemetry,
        session_id: str | None = None,
        companions: Sequence[Child] = (),
        opened_ms: int = 0,
        watchers: Sequence[Watcher] = (),
        turnstile: Turnstile | None = None,
        conductor: Conductor | None = None,
        trace: SessionTrace | None = None,
    ) -> None:
        """`companions` are further children with the session's lifetime (a socket's ping).

        `opened_ms` is the time of day at which it opens, in Unix milliseconds, for dialects that
        tell it. Whoever owns the clock on the wall gives it; a replay gives the recorded one.
        `watchers` are told what happens (`parley.conversation.events`). With a `turnstile` it
        does one thing at a time, in an order that can be repeated (see `parley.turnstile`);
        transport and engines must use it too. `conductor` is an agent's code, or what replays it.
        `trace` follows the turns from outside.
        """
        self.id = session_id or uuid.uuid4().hex[:12]
        self.dialect = dialect
        self._transport = transport
        self._engines = engines
        self._settings = settings
        self._telemetry = telemetry
        self._companions = tuple(companions)
        self._opened_ms = opened_ms
        self._watchers = Watchers(watchers, telemetry)
        self._log: structlog.typing.FilteringBoundLogger = structlog.get_logger().bind(
            session_id=self.id
        )
        self._turnstile = turnstile
        self._conductor = conductor
        self._opened_s = trio.current_time()
        self._timings = Timings(turnstile.now_s if turnstile else self._opened_s)
        self._orders: deque[Order] = deque()
        self._ordered = trio.Event()
        self._ends = False
        self._cancels = 0
        self._broken: BaseException | None = None
        self._observers: tuple[Observer, ...] = (self._observe,)
        self.parts = Assembly(
            session_id=self.id,
            transport=transport,
            dialect=dialect,
            engines=engines,
            settings=settings,
            telemetry=telemetry,
            log=self._log,
            watchers=self._watchers,
            turnstile=turnstile,
            timings=self._timings,
            now_ms=self._now_ms,
            spawn_turn=self._spawn_turn,
            stop_turn=self._stop_turn,
            observers=self._observers,
            conductor=conductor,
            trace=trace,
        )
        self._supervisor = self._tree()

    def _tree(self) -> Supervisor:
        parts = self.parts
        return Supervisor(
            f"session-{self.id}",
            (
                Child("sender", run=parts.sender.run, restart=Restart.TEMPORARY, significant=True),
                Child(
                    "dialogue",
                    run=functools.partial(run_ranked, Rank.DIALOGUE, parts.dialogue.run),
                    restart=Restart.TEMPORARY,
                    significant=True,
                ),
                Child(
                    "asr",
                    run=functools.partial(run_ranked, Rank.ASR, parts.run_asr),
                    restart=Restart.PERMANENT,
                ),
                Child(
                    "vad",
                    run=functools.partial(run_ranked, Rank.VAD, parts.run_vad),
                    restart=Restart.PERMANENT,
                ),
                Child(
                    "receiver",
                    run=functools.partial(run_ranked, Rank.RECEIVER, parts.run_receiver),
                    restart=Restart.TRANSIENT,
                    significant=True,
                ),
                Child(
                    "orders",
                    run=functools.partial(run_ranked, Rank.ORDERS, self._run_orders),
                    restart=Restart.TRANSIENT,
                ),
                *self._warmer(),
                *self._orderly(),
                # Behind whoever keeps the time: a tool that must finish holds up the end.
                *self._conducted(),
                *self._companions,
            ),
            max_restarts=MAX_RESTARTS,
            period_s=RESTART_PERIOD_S,
            auto_shutdown=AutoShutdown.ANY_SIGNIFICANT,
            observers=self._observers,
        )

    def _warmer(self) -> tuple[Child, ...]:
        responder = self._engines.responder
        if not isinstance(responder, Warms):
            return ()
        run = functools.partial(self._keep_ready, responder)
        return (Child("warmer", run=run, restart=Restart.TRANSIENT),)

    def _conducted(self) -> tuple[Child, ...]:
        if self._conductor is None:
            return ()
        conduct = functools.partial(self._conduct, self._conductor)
        run = functools.partial(run_ranked, Rank.CONDUCTOR, conduct)
        return (Child("conductor", run=run, restart=Restart.TEMPORARY),)

    def _orderly(self) -> tuple[Child, ...]:
        """What a session needs beside the others to do one thing at a time."""
        if self._turnstile is None:
            return ()
        play = functools.partial(run_ranked, Rank.PLAYER, self.parts.announcer.run)
        return (
            Child("timekeeper", run=self._turnstile.keep_time, restart=Restart.TRANSIENT),
            Child("announcer", run=play, restart=Restart.TRANSIENT),
        )

    # Children

    async def _keep_ready(self, responder: Warms) -> None:
        """Have the language model's connection open when the words are there."""
        while True:
            await self.parts.speech_heard.wait()
            await responder.warm()

    async def _conduct(self, conductor: Conductor) -> None:
        """A crash here is a bug of Parley's, and costs the call: nobody would conduct it."""
        try:
            await self.parts.run_conductor(conductor)
        except Exception:
            failed = ConductorFailed(message="the agent's task failed inside the server")
            await self.parts.reports.send(Conducted(effect=failed))
            raise

    async def _run_orders(self) -> None:
        while True:
            while not self._orders:
                self._ordered = trio.Event()
                await self._ordered.wait()
            order = self._orders[0]
            if order is Order.CANCEL:
                self._cancels += 1
                await admit(f"{order}#{self._cancels}")
                await self.parts.reports.send(InterruptRequested(by_server=True))
            else:
                await admit(order)
                wish = DrainRequested(used_up=order is Order.LIMIT, closed=order is Order.CLOSE)
                await self.parts.reports.send(wish)
            self._orders.popleft()  # one that was killed over it does it again

    # Turns

    def _spawn_turn(self, child: Child) -> None:
        # A session that is ending begins no turn; the dialogue ends with it in a moment.
        with contextlib.suppress(SupervisorStopped):
            self._supervisor.spawn_child(child)

    async def _stop_turn(self, turn: int) -> None:
        try:
            await self._supervisor.stop_child(f"turn-{turn}")
        except LookupError:
            # It ended by itself in this very moment.
            return

    # Life

    def _now_ms(self) -> int:
        """The time of day, as far as a dialect tells it: the seam's, carried on by Trio's clock."""
        return self._opened_ms + int((current_time() - self._timings.zero_s) * 1000)

    async def run(self) -> None:
        with self._turnstile.entered() if self._turnstile else contextlib.nullcontext():
            await self._run()

    async def _run(self) -> None:
        self._telemetry.session_opened(self.dialect.profile.name)
        self._log.info(
            "session_opened", dialect=self.dialect.profile.name, peer=self._transport.peer
        )
        self._watchers.tell(
            Connected(
                session_id=self.id, dialect=self.dialect.profile.name, peer=self._transport.peer
            )
        )
        try:
            try:
                await self._supervisor.run()
            except Exception as error:  # the supervisor gave up
                self._broken = error
            if self._broken is not None:
                await self._say_internal()
        finally:
            try:
                with trio.CancelScope(deadline=trio.current_time() + LAST_WORDS_S, shield=True):
                    await self.parts.transcriber.abandon()
            finally:  # an embedder's may raise
                self._transport.abort()
                for end in self.parts.channels.outbox:
                    end.close()  # whoever still waits to play something learns that it is over
                self.parts.announcer.end()
            self._log.info("session_closed", **self._figures())
            self.parts.tell_over()

    async def play(self, pcm16: bytes, rate_hz: int) -> None:
        """Send audio of your own to the client: PCM16 mono, as the dialect sends reply audio.

        It belongs to no turn: nothing paces it, an interruption does not cut it, and the memory
        does not know it. Waits while the client's outbox is full. Raises ValueError for what is
        no PCM16.
        """
        check_pcm16(pcm16, rate_hz)
        await self.parts.announcer.play(pcm16, rate_hz)

    def queue_audio(self, pcm16: bytes, rate_hz: int) -> None:
        """The same without waiting, in a session with a turnstile."""
        check_pcm16(pcm16, rate_hz)
        self.parts.announcer.queue(pcm16, rate_hz)

    def drain(self) -> None:
        """Ask it to end: the peer is told, the reply finishes, the connection closes with 1001."""
        self._end(Order.DRAIN)

    def end_at_limit(self) -> None:
        """Its client has used up what it may use: it is told so, the reply finishes, and the
        connection closes with 1008."""
        self._end(Order.LIMIT)

    def close(self) -> None:
        """End the conversation for good: the reply finishes, the connection closes with 1000, and
        its client has nothing to come again for."""
        self._end(Order.CLOSE)

    def cancel_reply(self) -> None:
        """Have the reply that is being made or said end here, whether people may interrupt it or
        not; what was heard of it is remembered. Nothing happens where there is none."""
        if Order.CANCEL not in self._orders:
            self.order(Order.CANCEL)

    def order(self, order: Order) -> None:
        """One more thing that the server wants, behind what it wanted before. For a replay, which
        gives all orders at once: each is let in when the recording says."""
        self._orders.append(order)
        self._ordered.set()

    def _end(self, order: Order) -> None:
        if not self._ends:
            self._ends = True
            self.order(order)

    async def _say_internal(self) -> None:
        """The sender is gone, so this task is now the only one that writes."""
        self._log.error("session_broken", error=self._broken)
        if self.parts.sender.writing:
            return
        failure = Failure.of(Code.INTERNAL, "the session failed inside the server")
        with trio.move_on_after(LAST_WORDS_S):
            try:
                for frame in self.parts.codec.encode(failure):
                    await self._transport.send(frame)
                await self._transport.close(close_codes.INTERNAL_ERROR, "internal error")
            except PeerGone:
                return

    def status(self) -> dict[str, Any]:
        """A line of GET /sessions. `reply` is the ledger of the live turn or of the last one."""
        return {**self._figures(), "reply": self.parts.dialogue.account(self._time_s())}

    @property
    def replies(self) -> bool:
        """Whether a reply is being made or said."""
        return self.parts.turns.live is not None

    @property
    def ended_in_peace(self) -> bool:
        """Whether it was ended by its client's wish or a conductor's, and not by the server's or
        the network's."""
        return self.parts.machines.ending.in_peace

    def kept(self) -> KeptConversation:
        """The conversation as it is now, so that it can go on elsewhere. Changes nothing; what an
        agent's code has of its own is not in it."""
        parts = self.parts
        conducting, live = parts.machines.conducting, parts.turns.live
        return KeptConversation(
            dialect=self.dialect.profile.name,
            agent=conducting.name,
            voice=conducting.voice,
            language=parts.current_language.now,
            instructions=parts.items.client_instructions,
            items=kept_items(parts.items),
            turns=parts.turns.count,
            unanswered=tuple(parts.machines.floor.unanswered),
            hearing=parts.machines.floor.words_so_far,
            reply=None if live is None else kept_reply(live, self._time_s()),
        )

    def _figures(self) -> dict[str, Any]:
        dialogue = self.parts.dialogue
        return {
            "session_id": self.id,
            "dialect": self.dialect.profile.name,
            "state": dialogue.state.value,
            "is_listening": dialogue.listening,
            "is_speaking": self.parts.gate.reply_live,
            "vad_state": "speech" if self.parts.hearing.open else "silence",
            "buffer_size": len(self.parts.utterance.audio),
            "outbox": self.parts.outbox.depth,
            "turns": self.parts.turns.count,
            "uptime_seconds": round(trio.current_time() - self._opened_s, 3),
        }

    def _time_s(self) -> float:
        """For whoever asks from outside: the session's time by now."""
        return trio.current_time() if self._turnstile is None else self._turnstile.time_s()

    def _observe(self, event: SupervisionEvent) -> None:
        if not isinstance(event, Crashed):
            return
        self._telemetry.restarted(event.child.split("-")[0])
        self._log.warning(
            "actor_crashed",
            supervisor=event.supervisor,
            child=event.child,
            error=event.error,
        )
        if event.child in ("sender", "dialogue"):
            self._broken = event.error

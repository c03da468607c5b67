"""Receiver: frames in, commands out. One per session, transient and significant: when the peer is
gone the session ends.

Audio goes to the VAD in the order of its arrival, with the microphone's opening and closing among
it; `cancel` goes to the dialogue directly. A breach of the dialect is answered here, or only
counted where the dialect's profile says so. Opening a microphone that is open, or closing one that
is closed, is no breach. A bug crashes it: the restart passes on what was on its way, and takes the
frame up again, if nothing of it was done yet. A frame over which it crashed twice is left out.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import assert_never, cast

import msgspec
import structlog

from ..audio.doubling import Doubler
from ..audio.g711 import RATE_HZ as LINE_HZ
from ..audio.pcm import HEARING_RATE_HZ
from ..audio.resampler import Resampler
from ..conversation.attempts import Attempts
from ..conversation.late_audio import LateAudio
from ..conversation.spoken import (
    AudioCleared,
    AudioCommitted,
    HearingCancelled,
    HearingTuned,
    MicrophoneClosed,
    MicrophoneOpened,
    SoundGiven,
)
from ..protocol import close_codes
from ..protocol.codes import Breach, Violation
from ..protocol.commands import (
    Audio,
    CancelReply,
    ClearAudio,
    Command,
    CommitAudio,
    Digit,
    EndSession,
    GiveAudio,
    Interrupt,
    LineTold,
    Ping,
    Played,
    Remark,
    StartListening,
    StopListening,
    TellClient,
    TuneHearing,
    TypedText,
)
from ..protocol.dialect import Codec, Frame
from ..protocol.effects import AnyEffect, Effect
from ..protocol.events import Closing, Expired, Failure, Info, MicrophoneTold, Pong
from ..telemetry import Telemetry
from ..transport import PeerGone, Transport
from ..turnstile import SendsItems, current_time, move_on_after
from .messages import (
    CancelRequested,
    CommitRequested,
    Conducted,
    EndRequested,
    Heard,
    InterruptRequested,
    KeyPressed,
    LineReported,
    PlaybackTold,
    Report,
    Sound,
    TextTyped,
)
from .outbox import Outbox

PIECE_BYTES = 64 * 1024
"""How much of a frame is one message in the channel: two seconds at 16 kHz."""


MAX_TOLD = 20
"""So many errors of one kind are told in a session."""

BEHIND_REFUSED = "the start was refused: audio is left out until the next one"


@dataclass(slots=True)
class ReceivingState:
    """What must survive a restart of the actor. Owned by the session."""

    started: bool = False
    """Whether the microphone was ever open."""
    open: bool = False
    """Whether it is open now."""
    cancelled: bool = False
    """Whether the client cancelled since it opened the microphone: its next start begins anew."""
    refused: bool = False
    """Whether the newest start was refused: nobody knows what the audio behind it is."""
    refused_told: bool = False
    """Whether the client has been told that this audio is left out."""
    told: Counter[Breach] = field(default_factory=Counter)
    """How often the client has been told of each breach."""
    ignored_told: bool = False
    """Whether the client has been told, once in the session, that something of it is left out."""
    rate_hz: int = 0
    """The rate that was started; 0 while the microphone is closed."""
    late: LateAudio = field(default_factory=LateAudio)
    resampler: Resampler | Doubler | None = None
    closing: bool = False
    """Whether the peer is being closed: what it sends is read and left out."""
    frame: Attempts[Frame] = field(default_factory=Attempts)
    """The newest frame, until something of it was done."""
    commands: deque[Command] = field(default_factory=deque)
    """What the newest frame says, as far as it was not begun yet."""
    on_its_way: deque[Heard] = field(default_factory=deque)
    """What is passed on to the VAD actor, until it has it."""


@dataclass(slots=True, kw_only=True)
class Receiver:
    transport: Transport
    codec: Codec
    heard: SendsItems[Heard]
    reports: SendsItems[Report]
    outbox: Outbox
    idle_s: float
    telemetry: Telemetry
    log: structlog.typing.FilteringBoundLogger = field(default_factory=structlog.get_logger)
    watch_audio: Callable[[bytes], None] | None = None
    """Told of the audio that is passed on, where somebody watches."""
    state: ReceivingState = field(default_factory=ReceivingState)

    async def run(self) -> None:
        state = self.state
        try:
            await self._pass_on()
            if state.frame.item is None and not state.closing:
                await self._obey_all("", current_time())
            while not state.closing:
                frame = state.frame.item
                if frame is None and (frame := await self._next()) is not None:
                    state.frame.take(frame)
                if frame is None:
                    state.closing = True
                elif state.frame.spent:
                    state.commands.clear()
                else:
                    await self._frame(frame)
                state.frame.put_down()
            # The sender closes behind what it still has to say. Until then keep reading: a peer
            # that is not read cannot close either.
            while True:
                await self.transport.receive()
        except PeerGone:
            return

    async def _next(self) -> Frame | None:
        """The next frame; None when the peer was silent for too long and is being closed."""
        if self.codec.profile.telephone:
            return await self.transport.receive()  # our end of the line keeps the time
        with move_on_after(self.idle_s or math.inf, "idle"):
            return await self.transport.receive()
        await self.outbox.send(Expired(message=f"idle for {self.idle_s:g} s: goodbye"))
        await self.outbox.send(Closing(code=close_codes.NORMAL, reason="idle timeout"))
        return None

    async def _frame(self, frame: Frame) -> None:
        received_s = current_time()
        self.state.frame.attempt()
        self.state.commands.clear()
        try:
            self.state.commands.extend(self.codec.decode(frame))
        except Violation as violation:
            await self._refuse(frame, violation)
        await self._obey_all(frame, received_s)

    async def _obey_all(self, frame: Frame, received_s: float) -> None:
        """All that the frame in hand says. Once something of it was done the frame itself is not
        taken up again after a crash, but what follows in it is."""
        commands = self.state.commands
        try:
            while commands:
                await self._obey(commands.popleft(), received_s)
                self.state.frame.put_down()
        except Violation as violation:
            commands.clear()
            await self._refuse(frame, violation)

    async def _refuse(self, frame: Frame, violation: Violation) -> None:
        if self.state.refused and isinstance(frame, bytes):
            await self._behind_refused()  # it would be wrong whatever it is
        else:
            await self._start_refused(frame, violation)
            self.state.closing = await self._answer(violation)

    async def _start_refused(self, frame: Frame, violation: Violation) -> None:
        """Where audio needs a start, any message before the first good one may have been meant as
        one; later only what says so. An open microphone closes: what follows is other audio."""
        profile, state = self.codec.profile, self.state
        if not profile.needs_start or profile.telephone:
            return
        maybe = not state.started and isinstance(frame, str)
        if violation.of_start or maybe:
            state.refused, state.refused_told = True, False
            if state.open:
                await self._stop()

    async def _behind_refused(self) -> None:
        self._left_out(True, "audio_behind_refused_start")
        if not self.state.refused_told:
            self.state.refused_told = True
            await self.outbox.send(Info(message=BEHIND_REFUSED))

    async def _pass_on(self, *messages: Heard) -> None:
        """To the VAD actor. Each is on its way until it is there, so that a crash neither loses nor
        doubles it; and the frame that it came of is not taken up again."""
        if messages:
            self.state.frame.put_down()
        way = self.state.on_its_way
        way.extend(messages)
        while way:
            await self.heard.send(way[0])
            way.popleft()

    async def _obey(self, command: Command, received_s: float) -> None:
        match command:
            case Audio():
                await self._audio(command, received_s)
            case StartListening():
                await self._start(command)
            case StopListening():
                await self._stop()
            case CancelReply():
                self.state.cancelled = True
                await self.reports.send(CancelRequested())
                await self._pass_on(HearingCancelled())
            case Interrupt():
                await self.reports.send(InterruptRequested())
            case Played():
                await self.reports.send(
                    PlaybackTold(heard_s=command.ms / 1000, flushed=command.flushed)
                )
            case TypedText():
                await self.reports.send(TextTyped(command.text))
            case EndSession():
                await self.reports.send(EndRequested())
            case Digit():
                await self.reports.send(KeyPressed(command.digit))
            case LineTold():
                await self.reports.send(LineReported(command.news))
            case Ping():
                await self.outbox.send(Pong())
            case Remark():
                self.telemetry.breach(command.breach)
            case CommitAudio():
                await self.reports.send(CommitRequested())
                await self._pass_on(*self._flushed(), AudioCommitted())
            case GiveAudio():
                await self.reports.send(CommitRequested())
                await self._pass_on(SoundGiven(pcm16=_resampled(command), given=command))
            case ClearAudio():
                self._flushed()
                await self._pass_on(AudioCleared())
            case TuneHearing():
                await self._pass_on(HearingTuned(command))
            case TellClient():
                await self.outbox.send(command.event)
            case Effect():
                await self.reports.send(Conducted(effect=cast("AnyEffect", command)))
            case _:
                assert_never(command)

    async def _start(self, command: StartListening) -> None:
        again = self.state.open and not self.state.cancelled
        await self._take_rate(command.rate_hz)
        self.state.refused = False
        self.state.started = self.state.open = True
        self.state.cancelled = False
        self._left_out(self.state.late.leave_out())
        if again and not self.codec.profile.start_resets:
            # The hearing goes on undisturbed; only the dialogue counts from a new start.
            await self.reports.send(MicrophoneOpened())
        else:
            await self._pass_on(MicrophoneOpened())
        if again:
            await self.outbox.send(MicrophoneTold(listening=True))

    async def _take_rate(self, rate_hz: int) -> None:
        if rate_hz != self.state.rate_hz:
            await self._pass_on(*self._rest())
            self.state.rate_hz = rate_hz
            self.state.resampler = self._resampler(rate_hz)

    async def _stop(self) -> None:
        self._left_out(self.state.late.stop())
        if not self.state.open:
            await self.outbox.send(MicrophoneTold(listening=False))
            return
        rest = self._rest()
        self.state.open, self.state.rate_hz = False, 0
        await self._pass_on(*rest, MicrophoneClosed())

    def _rest(self) -> list[Sound]:
        """What the resampler still holds. It is used up: were its last samples to crash this, the
        microphone must close all the same."""
        resampler, self.state.resampler = self.state.resampler, None
        rest = resampler.flush() if resampler is not None else b""
        return [Sound(pcm16=rest, received_s=current_time())] if rest else []

    def _flushed(self) -> list[Sound]:
        """What the resampler holds of audio that ends here; more of the same kind will come."""
        rest, state = self._rest(), self.state
        if state.rate_hz not in (0, HEARING_RATE_HZ):
            state.resampler = self._resampler(state.rate_hz)
        return rest

    def _resampler(self, rate_hz: int) -> Resampler | Doubler | None:
        if rate_hz == HEARING_RATE_HZ:
            return None
        lined = self.codec.profile.telephone and rate_hz == LINE_HZ
        return Doubler() if lined else Resampler(rate_hz)

    async def _audio(self, audio: Audio, received_s: float) -> None:
        if self.state.refused:
            await self._behind_refused()
        elif self.state.open:
            if audio.rate_hz:
                await self._take_rate(audio.rate_hz)
            await self._sound(audio.pcm16, received_s)
        elif self.codec.profile.needs_start:
            await self._unasked()
        else:
            await self._open_by_audio(audio)

    async def _unasked(self) -> None:
        """Audio outside of a start and its stop, where only what is between them counts."""
        if not self.state.started:
            raise Violation(Breach.AUDIO_BEFORE_START, "audio before start")
        self._left_out(True)  # a browser's last frames cross the stop on their way
        await self._tell_ignored("audio after stop is left out until a start")

    async def _open_by_audio(self, audio: Audio) -> None:
        (usual_hz,) = self.codec.profile.rates_hz
        rate_hz = audio.rate_hz or usual_hz
        if heard := self.state.late.push(audio.pcm16, rate_hz):
            self.state.commands.appendleft(msgspec.structs.replace(audio, pcm16=heard))
            await self._start(StartListening(rate_hz=rate_hz))

    def _left_out(self, some: bool, where: str = "audio_after_stop") -> None:
        if some:
            self.telemetry.dropped(where)

    async def _sound(self, pcm16: bytes, received_s: float) -> None:
        self.telemetry.count("audio_bytes_in", len(pcm16))
        # A frame may hold minutes; in the channel each second counts for itself.
        sounds: list[Sound] = []
        for start in range(0, len(pcm16), PIECE_BYTES):
            piece = pcm16[start : start + PIECE_BYTES]
            if self.state.resampler is not None:
                piece = self.state.resampler.push(piece)
            if piece:
                if self.watch_audio is not None:
                    self.watch_audio(piece)
                sounds.append(Sound(pcm16=piece, received_s=received_s))
        if sounds:
            await self._pass_on(*sounds)

    async def _answer(self, violation: Violation) -> bool:
        """Tell the peer, where its dialect has it told. True when this breach ends the session."""
        profile = self.codec.profile
        fatal = violation.breach in profile.fatal
        self.telemetry.breach(violation.breach)
        may_ignore = self.state.started or not profile.needs_start
        if may_ignore and violation.breach in profile.ignored:
            await self._tell_ignored(violation.message)
            return False
        if not fatal and not await self._may_tell(violation.breach):
            return False
        await self.outbox.send(
            Failure(
                code=violation.code,
                message=violation.message,
                recoverable=not fatal,
                breach=violation.breach,
            )
        )
        if fatal:
            await self.outbox.send(
                Closing(code=close_codes.POLICY_VIOLATION, reason=violation.breach.value)
            )
        return fatal

    async def _may_tell(self, breach: Breach) -> bool:
        """Whether this one is told. A client that is wrong is so with every frame: a few are help,
        more are noise that somebody pays for."""
        self.state.told[breach] += 1
        if self.state.told[breach] == MAX_TOLD + 1:
            await self.outbox.send(
                Info(message=f"more errors of the kind {breach.value}: not told")
            )
        return self.state.told[breach] <= MAX_TOLD

    async def _tell_ignored(self, what: str) -> None:
        """What is left out, once in a session."""
        if not self.state.ignored_told:
            self.state.ignored_told = True
            if self.codec.profile.telephone:  # a service reads no complaint: the log has it
                self.log.warning("line_breach", reason=what)
            await self.outbox.send(Info(message=what))


def _resampled(command: GiveAudio) -> bytes:
    if command.rate_hz == HEARING_RATE_HZ:
        return command.pcm16
    resampler = Resampler(command.rate_hz)
    return resampler.push(command.pcm16) + resampler.flush()

"""Receiver: frames in, commands out. One per session, significant: when the peer is gone the
session ends.

Audio goes to the VAD in the order of its arrival, with the microphone's opening and closing among
it; `cancel` goes to the dialogue directly. A breach of the dialect is answered here, or only
counted where the dialect's profile says so. Opening a microphone that is open, or closing one that
is closed, is no breach.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import assert_never

import trio

from ..audio.pcm import HEARING_RATE_HZ
from ..audio.resampler import Resampler
from ..conversation.late_audio import LateAudio
from ..conversation.spoken import HearingCancelled, MicrophoneClosed, MicrophoneOpened
from ..protocol import close_codes
from ..protocol.codes import Breach, Violation
from ..protocol.commands import (
    Audio,
    CancelReply,
    Command,
    EndSession,
    Interrupt,
    Ping,
    Played,
    Remark,
    StartListening,
    StopListening,
    TypedText,
)
from ..protocol.dialect import Codec, Frame
from ..protocol.events import Closing, Expired, Failure, Info, MicrophoneTold, Pong
from ..telemetry import Telemetry
from ..transport import PeerGone, Transport
from ..turnstile import SendsItems, current_time, move_on_after
from .messages import (
    CancelRequested,
    EndRequested,
    Heard,
    InterruptRequested,
    PlaybackTold,
    Report,
    Sound,
    TextTyped,
)
from .outbox import Outbox

PIECE_BYTES = 64 * 1024
"""How much of a frame is one message in the channel: two seconds at 16 kHz."""


@dataclass(slots=True, kw_only=True)
class Receiver:
    transport: Transport
    codec: Codec
    heard: trio.MemorySendChannel[Heard]
    reports: SendsItems[Report]
    outbox: Outbox
    idle_s: float
    telemetry: Telemetry
    watch_audio: Callable[[bytes], None] | None = None
    """Told of the audio that is passed on, where somebody watches."""

    _started: bool = False
    _open: bool = False
    _cancelled: bool = False
    """Whether the client cancelled since it opened the microphone: its next start begins anew."""
    _ignored_told: bool = False
    """Whether the client has been told, once in the session, that something of it is left out."""
    _rate_hz: int = 0
    """The rate that was started; 0 while the microphone is closed."""
    _resampler: Resampler | None = None
    _late: LateAudio = field(default_factory=LateAudio)

    async def run(self) -> None:
        try:
            while (frame := await self._next()) is not None:
                try:
                    await self._frame(frame)
                except Violation as violation:
                    if await self._answer(violation):
                        break
            # The sender closes behind what it still has to say. Until then keep reading: a peer
            # that is not read cannot close either.
            while True:
                await self.transport.receive()
        except PeerGone:
            return

    async def _next(self) -> Frame | None:
        """The next frame; None when the peer was silent for too long and is being closed."""
        with move_on_after(self.idle_s or math.inf, "idle"):
            return await self.transport.receive()
        await self.outbox.send(Expired(message=f"idle for {self.idle_s:g} s: goodbye"))
        await self.outbox.send(Closing(code=close_codes.NORMAL, reason="idle timeout"))
        return None

    async def _frame(self, frame: Frame) -> None:
        received_s = current_time()
        for command in self.codec.decode(frame):
            await self._obey(command, received_s)

    async def _obey(self, command: Command, received_s: float) -> None:
        match command:
            case Audio():
                await self._audio(command.pcm16, received_s)
            case StartListening():
                await self._start(command)
            case StopListening():
                await self._stop()
            case CancelReply():
                self._cancelled = True
                await self.reports.send(CancelRequested())
                await self.heard.send(HearingCancelled())
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
            case Ping():
                await self.outbox.send(Pong())
            case Remark():
                self.telemetry.breach(command.breach)
            case _:
                assert_never(command)

    async def _start(self, command: StartListening) -> None:
        again = self._open and not self._cancelled
        if command.rate_hz != self._rate_hz:
            await self._flush()
            self._rate_hz = command.rate_hz
            self._resampler = (
                None if command.rate_hz == HEARING_RATE_HZ else Resampler(command.rate_hz)
            )
        self._started = self._open = True
        self._cancelled = False
        self._left_out(self._late.leave_out())
        if again and not self.codec.profile.start_resets:
            # The hearing goes on undisturbed; only the dialogue counts from a new start.
            await self.reports.send(MicrophoneOpened())
        else:
            await self.heard.send(MicrophoneOpened())
        if again:
            await self.outbox.send(MicrophoneTold(listening=True))

    async def _stop(self) -> None:
        self._left_out(self._late.stop())
        if not self._open:
            await self.outbox.send(MicrophoneTold(listening=False))
            return
        await self._flush()
        self._open, self._rate_hz, self._resampler = False, 0, None
        await self.heard.send(MicrophoneClosed())

    async def _flush(self) -> None:
        """Pass on what the resampler still holds."""
        if self._resampler is not None and (rest := self._resampler.flush()):
            await self.heard.send(Sound(pcm16=rest, received_s=current_time()))

    async def _audio(self, pcm16: bytes, received_s: float) -> None:
        if self._open:
            await self._pass_on(pcm16, received_s)
        elif self.codec.profile.needs_start:
            await self._unasked()
        else:
            await self._open_by_audio(pcm16, received_s)

    async def _unasked(self) -> None:
        """Audio outside of a start and its stop, where only what is between them counts."""
        if not self._started:
            raise Violation(Breach.AUDIO_BEFORE_START, "audio before start")
        self._left_out(True)  # a browser's last frames cross the stop on their way
        await self._tell_ignored("audio after stop is left out until a start")

    async def _open_by_audio(self, pcm16: bytes, received_s: float) -> None:
        (rate_hz,) = self.codec.profile.rates_hz
        if heard := self._late.push(pcm16, rate_hz):
            await self._start(StartListening(rate_hz=rate_hz))
            await self._pass_on(heard, received_s)

    def _left_out(self, some: bool) -> None:
        if some:
            self.telemetry.dropped("audio_after_stop")

    async def _pass_on(self, pcm16: bytes, received_s: float) -> None:
        self.telemetry.count("audio_bytes_in", len(pcm16))
        # A frame may hold minutes; in the channel each second counts for itself.
        for start in range(0, len(pcm16), PIECE_BYTES):
            piece = pcm16[start : start + PIECE_BYTES]
            if self._resampler is not None:
                piece = self._resampler.push(piece)
            if piece:
                if self.watch_audio is not None:
                    self.watch_audio(piece)
                await self.heard.send(Sound(pcm16=piece, received_s=received_s))

    async def _answer(self, violation: Violation) -> bool:
        """Tell the peer, where its dialect has it told. True when this breach ends the session."""
        profile = self.codec.profile
        fatal = violation.breach in profile.fatal
        self.telemetry.breach(violation.breach)
        may_ignore = self._started or not profile.needs_start
        if may_ignore and violation.breach in profile.ignored:
            await self._tell_ignored(violation.message)
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

    async def _tell_ignored(self, what: str) -> None:
        """What is left out, once in a session."""
        if not self._ignored_told:
            self._ignored_told = True
            await self.outbox.send(Info(message=what))

"""Receiver: frames in, commands out. One per session, significant: when the peer is gone the
session ends.

Audio goes to the VAD in the order of its arrival, with the microphone's opening and closing among
it; `cancel` goes to the dialogue directly. A breach of the dialect is answered here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import trio

from ..protocol.codes import Breach, Violation
from ..protocol.commands import Audio, CancelReply, StartListening, StopListening
from ..protocol.dialect import Codec, Frame
from ..protocol.events import Closing, Failure, Info
from ..telemetry import Telemetry
from ..transport import PeerGone, Transport
from .messages import (
    HEARING_RATE_HZ,
    CancelRequested,
    Heard,
    HearingCancelled,
    MicrophoneClosed,
    MicrophoneOpened,
    Report,
    Sound,
)
from .outbox import Outbox
from .resampler import Resampler

CLOSE_POLICY = 1008
CLOSE_NORMAL = 1000


@dataclass(slots=True, kw_only=True)
class Receiver:
    transport: Transport
    codec: Codec
    heard: trio.MemorySendChannel[Heard]
    reports: trio.MemorySendChannel[Report]
    outbox: Outbox
    idle_s: float
    telemetry: Telemetry

    _started: bool = False
    _open: bool = False
    _ignored_told: bool = False
    _resampler: Resampler | None = None

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
        with trio.move_on_after(self.idle_s or math.inf):
            return await self.transport.receive()
        await self.outbox.send(Info(message=f"idle for {self.idle_s:g} s: goodbye"))
        await self.outbox.send(Closing(code=CLOSE_NORMAL, reason="idle timeout"))
        return None

    async def _frame(self, frame: Frame) -> None:
        received_s = trio.current_time()
        command = self.codec.decode(frame)
        match command:
            case Audio():
                await self._audio(command.pcm16, received_s)
            case StartListening():
                await self._start(command)
            case StopListening():
                await self._stop()
            case CancelReply():
                await self.reports.send(CancelRequested())
                await self.heard.send(HearingCancelled())
            case None:
                pass

    async def _start(self, command: StartListening) -> None:
        if self._open:
            raise Violation(Breach.OUT_OF_ORDER, "start: already started; send stop first")
        self._resampler = None if command.rate_hz == HEARING_RATE_HZ else Resampler(command.rate_hz)
        self._started = True
        self._open = True
        self._ignored_told = False
        await self.heard.send(MicrophoneOpened())

    async def _stop(self) -> None:
        if not self._open:
            raise Violation(Breach.OUT_OF_ORDER, "stop: nothing was started")
        if self._resampler is not None and (rest := self._resampler.flush()):
            await self.heard.send(Sound(pcm16=rest, received_s=trio.current_time()))
        self._open = False
        await self.heard.send(MicrophoneClosed())

    async def _audio(self, pcm16: bytes, received_s: float) -> None:
        if not self._open:
            if self.codec.profile.needs_start and not self._started:
                raise Violation(Breach.AUDIO_BEFORE_START, "audio before start")
            # A browser's last frames cross the stop on their way.
            self.telemetry.dropped("audio_after_stop")
            if not self._ignored_told:
                self._ignored_told = True
                await self.outbox.send(Info(message="audio after stop is left out until a start"))
            return
        self.telemetry.count("audio_bytes_in", len(pcm16))
        if self._resampler is not None:
            pcm16 = self._resampler.push(pcm16)
        if pcm16:
            await self.heard.send(Sound(pcm16=pcm16, received_s=received_s))

    async def _answer(self, violation: Violation) -> bool:
        """Tell the peer. True when this breach ends the session."""
        fatal = violation.breach in self.codec.profile.fatal
        self.telemetry.violation(violation)
        await self.outbox.send(
            Failure(code=violation.code, message=violation.message, recoverable=not fatal)
        )
        if fatal:
            await self.outbox.send(Closing(code=CLOSE_POLICY, reason=violation.breach.value))
        return fatal

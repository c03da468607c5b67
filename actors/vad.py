"""VADActor: sound in, utterances out. One per session, permanent.

It frames the audio, asks the detector, and lets the endpointer decide. What it has in hand, audio
or a marker, is the session's: after a crash, which is a bug, the restart ends the utterance that
was being framed and goes on with the rest. A frame over which the detector crashed is judged once
more by the next detector; after a second crash it counts as silence. No audio is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from ..audio.levels import rms
from ..audio.pcm import BYTES_PER_MS
from ..conversation.backchannel import MAX_MS
from ..conversation.endpointer import Edge, Endpointer, EndpointerSettings
from ..conversation.hearing import HearingState, Over
from ..conversation.line_hearing import LineHearing
from ..conversation.patience import UNFINISHED, Patience
from ..conversation.spoken import (
    AudioCleared,
    AudioCommitted,
    HearingCancelled,
    HearingTuned,
    Marker,
    MicrophoneClosed,
    SoundGiven,
    Spoken,
    UtteranceAudio,
    UtteranceBegan,
    UtteranceDropped,
    UtteranceEnded,
    UtterancePaused,
    UtteranceResumed,
)
from ..engines.vad.interface import Detector, Tunable
from ..protocol.commands import TuneHearing
from ..protocol.events import Info, SpeechEnded, SpeechStarted
from ..protocol.item_events import BufferCommitted
from ..telemetry import Telemetry
from ..turnstile import SendsItems, current_time, move_on_after
from .limits import AUDIO_MAX_AGE_S, GIVEN_CAPACITY
from .messages import (
    Heard,
    Report,
    Sound,
    SoundHeard,
    SoundPassed,
    SpeechBegan,
    SpeechConfirmed,
    SpeechDropped,
    SpeechLong,
    SpeechOver,
    ToneHeard,
    UtteranceGiven,
)
from .outbox import Outbox
from .pauses import Pauses

HELD_WITHOUT_AUDIO_S = 1.0
"""So long a reply is held by a sound, or by somebody who speaks, while no audio comes."""

SPEECH_WITHOUT_AUDIO_S = 3.0
"""An utterance ends when no audio has come for so long. Networks stall for a second or two."""


@dataclass(slots=True, kw_only=True)
class VADActor:
    """Frames of 10-30 ms are judged one by one; what was said is passed on once per client frame,
    so that the cost downstream is per message and not per frame."""

    inbox: trio.MemoryReceiveChannel[Heard]
    spoken: trio.MemorySendChannel[Spoken]
    reports: SendsItems[Report]
    outbox: Outbox
    detector: Detector
    endpointer: Endpointer
    pad_ms: int
    reply_live: Callable[[], bool]
    """Whether a sound now would be a sound during a reply."""
    telemetry: Telemetry
    state: HearingState = field(default_factory=HearingState)
    pauses: Pauses = field(default_factory=Pauses)
    patience: Patience = field(default_factory=Patience)
    """How long a silence must last that ends a turn. Asked where the endpointer is undecided."""
    tuned: Callable[[TuneHearing], tuple[EndpointerSettings, int]] | None = None
    """What a client's wish makes of the endpointer's settings and of `pad_ms`."""
    longest_ms: int = 0
    """Of an utterance whose end the client tells; 0: any."""
    muted: Callable[[], bool] = lambda: False
    """Whether nobody is heard now: what comes counts as silence."""
    line: LineHearing | None = None
    """Tells tones and hold music from speech; None where no telephone line is heard."""

    async def run(self) -> None:
        self._tune_detector()
        await self._go_on()
        while True:
            message: Heard | None = None
            try:
                # Our end of a telephone line says when nothing comes: no other clock is needed.
                if self.line is None and (self.state.open or self.state.sounding):
                    with move_on_after(self._patience_s, "audio"):
                        message = await self.inbox.receive()
                else:
                    message = await self.inbox.receive()
            except trio.EndOfChannel:
                return
            match message:
                case None:
                    await self._no_more_audio()
                case Sound():
                    await self._sound(message)
                case SoundGiven():
                    self.state.given.append(message)
                    if len(self.state.given) >= GIVEN_CAPACITY and self.state.open:
                        await self._commit()
                case _:
                    await self._marker(message)
            await self._give()

    @property
    def _patience_s(self) -> float:
        """How long audio may stay away while somebody speaks, or seems to."""
        return HELD_WITHOUT_AUDIO_S if self.reply_live() else SPEECH_WITHOUT_AUDIO_S

    async def _no_more_audio(self) -> None:
        """The microphone vanished without a word: what was being said ends here."""
        if self.state.by_hand:
            return
        edge = self.endpointer.flush()
        if self.state.open:
            await self._end(too_long=False, unsure=edge is Edge.FALSE_ALARM)
        await self._quiet()

    async def _go_on(self) -> None:
        """Go on with what an incarnation before this one had in hand when it crashed. Detector and
        endpointer are new, so the utterance in hand ends here and the rest is the next one's."""
        marker = self.state.marker
        await self._tell_it_is_over()
        await self._quiet()
        if isinstance(marker, HearingTuned):
            await self._marker(marker)
            return
        if self.state.open and isinstance(marker, HearingCancelled | AudioCleared):
            await self._drop()
        elif self.state.by_hand and not isinstance(marker, AudioCommitted):
            pass  # no detector was asked: the utterance goes on
        elif self.state.open:
            if marker is not None:
                self._take_last_piece()
            by_hand = isinstance(marker, AudioCommitted)
            unsure = not by_hand and self.state.sure_told != self.state.utterance
            await self._end(too_long=False, unsure=unsure, by_hand=by_hand)
        if marker is not None:
            await self._pass_marker_on(marker)
        else:
            await self._frames()

    async def _sound(self, sound: Sound) -> None:
        # Counted here and nowhere else, so that neither a crash nor a stop makes the clock late.
        self.state.heard_bytes += len(sound.pcm16)
        if current_time() - sound.received_s > AUDIO_MAX_AGE_S:
            await self._shed(sound)
            return
        self.state.shed_told = False
        pcm16 = bytes(len(sound.pcm16)) if self.muted() else sound.pcm16
        self.state.take_in(pcm16, sound.received_s)
        await self._frames()

    async def _frames(self) -> None:
        frame_bytes = self.detector.frame_samples * 2
        while len(self.state.unframed) >= frame_bytes:
            await self._frame(bytes(self.state.unframed[:frame_bytes]))
        await self._pass_on()
        if self.line is not None and self.line.tones.told:
            for tone in self.line.take_told(self._audio_ms):
                if not tone.key:
                    await self.reports.send(ToneHeard(tone))

    async def _shed(self, sound: Sound) -> None:
        """Drop audio that waited too long; the clock goes on, the gap is counted and told once."""
        self.telemetry.dropped("audio")
        if not self.state.shed_told:
            self.state.shed_told = True
            await self.outbox.send(
                Info(message="the recognizer cannot keep up; the oldest audio is left out")
            )

    async def _frame_by_hand(self, frame: bytes) -> None:
        """Everything is part of an utterance until the client says where it ends."""
        state = self.state
        if not state.open:
            await self._begin_by_hand()
        state.frame_judged(frame, keep_before=0)
        state.last_sample_s, state.voiced_ms = state.received_s, self._audio_ms
        if self.longest_ms and self._audio_ms - state.began_ms >= self.longest_ms:
            await self._end(too_long=True, by_hand=True)

    async def _begin_by_hand(self) -> None:
        state = self.state
        state.utterance += 1
        state.open = True
        state.pending[:] = state.before
        kept_ms = len(state.before) // BYTES_PER_MS
        state.before.clear()
        state.began_ms = self._audio_ms - kept_ms
        await self.spoken.send(
            UtteranceBegan(
                number=state.utterance, first_sample_s=state.received_s, audio_ms=state.began_ms
            )
        )

    async def _frame(self, frame: bytes) -> None:
        state = self.state
        if state.by_hand:
            await self._frame_by_hand(frame)
            return
        inside = self.endpointer.in_utterance
        voiced = state.attempt_frame() and self._is_speech(frame, inside)
        edge = self.endpointer.push(voiced, guarded=not inside and self.reply_live())
        keep_before = (self.pad_ms + self._onset_ms) * BYTES_PER_MS
        state.frame_judged(frame, keep_before=keep_before)
        if state.open and self.endpointer.spoken_ms > MAX_MS:
            await self._tell_it_is_long()
        received_s = state.received_s
        if voiced:
            # What is not framed yet came behind it.
            state.last_sample_s = received_s - len(state.unframed) / BYTES_PER_MS / 1000
            state.voiced_ms = self._audio_ms
        match edge:
            case Edge.SOUND:
                self.state.sounding = True
                await self.reports.send(SoundHeard())
            case Edge.QUIET:
                await self._quiet()
            case Edge.ONSET:
                await self._begin(received_s)
            case Edge.CONFIRMED:
                await self.reports.send(
                    SpeechConfirmed(number=self.state.utterance, received_s=received_s)
                )
                self.state.sure_told = self.state.utterance
            case Edge.FALSE_ALARM:
                await self._end(too_long=False, unsure=True)
            case Edge.PAUSE if self._only_lines:
                self.endpointer.reset()
                await self._end(too_long=False)
            case Edge.PAUSE:
                self.state.unfinished = False
                await self._pass_on()
                await self.spoken.send(
                    UtterancePaused(number=self.state.utterance, pause=self.pauses.begin())
                )
            case Edge.UNDECIDED:
                likelihood = await self.pauses.likelihood()
                self.state.unfinished = likelihood <= UNFINISHED
                window_ms = self.patience.window_ms(likelihood, self.endpointer.spoken_ms)
                if self.endpointer.decide(window_ms) is Edge.END:
                    await self._end(too_long=False, unfinished=self.state.unfinished)
            case Edge.RESUMED:
                self.patience.bridged(self.endpointer.bridged_ms)
                await self.spoken.send(UtteranceResumed(number=self.state.utterance))
            case Edge.END:
                await self._end(too_long=False, unfinished=self.state.unfinished)
            case Edge.TOO_LONG:
                await self._end(too_long=True)
            case None:
                pass

    def _is_speech(self, frame: bytes, inside: bool) -> bool:
        voiced = self.detector.is_speech(frame)
        return voiced if self.line is None else self.line.speech(frame, voiced, inside=inside)

    @property
    def _only_lines(self) -> bool:
        """Whether what is heard is a sound of the telephone line, and nobody speaks."""
        return self.line is not None and self.line.only_lines

    @property
    def _onset_ms(self) -> int:
        return self.endpointer.onset_ms

    @property
    def _audio_ms(self) -> int:
        return (self.state.heard_bytes - len(self.state.unframed)) // BYTES_PER_MS

    async def _begin(self, received_s: float) -> None:
        self.state.sounding = False
        self.state.utterance += 1
        self.state.open = True
        pending = self.state.pending
        pending[:] = self.state.before
        self.state.before.clear()
        not_framed_ms = len(self.state.unframed) // BYTES_PER_MS
        onset_ms = self._audio_ms - self._onset_ms
        await self.spoken.send(
            UtteranceBegan(
                number=self.state.utterance,
                first_sample_s=received_s - (self._onset_ms + not_framed_ms) / 1000,
                audio_ms=onset_ms,
            )
        )
        self.state.began_ms = onset_ms
        until_ms = self.state.spoke_until_ms
        await self.reports.send(
            SpeechBegan(
                number=self.state.utterance,
                during_reply=not self.endpointer.confirmed,
                after_ms=None if until_ms is None else onset_ms - until_ms,
            )
        )
        if self.endpointer.confirmed:
            self.state.sure_told = self.state.utterance
        energy = rms(bytes(pending[-self._onset_ms * BYTES_PER_MS :]))
        await self.outbox.send(
            SpeechStarted(audio_ms=onset_ms, energy=energy, utterance=self.state.utterance)
        )

    async def _tell_it_is_long(self) -> None:
        """Tell once that this is longer than a listener's word."""
        number = self.state.utterance
        if self.state.long_told != number:
            await self.reports.send(SpeechLong(number=number))
            self.state.long_told = number

    async def _pass_on(self) -> None:
        if self.state.pending and self.state.open:
            pcm16 = bytes(self.state.pending)
            await self.spoken.send(
                UtteranceAudio(number=self.state.utterance, pcm16=pcm16, audio_ms=self._audio_ms)
            )
            self.state.pending.clear()

    async def _end(
        self,
        *,
        too_long: bool,
        unsure: bool = False,
        unfinished: bool = False,
        by_hand: bool = False,
    ) -> None:
        """`unsure`: it was too short for certain speech. Its words will say what it was. `by_hand`:
        the client wanted it to end."""
        if self._only_lines and not by_hand:
            await self._drop("line_sounds")
            return
        await self._pass_on()
        await self.spoken.send(
            UtteranceEnded(
                number=self.state.utterance,
                audio_ms=self._audio_ms,
                too_long=too_long,
                unsure=unsure,
                unfinished=unfinished,
                by_hand=by_hand,
                last_sample_s=self.state.last_sample_s,
                decided_s=current_time(),
            )
        )
        self._is_over()
        if not unsure:
            self.state.spoke_until_ms = self.state.voiced_ms
            self.patience.ended(max(0, self.state.voiced_ms - self.state.began_ms))
        await self._tell_it_is_over()

    async def _drop(self, counter: str = "utterances_cancelled") -> None:
        self.state.pending.clear()
        await self.spoken.send(UtteranceDropped(number=self.state.utterance))
        self._is_over(dropped=True)
        self.telemetry.count(counter)
        await self._tell_it_is_over()

    def _is_over(self, *, dropped: bool = False) -> None:
        """The ASR actor knows; the others are told next, whatever crashes meanwhile."""
        state = self.state
        state.open = False
        state.over = Over(state.utterance, self._audio_ms, state.last_sample_s, dropped)
        if self.line is not None:
            self.line.forget()

    async def _tell_it_is_over(self) -> None:
        over = self.state.over
        if over is None:
            return
        number, audio_ms = over.number, over.audio_ms
        if self.state.by_hand:
            if not over.dropped:
                await self.outbox.send(BufferCommitted(utterance=number, audio_ms=audio_ms))
        else:
            ended = SpeechOver(number=number, last_sample_s=over.last_sample_s)
            await self.reports.send(SpeechDropped(number=number) if over.dropped else ended)
            await self.outbox.send(
                SpeechEnded(audio_ms=audio_ms, utterance=number, dropped=over.dropped)
            )
        self.state.over = None

    async def _marker(self, marker: Marker | HearingTuned) -> None:
        self.state.marker = marker
        if isinstance(marker, HearingTuned):
            await self._tune(marker.tuning)
            self.state.marker = None
            return
        if isinstance(marker, AudioCommitted):
            await self._commit()
        else:
            await self._stop(marker)
        await self._pass_marker_on(marker)

    async def _tune(self, tuning: TuneHearing) -> None:
        """Speech goes on over a change, unless somebody else says where it ends from now on."""
        if tuning.by_hand != self.state.by_hand:
            if self.state.open:
                await self._drop()
            await self._quiet()
            self.endpointer.reset()
        self.state.tuning = tuning
        self._tune_detector()
        if self.tuned is not None:
            settings, self.pad_ms = self.tuned(tuning)
            self.endpointer.tune(settings)

    def _tune_detector(self) -> None:
        tuning = self.state.tuning
        if tuning is not None and isinstance(self.detector, Tunable):
            self.detector.tune(tuning.threshold)

    async def _commit(self) -> None:
        """An utterance ends here, whatever the detector says; where none is open, it is all that
        was kept."""
        if not self.state.open:
            await self._begin_by_hand()
            if not self.state.by_hand:
                number = self.state.utterance
                await self.outbox.send(
                    SpeechStarted(audio_ms=self.state.began_ms, utterance=number)
                )
        self._take_last_piece()
        await self._end(too_long=False, by_hand=True)
        await self._quiet()
        self.endpointer.reset()

    async def _give(self) -> None:
        """Make utterances of what the client gave, once nobody speaks."""
        state = self.state
        while state.given and not state.open:
            sound = state.given[0]
            state.utterance += 1
            number, audio_ms = state.utterance, self._audio_ms
            await self.reports.send(UtteranceGiven(number=number, given=sound.given))
            begun_s = current_time()
            await self.spoken.send(
                UtteranceBegan(number=number, first_sample_s=begun_s, audio_ms=audio_ms)
            )
            await self.spoken.send(
                UtteranceAudio(number=number, pcm16=sound.pcm16, audio_ms=audio_ms)
            )
            await self.spoken.send(
                UtteranceEnded(
                    number=number,
                    audio_ms=audio_ms,
                    by_hand=True,
                    last_sample_s=begun_s,
                    decided_s=begun_s,
                )
            )
            await self.spoken.send(AudioCommitted())
            state.given.popleft()

    async def _stop(self, marker: Marker) -> None:
        edge = self.endpointer.flush() if isinstance(marker, MicrophoneClosed) else None
        if edge is not None and self.state.open:
            self._take_last_piece()
            await self._end(too_long=False, unsure=edge is Edge.FALSE_ALARM)
        elif self.state.open:
            await self._drop()
        await self._quiet()
        self.endpointer.reset()
        self.detector.reset()
        if self.line is not None:
            self.line.reset()

    def _take_last_piece(self) -> None:
        """It is shorter than a frame, but it may hold the end of a word."""
        self.state.pending += self.state.unframed
        self.state.unframed.clear()

    async def _pass_marker_on(self, marker: Marker) -> None:
        """It is in hand until the ASR actor has it."""
        self.state.forget_audio()
        await self.spoken.send(marker)
        self.state.marker = None

    async def _quiet(self) -> None:
        """A sound that was told of was nothing, or will not be followed any more."""
        if self.state.sounding:
            await self.reports.send(SoundPassed())
            self.state.sounding = False

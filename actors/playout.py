"""Playout: the last stage of a turn. Speech in, reply audio out, at the pace of its playback.

Reply audio is sent at most a lead ahead of the moment at which it is due at the client's ear, so
that falling silent does not depend on the client's goodwill. It stands inside the turn, before
the outbox: what waits here dies with the turn. It tells the ledger what is on its way.

A reply that is suspended cancels the scope in which it is played. What was not heard stays in the
playlist, and when the reply is given back it goes on from the first sample that was not heard.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from ..conversation.ledger import Entry
from ..conversation.record import TurnRecord
from ..conversation.timings import Timings
from ..protocol.events import PhraseDone, PhraseText, ReplyAudio, ReplyComplete
from ..telemetry import Telemetry
from ..turnstile import current_time, move_on_at, turn
from .gate import ReplyGate
from .messages import EndOfReply, ReplyAudible, SpokenPhrase
from .phrase_sound import PhraseSound
from .reply_exit import ReplyExit

SOON_S = 0.1
"""A client whose audio ends this soon is given what there is."""

HEARD_S = 1e-6
"""A phrase of which less than this is left was heard to its end."""


@dataclass(slots=True)
class Playlist:
    """What was spoken and may have to be played again, and whether more will come. Owned by the
    turn, so that it outlives a restart of its playout."""

    spoken: list[PhraseSound] = field(default_factory=list)
    whole: bool = False
    """The synthesizer has given the last phrase."""
    begun_generation: int = -1
    """In which generation of the reply audio was sent last."""
    told_generation: int = -1
    """In which generation of the reply its first audio was reported."""
    complete_generation: int = -1
    """In which generation of the reply the client was told that it has all of it."""
    latency_told: bool = False
    times_told: bool = False

    def unheard(self) -> list[PhraseSound]:
        """What may be left to play, where nothing is being played. What was heard before the reply
        was suspended is let go of."""
        self.spoken = [
            sound
            for sound in self.spoken
            if sound.seq
            or not sound.whole
            or sound.entry.duration_s - sound.entry.heard_before_s > HEARD_S
        ]
        return list(self.spoken)

    def forget_heard(self, now_s: float) -> None:
        """Let go of what was heard to its end by now."""
        while self.spoken and self.spoken[0].whole:
            entry = self.spoken[0].entry
            if entry.heard_s(now_s) < entry.duration_s:
                return
            del self.spoken[0]


@dataclass(slots=True, kw_only=True)
class Playout:
    inbox: trio.MemoryReceiveChannel[SpokenPhrase | EndOfReply]
    reply_exit: ReplyExit
    gate: ReplyGate
    record: TurnRecord
    next_seq: Callable[[], int]
    """Numbers the session's phrases."""
    rate_hz: int | None
    """What reply audio is resampled to; None: it stays as it was made."""
    frame_ms: int | None
    """Length of a piece; None: a phrase is sent whole."""
    lead_s: float
    timings: Timings
    telemetry: Telemetry
    playlist: Playlist = field(default_factory=Playlist)

    async def run(self) -> None:
        over = False
        while not over:
            await self.reply_exit.wait_open()
            with self.reply_exit.playing():
                await self._play_all()
                over = True

    async def _play_all(self) -> None:
        """All that is left, to the last sample heard."""
        if self.playlist.begun_generation == self.reply_exit.generation:
            await self._audible()  # an incarnation before this one may have crashed over it
        for sound in self.playlist.unheard():
            await self._play(sound)
        while not self.playlist.whole:
            try:
                message = await self.inbox.receive()
            except trio.EndOfChannel:
                break
            if isinstance(message, EndOfReply):
                self.playlist.whole = True
            else:
                await self._play(self._take(message))
        await self.reply_exit.wait_left()
        if self.playlist.complete_generation != self.reply_exit.generation:
            generation = self.reply_exit.generation
            await self.reply_exit.outbox.send(ReplyComplete(turn=self.record.turn))
            self.playlist.complete_generation = generation
        # The reply is over when it has been heard: until then it can be interrupted. A client that
        # plays late may say so while we wait.
        ledger = self.record.ledger
        while self._unheard and not self.gate.hurried.is_set():
            await self._until(ledger.over_s)
            if ledger.paused:
                await self.gate.wait_open()

    @property
    def _unheard(self) -> bool:
        """Whether something of what was sent is still to be heard. A client that has paused hears
        it when it goes on, which is when the gate opens."""
        ledger = self.record.ledger
        return current_time() < ledger.over_s or (ledger.paused and not self.gate.is_open)

    def _take(self, phrase: SpokenPhrase) -> PhraseSound:
        sound = PhraseSound(phrase, self.rate_hz)
        self.record.ledger.add(sound.entry)
        self.playlist.forget_heard(self.record.ledger.until(current_time()))
        self.playlist.spoken.append(sound)
        return sound

    async def _play(self, sound: PhraseSound) -> None:
        """What is left of a phrase."""
        entry, reply_exit = sound.entry, self.reply_exit
        # Until then the client may still tell how much of it was heard.
        await self.gate.wait_open()
        if sound.generation != reply_exit.generation:
            sound.seq, sound.begun, sound.generation = 0, False, reply_exit.generation
        if not await self._more(sound, self._position(sound)):
            await self._done(sound)
            return
        begins = None if sound.begun else self._says(entry, entry.position_s)
        position = self._position(sound)
        while (piece := await self._more(sound, position)) is not None:
            await self._wait_for_its_time()
            await self.gate.wait_open()
            # Numbered when it leaves: a phrase that is cut before that has no number.
            sound.seq = sound.seq or self.next_seq()
            position += len(piece)
            await self._send(sound, piece, begins)
            begins = None
            if self.frame_ms is None and not sound.whole:
                # Where a frame is a phrase, what is there of this one goes as a phrase of its own.
                await self._done(sound)
                begins = self._says(entry, position / 2 / sound.rate_hz)
            await self._audible()
        await self._done(sound)

    async def _send(self, sound: PhraseSound, piece: bytes, begins: PhraseText | None) -> None:
        """A piece of a phrase. Where that crashes it is still to be played."""
        ledger, generation = self.record.ledger, self.reply_exit.generation
        ledger.queued(sound.entry, len(piece) / 2 / sound.rate_hz)
        try:
            await self.reply_exit.outbox.send(
                ReplyAudio(
                    seq=sound.seq,
                    pcm16=piece,
                    rate_hz=sound.rate_hz,
                    begins=begins,
                    turn=self.record.turn,
                )
            )
        except BaseException:
            ledger.not_sent(sound.entry)
            raise
        sound.begun, self.playlist.begun_generation = True, generation

    async def _done(self, sound: PhraseSound) -> None:
        """Tell the end of what is sent under a phrase's number, if it has one."""
        if sound.seq:
            await self.reply_exit.outbox.send(PhraseDone(seq=sound.seq, turn=self.record.turn))
            sound.seq, sound.begun = 0, False

    @staticmethod
    def _says(entry: Entry, from_s: float) -> PhraseText:
        return PhraseText(
            text=entry.text,
            duration_ms=round(entry.expected_s * 1000),
            from_ms=round(from_s * 1000),
            aside=entry.aside,
        )

    def _position(self, sound: PhraseSound) -> int:
        """Where it goes on, in bytes of its audio."""
        return round(sound.entry.position_s * sound.rate_hz) * 2

    async def _more(self, sound: PhraseSound, position: int) -> bytes | None:
        """The next piece of a phrase; None: it is over. A piece is a frame long, and the last one
        may be shorter. Where the client has nothing to play any more, or soon will not, what is
        there of a phrase that is still coming is a piece."""
        frame = None if self.frame_ms is None else sound.rate_hz * self.frame_ms // 1000 * 2
        ledger = self.record.ledger
        while not sound.whole and (frame is None or len(sound.pcm16) - position < frame):
            needed_s = ledger.expected_due_s(current_time()) - SOON_S
            if len(sound.pcm16) > position:
                if current_time() >= needed_s:
                    break
                with move_on_at(needed_s, "more of a phrase"):
                    await sound.more()
            else:
                await sound.more()
        end = len(sound.pcm16) if frame is None else position + frame
        return bytes(sound.pcm16[position:end]) or None

    async def _wait_for_its_time(self) -> None:
        """Until the next piece may leave. On a link that stalls no more than the lead is on its
        way: what a client has not got is no lead."""
        ledger = self.record.ledger
        while True:
            await self._until(ledger.expected_due_s(current_time()) - self.lead_s)
            await turn()  # what left by now has been told
            if not ledger.waiting or ledger.queued_s < self.lead_s:
                return
            await self.reply_exit.wait_news()

    async def _audible(self) -> None:
        """Tell that audio can be heard, once it has left: the first of the reply, and the first
        since it was given back."""
        record, playlist, out = self.record, self.playlist, self.reply_exit.outbox
        generation = self.reply_exit.generation
        if playlist.told_generation != generation:
            await self.reply_exit.wait_left()
            if record.first_audio_s is None:
                record.first_audio_s = current_time()
                self.telemetry.stage("first_audio", record.first_audio_s - record.final_s)
            await self.reply_exit.reports.send(ReplyAudible(turn=record.turn))
            playlist.told_generation = generation
        if not playlist.latency_told:
            await out.send(self.timings.latency(record))
            playlist.latency_told = True
        if not playlist.times_told:
            if (times := self.timings.times(record)) is not None:
                await out.send(times)
                self.telemetry.turn(times)
            playlist.times_told = True

    async def _until(self, deadline_s: float) -> None:
        """Wait for a moment of the playback, or until the server is in a hurry."""
        with move_on_at(deadline_s, "playout"):
            await self.gate.hurried.wait()

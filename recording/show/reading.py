"""A recording read into a timeline."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from ...audio.pcm import HEARING_RATE_HZ
from ...conversation.late_audio import LateAudio
from ...conversation.thoughts import Thoughts
from ...protocol import commands
from ...protocol.codes import Violation
from ...protocol.dialect import Codec, Dialect
from ...protocol.dialects import DIALECTS
from ...protocol.telephone.sound import CODINGS, RATES_HZ, Sound
from ..tape import Entry, Recording, words_of
from .conducted import Conducted
from .frames import (
    AudioTold,
    CutTold,
    ErrorTold,
    FinalTold,
    InfoTold,
    PartialTold,
    ResponseOver,
    Told,
    told,
    told_on_a_line,
)
from .hearing import Hearing
from .latencies import SILENT, latencies_ms
from .replies import Replies
from .silences import clear_of, holds
from .sound import laid_out
from .timeline import (
    Fate,
    Kind,
    Mark,
    Partial,
    Timeline,
    Token,
    Turn,
)
from .words import facts, notes

ROUTINE = frozenset(
    {
        "partial",
        "playout",
        "phrase gap",
        "more of a phrase",
        "retry after",
        "tool filler",
        "dialogue",
    }
)
"""Deadlines that pass in every conversation: they pace it. The others are what came too late."""

HELD_BACK = frozenset({"llm.reply", "llm.token", "tts.speak", "tts.stream", "tts.piece"})
"""What a reply is made of that was begun before anybody may know of it."""

LONGEST_S = 3600.0
"""Of recordings that are shown with their sound: half a GB of samples here, 80 MB of page."""


class UnknownDialect(Exception):
    """The recording is of a dialect that this Parley does not speak."""


def timeline_of(recording: Recording) -> Timeline:
    """Raises UnknownDialect."""
    dialect = _dialect(recording.header.dialect)
    line = _line(recording) if dialect.profile.telephone else None
    if line is not None:
        dialect = dialect.with_choices({**line.choices})
    reader = _Reader(
        dialect=dialect,
        codec=dialect.new_codec(lambda: 0),
        line=line,
        has_text=recording.header.has_text,
        replies=Replies(
            by_letters=recording.header.settings.get("stream_phrases", "tokens") == "tokens"
        ),
        hearing=Hearing(recording.header.detector_frame_samples / HEARING_RATE_HZ),
    )
    for entry in recording.entries:
        reader.take(entry)
    return reader.timeline(recording)


def _text_of(entry: Entry) -> str:
    """Of a final transcript."""
    transcript = entry.data.get("transcript")
    return str(transcript.get("text") or "") if isinstance(transcript, dict) else ""


def _dialect(name: str) -> Dialect:
    for dialect in DIALECTS:
        if name == dialect.profile.name or name in dialect.paths:
            return dialect
    known = ", ".join(dialect.profile.name for dialect in DIALECTS)
    raise UnknownDialect(f"the recording is of the dialect {name[:40]!r}; known: {known}")


def _line(recording: Recording) -> Sound:
    """As the call's start said; µ-law where it says something else than there is."""
    chosen = recording.header.choices
    coding = next((one for one in CODINGS if one == chosen.get("coding")), CODINGS[0])
    rate = str(chosen.get("rate", ""))
    return Sound(coding, int(rate) if rate in map(str, RATES_HZ) else RATES_HZ[0])


@dataclass(slots=True, kw_only=True)
class _Reader:
    dialect: Dialect
    codec: Codec
    hearing: Hearing
    replies: Replies = field(default_factory=Replies)
    late: LateAudio = field(default_factory=LateAudio)
    line: Sound | None = None
    """The sound of a telephone line, on which no words are told; None: it is none."""
    has_text: bool = True
    """Where there is none, empty words are words that were left out."""
    marks: list[Mark] = field(default_factory=list)
    _unanswered: list[tuple[float, str, float | None]] = field(default_factory=list)
    """Words that no turn has answered: when they were final, the words, when their speech ended."""
    _foreseen: bool = False
    """Whether the final was decoded at a short silence, and no reply was begun since."""
    _early: list[Entry] = field(default_factory=list)
    """What came of a reply that nobody may know of yet."""
    _wished: list[str] = field(default_factory=list)
    """What replies asked to be said later."""
    conducted: Conducted = field(default_factory=Conducted)
    """What the agent did, where one was."""
    _coming: str | None = None
    """The text of a phrase that streams, until its first piece came."""
    _response_over: bool = False
    """Whether the newest turn has been told to be over, so that the next reply is another one."""
    _thoughts: Thoughts = field(default_factory=Thoughts)
    """What of the reply in hand is for people."""
    _stumbled: bool = False
    """Whether the recognizer failed on the utterance that is open."""

    def take(self, entry: Entry) -> None:
        if self._held_back(entry):
            return
        if "failure" in entry.data:
            self._failure(entry)
            return
        match entry.kind:
            case "in":
                self._from_client(entry)
            case "out":
                self._from_server(entry)
            case "detector":
                self.hearing.judged(str(entry.data.get("speech", "")))
            case "asr.begin":
                if not self._stumbled:
                    self.hearing.begun(entry.at_s)
                self._stumbled = False
            case "asr.finish" if self.line is not None:
                self._told(entry, FinalTold(_text_of(entry)))
            case "effect":
                self._add(self.conducted.effect(entry))
            case "llm.reply":
                self._thoughts = Thoughts()
                self.conducted.round_calls = 0
                self._reply(entry.at_s)
            case "llm.token":
                self._token(entry)
            case "tts.speak":
                rate_hz = int(entry.data.get("rate_hz") or HEARING_RATE_HZ)
                text = str(entry.data.get("said") or "")
                self._speaks_first(entry, text)
                words = words_of(entry.data)
                self.replies.spoken(text, entry.at_s, entry.audio or b"", rate_hz, words)
            case "tts.stream":
                self._coming = str(entry.data.get("said") or "")
            case "tts.piece":
                self._piece(entry)
            case "deadline":
                name = entry.source.removeprefix("deadline ").rpartition("#")[0]
                if name not in ROUTINE:
                    self._mark(entry, Kind.DEADLINE, f"too late: {name}")
            case "drain":
                self._mark(entry, Kind.SERVER, "the server is asked to stop")
            case "close":
                self._mark(entry, Kind.SERVER, "the server ends the session")
            case "cancel":
                self._mark(entry, Kind.SERVER, "the server stops the reply")
            case "limit":
                self._mark(entry, Kind.SERVER, "the client has used up what it may use")
            case "play":
                self._mark(entry, Kind.SERVER, "audio of the program's own is played")
            case "closed":
                why = f"{entry.data.get('code')} {entry.data.get('reason') or ''}".strip()
                self._mark(entry, Kind.SERVER, f"closed by the server ({why})")

    def _piece(self, entry: Entry) -> None:
        """A piece of a phrase that streams."""
        if not entry.audio:
            return
        if self._coming is None:
            self.replies.more(entry.audio, words_of(entry.data))
            return
        text, self._coming = self._coming, None
        self._speaks_first(entry, text)
        rate_hz = int(entry.data.get("rate_hz") or HEARING_RATE_HZ)
        self.replies.spoken(text, entry.at_s, entry.audio, rate_hz, words_of(entry.data))

    # A reply that was begun before it was certain that the person had finished

    def _held_back(self, entry: Entry) -> bool:
        """What came of it is told when the final is, or never."""
        if entry.kind == "asr.conclude":
            self._drop_early()
            self._foreseen = True
        elif entry.kind == "llm.reply" and self._foreseen:
            self._drop_early()
            self._foreseen = False
            self._early = [entry]
            return True
        elif self._early and entry.kind in HELD_BACK:
            self._early.append(entry)
            return True
        return False

    def _drop_early(self) -> None:
        if self._early:
            self._mark(self._early[0], Kind.SERVER, "a reply was begun in vain")
            self._early = []

    def _take_up_early(self, at_s: float) -> None:
        """The final is told: was it the reply to just this?"""
        early, self._early, self._foreseen = self._early, [], False
        if not early:
            return
        conversation = early[0].data.get("conversation") or [{"text": ""}]
        asked = str(conversation[-1].get("text"))
        words = " ".join(text for _, text, _ in self._unanswered)
        if not self._unanswered or (self.has_text and asked != words):
            self._early = early
            self._drop_early()
            return
        ahead_ms = (at_s - early[0].at_s) * 1000
        self._mark(early[0], Kind.SERVER, f"the reply is begun {ahead_ms:.0f} ms early")
        for entry in early:
            self.take(replace(entry, at_s=at_s))

    def _add(self, mark: Mark | None) -> None:
        if mark is not None:
            self.marks.append(mark)

    def _mark(self, entry: Entry, kind: Kind, text: str) -> None:
        self.marks.append(Mark(at_s=entry.at_s, kind=kind, text=text))

    # Engines

    def _failure(self, entry: Entry) -> None:
        data = entry.data
        who = {"asr": "recognizer", "llm": "language model", "tts": "voice"}
        name = who.get(entry.kind.partition(".")[0], entry.kind)
        retried = bool(data.get("retryable"))
        why = f"{data['failure']}: {data.get('message', '')}"
        what = f"the {name} failed ({why})" + (" and was started again" if retried else "")
        self._mark(entry, Kind.RESTART if retried else Kind.ERROR, what)
        if entry.kind.startswith("asr."):
            self._stumbled = retried and self.hearing.current is not None
        if entry.kind == "llm.reply":
            self._reply(entry.at_s)

    def _reply(self, at_s: float) -> None:
        """A turn begins, unless it is the second attempt of the one that lives."""
        if self._unanswered or self._response_over or not self.replies.turns:
            self._response_over = False
            asked_s = self._unanswered[-1][0] if self._unanswered else at_s
            spoken = [end_s for _, _, end_s in self._unanswered if end_s is not None]
            turn = Turn(
                number=len(self.replies.turns) + 1,
                asked=" ".join(text for _, text, _ in self._unanswered),
                asked_s=asked_s,
                speech_end_s=spoken[-1] if spoken else None,
            )
            self._unanswered.clear()
            self.replies.begin(turn)

    def _speaks_first(self, entry: Entry, said: str) -> None:
        """A turn begins that nobody asked for, where a reply wished this to be said later."""
        waiting = [*self._wished, *self.conducted.wished]
        wish = next((text for text in waiting if said and text.startswith(said)), None)
        newest = self.replies.turns[-1].text if self.replies.turns else ""
        if wish is None or (said in newest and wish not in self.conducted.wished):
            return
        if wish in self.conducted.wished:
            self.conducted.wished.remove(wish)
            self._mark(entry, Kind.SERVER, "said by the agent")
        else:
            self._wished.remove(wish)
            self._mark(entry, Kind.SERVER, "said without being asked, as a reply wished")
        turn = Turn(
            number=len(self.replies.turns) + 1, asked="", asked_s=entry.at_s, speech_end_s=None
        )
        turn.tokens.append(Token(entry.at_s, wish))
        turn.first_token_s = entry.at_s
        self.replies.begin(turn)
        self.replies.written()

    def _token(self, entry: Entry) -> None:
        if "say" in entry.data:
            self._wished.append(str(entry.data["say"].get("text") or ""))
            return
        if "call" in entry.data:
            self._add(self.conducted.call(entry))
            return
        if "alive" in entry.data or "remark" in entry.data:
            return
        text = entry.data.get("token")
        ended = "token" in entry.data and text is None
        visible = self._thoughts.finish() if ended else self._thoughts.push(str(text or ""))
        if self.replies.turns and (visible or not (text or ended)):
            turn = self.replies.turns[-1]
            turn.tokens.append(Token(entry.at_s, visible))
            turn.first_token_s = turn.tokens[0].at_s
        if ended and not self.conducted.round_calls:
            self.replies.written()

    # The client

    def _from_client(self, entry: Entry) -> None:
        if "gone" in entry.data:
            why = f"{entry.data['gone']} {entry.data.get('reason') or ''}".strip()
            self._mark(entry, Kind.CLIENT, f"the caller hung up ({why})")
            return
        self.hearing.arrived_s = entry.at_s
        frame: Any = entry.data.get("text") if entry.audio is None else entry.audio
        if not frame:
            return
        try:
            for command in self.codec.decode(frame):
                self._obey(entry, command)
        except Violation:
            return  # the server's answer says what was wrong with it

    def _obey(self, entry: Entry, command: commands.Command) -> None:
        hearing, profile = self.hearing, self.dialect.profile
        match command:
            case commands.Audio():
                self._heard(entry, command.pcm16)
            case commands.StartListening() if not hearing.listening:
                self.late.leave_out()
                hearing.opened(command.rate_hz)
                self._mark(entry, Kind.CLIENT, "microphone opened")
            case commands.StartListening():
                hearing.rate_hz = command.rate_hz
                if profile.start_resets and hearing.current is not None:
                    hearing.current.fate = Fate.DROPPED
            case commands.StopListening():
                self.late.stop()
                hearing.listening = False
                self._mark(entry, Kind.CLIENT, "microphone closed")
            case commands.CancelReply():
                if hearing.current is not None:
                    hearing.current.fate = Fate.DROPPED
                self._mark(entry, Kind.CLIENT, "the caller cancels")
            case commands.Interrupt():
                self._mark(entry, Kind.CLIENT, "the client asks for silence")
            case commands.TypedText():
                hearing.typed(entry.at_s, command.text)
                self._unanswered.append((entry.at_s, command.text, None))
            case commands.EndSession():
                self._mark(entry, Kind.CLIENT, "the caller says goodbye")

    def _heard(self, entry: Entry, pcm16: bytes) -> None:
        hearing, profile = self.hearing, self.dialect.profile
        if not hearing.listening:
            rate_hz = min(profile.rates_hz)
            if self.has_text:
                pcm16 = b"" if profile.needs_start else self.late.push(pcm16, rate_hz)
            if not pcm16:
                return
            hearing.opened(rate_hz)
        hearing.came(entry.at_s, pcm16)

    # The server

    def _from_server(self, entry: Entry) -> None:
        frame: Any = entry.data.get("text") if entry.audio is None else entry.audio
        if not frame:
            return
        if self.line is not None:
            message = told_on_a_line(frame, self.line)
        else:
            message = told(frame, self.dialect.profile.reply_rate_hz)
        self._told(entry, message)

    def _told(self, entry: Entry, message: Told | None) -> None:
        match message:
            case PartialTold():
                self.hearing.partial(
                    Partial(
                        at_s=entry.at_s,
                        text=message.text,
                        stable_chars=message.stable_chars,
                        audio_ms=message.audio_ms,
                    )
                )
            case FinalTold():
                said = self.hearing.final(entry.at_s, message.text)
                if said is not None and (message.text or not self.has_text):
                    self._unanswered.append((entry.at_s, message.text, said.end_s))
                self._take_up_early(entry.at_s)
            case AudioTold():
                self.replies.sent(entry.at_s, message.pcm16, message.rate_hz)
            case CutTold():
                self._cut(entry, message)
            case ResponseOver():
                if message.cut:
                    self._cut(entry, CutTold(cancelled=False))
                self._response_over = True
            case ErrorTold():
                self._error(entry, message)
            case InfoTold():
                self._mark(entry, Kind.SERVER, message.message)

    def _cut(self, entry: Entry, message: CutTold) -> None:
        if self._unanswered:
            self._reply(entry.at_s)  # it had begun, and nothing had come of it yet
        silent_s = self.replies.cut(entry.at_s, cancelled=message.cancelled)
        if message.cancelled:
            return  # the caller's wish has its mark
        onset_s = self.hearing.onset_before(entry.at_s)
        took = ""
        if silent_s is not None and onset_s is not None:
            took_ms = max(0.0, silent_s - onset_s) * 1000
            self.replies.turns[-1].latencies_ms[SILENT] = took_ms
            took = f", silent {took_ms:.0f} ms after the first sound"
        self._mark(entry, Kind.INTERRUPTION, f"interrupted{took}")

    def _error(self, entry: Entry, message: ErrorTold) -> None:
        self._mark(entry, Kind.ERROR, f"{message.code}: {message.message}")
        if message.code.startswith("LLM"):
            if self._unanswered:
                self._reply(entry.at_s)
            self.replies.failed()
        elif message.code.startswith("ASR"):
            self.hearing.failed()
            self._stumbled = False

    # All of it

    def timeline(self, recording: Recording) -> Timeline:
        last_s = recording.entries[-1].at_s if recording.entries else 0.0
        self.hearing.finish()
        self.replies.finish(last_s)
        spoken = [*self.hearing.pieces, *self.replies.heard]
        duration_s = max([last_s, 0.1, *(piece.end_s for piece in spoken)])
        audible_s = duration_s if duration_s <= LONGEST_S else 0.0
        for turn in self.replies.turns:
            turn.latencies_ms = latencies_ms(turn) | turn.latencies_ms
        return Timeline(
            title=recording.header.session_id,
            facts=facts(recording, duration_s),
            notes=notes(recording, faster=self.hearing.faster_than_life, silent=not audible_s),
            duration_s=duration_s,
            opened_ms=recording.header.opened_ms,
            caller=laid_out(self.hearing.pieces, audible_s),
            parley=laid_out(self.replies.heard, audible_s),
            lost=laid_out(clear_of(self.replies.lost, self.replies.heard), audible_s),
            has_audio=bool(spoken) and audible_s > 0,
            heard_known=recording.header.has_audio,
            words_known=recording.header.has_text,
            voiced=self.hearing.voiced,
            utterances=self.hearing.utterances,
            turns=self.replies.turns,
            holds=holds(self.replies, self.hearing.voiced),
            marks=sorted(self.marks, key=lambda mark: mark.at_s),
        )

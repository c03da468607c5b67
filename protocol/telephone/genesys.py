"""Genesys AudioHook, as its Audio Connector speaks it to a bot: binary audio, JSON with numbers.

There are no marks, so that what was heard is an estimate by time: what leaves is late by one way
through the network, and so is the `barge_in` that has it stop. Genesys refuses many small messages,
so that audio leaves in pieces of 200 ms.
A call is handed over by the variables of `disconnect`. Source: wire facts of the telephone, 7.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .. import events
from ..call_start import CallStart, parameters_of, words
from ..codes import Breach, Violation
from ..commands import Audio, Command, EndSession, Ping, Remark
from ..dialect import NO_CHOICES, TEXT_CHARS, Choices, Dialect, Frame, NowMs
from ..jsontext import as_json
from .control_text import inner, object_of, object_or_none
from .line_codec import LineCodec
from .profile import SOUND_OPTIONS, at_rate, telephone_profile
from .sound import Sound, chosen_sound, sound_of

PIECE_MS = 200

LEAD_MS = 200

PROFILE = telephone_profile(
    "genesys",
    at_sound="wait",
    tells_cleared=False,
    reply_frame_ms=PIECE_MS,
    reply_lead_ms=LEAD_MS,
)

_DURATION = re.compile(r"PT(\d{1,6}(?:\.\d{1,9})?)S\Z")

MAX_LOST_MS = 10_000.0


def _ms(duration: object) -> float:
    """Of `PT1.5S`; 0 for what is none."""
    found = _DURATION.match(str(duration))
    return float(found[1]) * 1000 if found else 0.0


def _chosen(offered: object) -> Sound:
    """The first of the offered sounds that is the caller's alone. Raises Violation."""
    for media in offered if isinstance(offered, list) else ():
        if isinstance(media, Mapping) and media.get("channels") == ["external"]:
            return sound_of(media.get("format"), media.get("rate"))
    raise Violation(Breach.INVALID_AUDIO, "no sound of the external channel alone is offered")


class GenesysArrival:
    def read(self, frame: Frame) -> CallStart | None:
        message = object_or_none(frame) if isinstance(frame, str) else None
        if message is None or message.get("type") != "open":
            return None
        given = inner(message, "parameters")
        participant = inner(given, "participant")
        parameters = {
            **parameters_of(inner(given, "customConfig")),
            **parameters_of(inner(given, "inputVariables")),
        }
        if language := words(given.get("language")):
            parameters.setdefault("language", language)
        return CallStart(
            service="genesys",
            stream_id=words(message.get("id"))[:TEXT_CHARS],
            call_id=words(given.get("conversationId")),
            account_id=words(given.get("organizationId")),
            caller=words(participant.get("ani")),
            called=words(participant.get("dnis")),
            parameters=parameters,
            choices={
                **_chosen(given.get("media")).choices,
                "stream": words(message.get("id"))[:TEXT_CHARS],
            },
        )


class GenesysCodec(LineCodec):
    most_ms = 3_000.0  # how much it keeps is not known, and many messages at once are refused

    def __init__(self, now_ms: NowMs, choices: Choices = NO_CHOICES) -> None:
        super().__init__(at_rate(PROFILE, choices), chosen_sound(choices), now_ms)
        self._id = choices.get("stream", "")
        self._seq = 0
        self._client_seq = 0
        self._answers: list[tuple[str, dict[str, object]]] = []
        self._closed = False
        self._transfer = ""

    # In

    def read(self, frame: Frame) -> Sequence[Command]:
        if isinstance(frame, bytes):
            return self._heard(frame)
        message = object_of(frame)
        commands = self._numbered(message)
        parameters = inner(message, "parameters")
        match message.get("type"):
            case "open":
                return [*commands, *self._start()]
            case "ping":
                return [*commands, *self._answered("pong")]
            case "update":
                return [*commands, *self._answered("updated")]
            case "close":
                self._closed = True
                return [*commands, EndSession()]
            case "dtmf":
                return [*commands, *self._key(parameters.get("digit"))]
            case "discarded" | "resumed":
                return [*commands, *self._lost(_ms(parameters.get("discarded")))]
            case "playback_started" | "playback_completed" | "paused" | "error":
                return commands
            case kind:
                raise Violation(Breach.UNKNOWN_TYPE, f"unknown type {str(kind)[:40]!r}")

    def _numbered(self, message: Mapping[str, Any]) -> list[Command]:
        """Takes its number; a remark where that is not the next one."""
        told = message.get("id")
        if self._id and told is not None and told != self._id:
            raise Violation(Breach.INVALID_FIELD, f"this is the session {self._id[:40]!r} alone")
        seq = message.get("seq")
        if not isinstance(seq, int) or isinstance(seq, bool) or not 0 < seq < 1 << 31:
            raise Violation(Breach.INVALID_FIELD, f"seq: {str(seq)[:20]}")
        jumps = seq != self._client_seq + 1
        self._client_seq = seq
        return [Remark(breach=Breach.SEQUENCE_JUMP)] if jumps else []

    def _answered(self, kind: str) -> Sequence[Command]:
        self._answers.append((kind, {}))
        return (Ping(),)

    def _lost(self, ms: float) -> Sequence[Command]:
        return (Audio(self._silence(min(ms, MAX_LOST_MS))),) if ms else ()

    # Out

    def encode(self, event: events.Outbound) -> list[Frame]:
        if isinstance(event, events.SessionOpened):
            return [self._message("opened", {"startPaused": False, "media": [self._media()]})]
        if isinstance(event, events.TransferTold):
            self._transfer = event.to
            return []
        return super().encode(event)

    def _media(self) -> dict[str, object]:
        coding = "PCMU" if self._sound.coding == "ulaw" else "L16"
        return {
            "type": "audio",
            "format": coding,
            "channels": ["external"],
            "rate": self._sound.rate_hz,
        }

    def _message(self, kind: str, parameters: Mapping[str, object]) -> Frame:
        self._seq += 1
        return as_json(
            {
                "version": "2",
                "id": self._id,
                "type": kind,
                "seq": self._seq,
                "clientseq": max(1, self._client_seq),
                "parameters": parameters,
            }
        )

    def _pieces(self, event: events.ReplyAudio) -> Iterator[tuple[bytes, float]]:
        sound = self._sound
        data, step = sound.spoken(event.pcm16), sound.frame_bytes * (PIECE_MS // 20)
        for start in range(0, len(data), step):
            piece = data[start : start + step]
            yield piece, sound.ms_of(len(piece))

    def _held(self) -> list[Frame]:
        return []

    def _clear(self) -> list[Frame]:
        return [self._message("event", {"entities": [{"type": "barge_in", "data": {}}]})]

    def _answer(self) -> list[Frame]:
        answers, self._answers = self._answers, []
        told = [self._message(kind, parameters) for kind, parameters in answers]
        return [*told, *super()._answer()]

    def _parting(self, event: events.Closing) -> list[Frame]:
        if self._closed:
            return [self._message("closed", {})]
        variables = {"action": "finished"}
        if self._transfer:
            variables = {"action": "transfer", "to": self._transfer}
        told = {"reason": "completed", "info": event.reason, "outputVariables": variables}
        return [self._message("disconnect", told)]


DIALECT = Dialect(
    profile=PROFILE,
    profile_of=at_rate,
    codec=GenesysCodec,
    arrival=GenesysArrival,
    paths=("/telephone/genesys",),
    options=SOUND_OPTIONS,
    texts=("stream",),
)

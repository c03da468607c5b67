"""Genesys AudioHook: the service's side, as its documents have it.

Written from the wire facts, not from the codec, so that the two can disagree. How many messages a
second are too many is not in the documents that were read: it is taken to be 20.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from ...protocol.dialect import Frame
from ...protocol.telephone.sound import Sound
from .ear import TICK_MS, Ear
from .quiet_wire import QuietWire
from .wire import Call, Complaint, Give, Order, Wish

PING_TICKS = 250

MESSAGES_A_SECOND = 20


class GenesysWire(QuietWire):
    name = "genesys"

    def __init__(self, call: Call, sound: Sound | None = None) -> None:
        self.sound = sound or Sound("ulaw", 8_000)
        self._call = call
        self._id = "e160e428-53e2-487c-977d-96989bf5c99d"
        self._seq = 0
        self._server_seq = 0
        self._opened = False
        self._playing = False
        self._ticks = 0
        self._recent = 0
        self.pongs = 0

    def _told(self, kind: str, parameters: dict[str, Any]) -> str:
        self._seq += 1
        return json.dumps(
            {
                "version": "2",
                "id": self._id,
                "type": kind,
                "seq": self._seq,
                "serverseq": self._server_seq,
                "position": f"PT{self._ticks * TICK_MS / 1000:.2f}S",
                "parameters": parameters,
            }
        )

    def _offer(self) -> list[dict[str, Any]]:
        coding = "PCMU" if self.sound.coding == "ulaw" else "L16"
        media = {"type": "audio", "format": coding, "rate": self.sound.rate_hz}
        return [{**media, "channels": ["external"]}, {**media, "channels": ["internal"]}]

    def hello(self) -> Sequence[Frame]:
        call = self._call
        participant = {"id": "p-1", "ani": call.caller, "aniName": "", "dnis": call.called}
        return [
            self._told(
                "open",
                {
                    "organizationId": call.account_id,
                    "conversationId": call.call_id,
                    "participant": participant,
                    "media": self._offer(),
                    "language": "en-US",
                    "inputVariables": dict(call.parameters),
                },
            )
        ]

    def sound_in(self, data: bytes, at_ms: int) -> Frame | None:
        return data if self._opened else None

    def digit(self, key: str) -> Sequence[Frame]:
        return [self._told("dtmf", {"digit": key})]

    def after(self, ear: Ear) -> Sequence[Frame]:
        frames = []
        if ear.ticks != self._ticks:
            self._ticks = ear.ticks
            if self._ticks % PING_TICKS == 0:
                frames.append(self._told("ping", {"rtt": "PT0.05S"}))
            if self._ticks % 50 == 0:
                self._recent = 0
        if ear.playing != self._playing:
            self._playing = ear.playing
            kind = "playback_started" if self._playing else "playback_completed"
            frames.append(self._told(kind, {}))
        return frames

    def goodbye(self) -> Sequence[Frame]:
        return [self._told("close", {"reason": "end"})]

    def read(self, frame: Frame) -> Sequence[Wish]:
        if isinstance(frame, bytes):
            self._recent += 1
            if not self._opened or self._recent > MESSAGES_A_SECOND:
                return [Complaint("audio before opened, or too many messages (429)")]
            return [Give(frame)]
        message = json.loads(frame)
        self._server_seq += 1
        envelope = (message.get("version"), message.get("id"), message.get("seq"))
        if envelope != ("2", self._id, self._server_seq):
            return [Complaint(f"an envelope of {envelope}")]
        if not 1 <= message.get("clientseq", 0) <= self._seq:
            return [Complaint(f"clientseq {message.get('clientseq')} of {self._seq}")]
        return self._message(message["type"], message.get("parameters", {}))

    def _message(self, kind: str, given: dict[str, Any]) -> Sequence[Wish]:
        match kind:
            case "opened":
                if len(given["media"]) != 1 or given["media"][0] not in self._offer():
                    return [Complaint(f"opened with {given['media']}")]
                self._opened = True
                return []
            case "pong":
                self.pongs += 1
                return []
            case "event":
                kinds = {entity["type"] for entity in given["entities"]}
                return [Order("clear")] if "barge_in" in kinds else []
            case "disconnect":
                variables = given.get("outputVariables", {})
                over: list[Wish] = [Order("hang up")]
                if variables.get("action") == "transfer":
                    over.insert(0, Order("transfer", variables["to"]))
                return over
            case "closed" | "updated":
                return []
        return [Complaint(f"unknown type {kind!r}")]

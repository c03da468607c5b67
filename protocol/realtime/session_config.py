"""The session object: what a client may choose of a session, as OpenAI's Realtime has it.

It is merged deeply, checked as a whole, and echoed whole. What Parley makes of it is said by the
properties; what it has no use for (tracing, noise reduction, truncation) is kept and echoed.
"""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import Any, Literal, TypeAlias

from ..commands import TuneHearing
from ..effects import OfferedTool, SetReplies
from ..rates import COMMON_HZ, in_words, rate_of
from .checks import (
    INVALID_VALUE,
    Section,
    Table,
    a_flag,
    a_text,
    an_object,
    anything,
    list_of,
    merged,
    number,
    one_of,
    optional,
    whole,
)
from .problem import Problem
from .tools import tool_choice, tool_choice_of, tools, tools_of

AudioFormat: TypeAlias = Literal["audio/pcm", "audio/pcmu", "audio/pcma"]

PCM_RATE_HZ = 24_000
G711_RATE_HZ = 8_000

ALIASES: Mapping[str, AudioFormat] = {
    "pcm16": "audio/pcm",
    "g711_ulaw": "audio/pcmu",
    "g711_alaw": "audio/pcma",
}
"""The older names, which some clients still send."""

EAGERNESS_MS: Mapping[str, int | None] = {"low": 8000, "medium": 4000, "high": 2000, "auto": None}
"""The longest that `semantic_vad` waits for somebody who may go on. Source: OpenAI's reference, but
for `auto`: that is as the server has it, which was found by measuring."""

MAX_INSTRUCTIONS_CHARS = 1_000_000


def audio_format(
    value: Any, where: str, allowed_hz: Collection[int] = (PCM_RATE_HZ,)
) -> dict[str, Any]:
    if isinstance(value, str):
        value = {"type": value}
    kind = an_object(value, where).get("type")
    kind = ALIASES.get(kind, kind) if isinstance(kind, str) else kind
    if kind not in ("audio/pcm", "audio/pcmu", "audio/pcma"):
        allowed = "audio/pcm, audio/pcmu, audio/pcma"
        what = f"{where}.type: {ascii(kind)[:40]} is refused; allowed: {allowed}"
        raise Problem(INVALID_VALUE, what, f"{where}.type")
    if kind != "audio/pcm":
        return {"type": kind}
    named = value.get("rate")
    rate = PCM_RATE_HZ if named is None else rate_of(named, allowed_hz)
    if rate is None:
        what = f"{where}.rate: {ascii(named)[:20]} is refused; allowed: {in_words(allowed_hz)}"
        raise Problem(INVALID_VALUE, what, f"{where}.rate")
    return {"type": kind, "rate": rate}


def input_format(value: Any, where: str) -> dict[str, Any]:
    """OpenAI's server takes 24 kHz alone. What is heard is resampled in any case."""
    return audio_format(value, where, COMMON_HZ)


def instructions(value: Any, where: str) -> str:
    text = a_text(value, where)
    if len(text) > MAX_INSTRUCTIONS_CHARS:
        what = f"{where}: {len(text)} characters; {MAX_INSTRUCTIONS_CHARS} are the most"
        raise Problem("string_above_max_length", what, where)
    return text


def max_output_tokens(value: Any, where: str) -> int | str:
    return "inf" if value == "inf" else int(whole(1, 4096)(value, where))


def modalities(value: Any, where: str) -> list[str]:
    names: list[str] = list_of(one_of("text", "audio"))(value, where)
    if sorted(names) == ["audio", "text"]:
        return ["audio"]  # the beta's way to say so
    if len(names) != 1:
        what = f"{where}: one of ['audio'] and ['text'] is wanted"
        raise Problem(INVALID_VALUE, what, where)
    return names


def voice(value: Any, where: str) -> str | dict[str, Any]:
    if isinstance(value, dict):
        return {"id": a_text(value.get("id"), f"{where}.id")}
    return a_text(value, where)


def voice_name(value: str | Mapping[str, Any] | None) -> str:
    """The name in a voice, which may be an object."""
    if isinstance(value, Mapping):
        return str(value.get("id", ""))
    return value or ""


SERVER_VAD = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
SEMANTIC_VAD = {
    "type": "semantic_vad",
    "eagerness": "auto",
    "create_response": True,
    "interrupt_response": True,
}
_BY_TYPE: Mapping[str, Mapping[str, Any]] = {"server_vad": SERVER_VAD, "semantic_vad": SEMANTIC_VAD}
_BOTH: Table = {
    "type": one_of("server_vad", "semantic_vad"),
    "create_response": a_flag,
    "interrupt_response": a_flag,
}
_VAD_FIELDS: Mapping[str, Section] = {
    "server_vad": Section(
        {
            **_BOTH,
            "threshold": number(0, 1),
            "prefix_padding_ms": whole(0, 5000),
            "silence_duration_ms": whole(0, 10_000),
            "idle_timeout_ms": optional(whole(1000, 600_000)),
        }
    ),
    "semantic_vad": Section({**_BOTH, "eagerness": one_of(*EAGERNESS_MS)}),
}


def turn_detection(current: Any, update: Any, where: str) -> Any:
    """Its fields depend on its type; another type begins with its own defaults."""
    if update is None:
        return None
    kind = an_object(update, where).get("type", (current or SERVER_VAD)["type"])
    one_of(*_BY_TYPE)(kind, f"{where}.type")
    base = current if current and current["type"] == kind else _BY_TYPE[kind]
    given = {name: value for name, value in update.items() if _wanted(name, value, kind)}
    return merged(_VAD_FIELDS[kind], base, given, where)


def _wanted(name: str, value: Any, kind: str) -> bool:
    """Clients send the other type's fields, as null, beside those of theirs."""
    return value is not None or (name == "idle_timeout_ms" and kind == "server_vad")


_INPUT: Table = {
    "format": input_format,
    "transcription": Section(
        {
            "model": optional(a_text),
            "language": optional(a_text),
            "prompt": optional(a_text),
            "languages": optional(list_of(a_text)),
            "keywords": optional(list_of(a_text)),
            "delay": anything,
        },
        nullable=True,
    ),
    "noise_reduction": anything,
}
_OUTPUT = Section(
    {
        "format": audio_format,
        "voice": voice,
        "speed": number(0.25, 1.5),
    }
)
_FIELDS: Mapping[str, Table] = {
    "realtime": {
        "type": one_of("realtime"),
        "model": optional(a_text),
        "output_modalities": modalities,
        "instructions": instructions,
        "max_output_tokens": max_output_tokens,
        "tools": tools,
        "tool_choice": tool_choice,
        "parallel_tool_calls": optional(a_flag),
        "reasoning": anything,
        "prompt": anything,
        "tracing": anything,
        "truncation": anything,
        "include": anything,
    },
    "transcription": {"type": one_of("transcription"), "include": anything},
}
_ECHOED = ("id", "object", "expires_at")
"""What a client may send back as it was told."""


class SessionConfig:
    """Of one session. `session` is what the client is shown."""

    def __init__(self, model: str, *, transcription: bool = False) -> None:
        self.session: dict[str, Any] = _fresh(model, transcription)
        self.own_voice = ""
        """The server's, as it is echoed."""

    @property
    def transcription_only(self) -> bool:
        return bool(self.session["type"] == "transcription")

    def update(self, change: Any) -> None:
        """Merge a client's wish into it. Raises Problem, and then nothing has changed."""
        change = {k: v for k, v in an_object(change, "session").items() if k not in _ECHOED}
        kind = one_of("realtime", "transcription")(
            change.get("type", self.session["type"]), "session.type"
        )
        session = copy.deepcopy(self.session)
        if kind != session["type"]:
            fresh = _fresh(session.get("model", ""), kind == "transcription")
            session = {**fresh, **{name: session[name] for name in _ECHOED if name in session}}
            session["object"] = fresh["object"]
        audio = change.pop("audio", None)
        session = merged(Section(_FIELDS[kind]), session, change, "session")
        if audio is not None:
            session["audio"] = _audio(session["audio"], audio, "session.audio", kind)
        self.session = session

    # What Parley makes of it

    @property
    def _input(self) -> Mapping[str, Any]:
        section: Mapping[str, Any] = self.session["audio"]["input"]
        return section

    @property
    def _output(self) -> Mapping[str, Any]:
        section: Mapping[str, Any] = self.session["audio"].get("output") or {}
        return section

    @property
    def input_format(self) -> str:
        return str(self._input["format"]["type"])

    @property
    def input_rate_hz(self) -> int:
        """Of PCM."""
        return int(self._input["format"].get("rate", PCM_RATE_HZ))

    @property
    def output_format(self) -> str:
        return str(self._output["format"]["type"]) if self._output else "audio/pcm"

    @property
    def output_audio_format(self) -> dict[str, Any]:
        found: dict[str, Any] = self._output["format"]
        return found

    @property
    def instructions(self) -> str:
        return str(self.session.get("instructions", ""))

    @property
    def voice(self) -> str:
        """Empty: the server's own."""
        name = voice_name(self._output.get("voice"))
        return "" if name == self.own_voice else name

    @property
    def transcribes(self) -> bool:
        """Whether the client is told what was heard."""
        return self._input["transcription"] is not None or self.transcription_only

    @property
    def detection(self) -> Mapping[str, Any] | None:
        """How it is found out who speaks; None: the client says so."""
        found: Mapping[str, Any] | None = self._input["turn_detection"]
        return found

    @property
    def interrupts(self) -> bool:
        """Whether speech ends a response."""
        return self.detection is not None and bool(self.detection["interrupt_response"])

    @property
    def spoken(self) -> bool:
        return bool(self.session.get("output_modalities", ["audio"]) == ["audio"])

    def hearing(self) -> TuneHearing:
        detection = self.detection
        if detection is None:
            return TuneHearing(by_hand=True)
        if detection["type"] == "semantic_vad":
            return TuneHearing(longest_wait_ms=EAGERNESS_MS[detection["eagerness"]])
        return TuneHearing(
            judged=False,
            silence_ms=max(MIN_SILENCE_MS, detection["silence_duration_ms"]),
            pad_ms=detection["prefix_padding_ms"],
            threshold=None if detection["threshold"] == USUAL else detection["threshold"],
        )

    def replies(self) -> SetReplies:
        detection, most = self.detection, self.session.get("max_output_tokens", "inf")
        idle_ms = (detection or {}).get("idle_timeout_ms")
        return SetReplies(
            answers=detection is not None
            and bool(detection["create_response"])
            and not self.transcription_only,
            interruptible=self.interrupts,
            spoken=self.spoken,
            voice=self.voice,
            speed=float(self._output.get("speed", 1.0)),
            tool_choice=tool_choice_of(self.session.get("tool_choice", "auto")),
            max_tokens=0 if most == "inf" else int(most),
            idle_s=0.0 if idle_ms is None or self.transcription_only else idle_ms / 1000,
        )

    def tools(self) -> tuple[OfferedTool, ...]:
        return tools_of(self.session.get("tools", ()))


USUAL = SERVER_VAD["threshold"]
"""A client that asks for this has left it to the server, whose detectors have their own."""
MIN_SILENCE_MS = 60
"""Less would end an utterance between two frames."""


def _audio(current: Mapping[str, Any], update: Any, where: str, kind: str) -> dict[str, Any]:
    result = dict(current)
    for side, change in an_object(update, where).items():
        place = f"{where}.{side}"
        if side == "input":
            result["input"] = _audio_input(current["input"], change, place)
        elif side == "output" and kind == "realtime":
            result["output"] = merged(_OUTPUT, current["output"], change, place)
        else:
            raise Problem("unknown_parameter", f"unknown parameter: {place!r}", place)
    return result


def _audio_input(current: Mapping[str, Any], update: Any, where: str) -> dict[str, Any]:
    change = dict(an_object(update, where))
    if "turn_detection" not in change:
        return dict(merged(Section(_INPUT), current, change, where))
    wished = change.pop("turn_detection")
    result = dict(merged(Section(_INPUT), current, change, where))
    result["turn_detection"] = turn_detection(
        current["turn_detection"], wished, f"{where}.turn_detection"
    )
    return result


def _fresh(model: str, transcription: bool) -> dict[str, Any]:
    audio_input: dict[str, Any] = {
        "format": {"type": "audio/pcm", "rate": PCM_RATE_HZ},
        "transcription": {"model": model or "whisper-1"} if transcription else None,
        "noise_reduction": None,
        "turn_detection": dict(SERVER_VAD),
    }
    if transcription:
        return {
            "type": "transcription",
            "object": "realtime.transcription_session",
            "include": None,
            "audio": {"input": audio_input},
        }
    return {
        "type": "realtime",
        "object": "realtime.session",
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "prompt": None,
        "include": None,
        "audio": {
            "input": audio_input,
            "output": {
                "format": {"type": "audio/pcm", "rate": PCM_RATE_HZ},
                "voice": "",
                "speed": 1.0,
            },
        },
    }

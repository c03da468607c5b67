"""The error taxonomy: every code that can reach a client, and whether the session survives it.

Source: wire facts of dialect A, "Error codes".
"""

from __future__ import annotations

from enum import Enum


class Code(Enum):
    """An error's name on the wire."""

    ASR_TIMEOUT = "ASR_TIMEOUT"
    ASR_FAIL = "ASR_FAIL"
    LLM_TIMEOUT = "LLM_TIMEOUT"
    LLM_FAIL = "LLM_FAIL"
    TTS_FAIL = "TTS_FAIL"
    PROTOCOL_VIOLATION = "PROTOCOL_VIOLATION"
    MAX_DURATION_EXCEEDED = "MAX_DURATION_EXCEEDED"
    INTERNAL = "INTERNAL"
    CANCELLED = "CANCELLED"
    BACKPRESSURE = "BACKPRESSURE"
    UNSUPPORTED_SAMPLE_RATE = "UNSUPPORTED_SAMPLE_RATE"
    MODEL_LOAD_FAIL = "MODEL_LOAD_FAIL"
    RATE_LIMIT = "RATE_LIMIT"


FATAL = frozenset({Code.PROTOCOL_VIOLATION, Code.INTERNAL, Code.MODEL_LOAD_FAIL, Code.RATE_LIMIT})
"""Codes after which the session ends, unless a dialect forgives the one violation at hand."""


class Breach(Enum):
    """What a peer did wrong. A dialect's profile says which of them end the session."""

    AUDIO_BEFORE_START = "audio_before_start"
    UNKNOWN_TYPE = "unknown_type"
    MISSING_TYPE = "missing_type"
    INVALID_JSON = "invalid_json"
    INVALID_FIELD = "invalid_field"
    OVERSIZED_FRAME = "oversized_frame"
    ODD_AUDIO = "odd_audio"
    INVALID_AUDIO = "invalid_audio"
    SEQUENCE_JUMP = "sequence_jump"
    UNSUPPORTED_RATE = "unsupported_rate"
    FOREIGN_AUDIO = "foreign_audio"


class Violation(Exception):
    """The peer's fault, found by a codec or by the session's table of states. `of_start`: what is
    refused is a start, so that the audio behind it has no rate that anybody knows."""

    def __init__(self, breach: Breach, message: str, *, of_start: bool = False) -> None:
        super().__init__(message)
        self.breach = breach
        self.message = message
        self.of_start = of_start

    @property
    def code(self) -> Code:
        if self.breach is Breach.UNSUPPORTED_RATE:
            return Code.UNSUPPORTED_SAMPLE_RATE
        return Code.PROTOCOL_VIOLATION

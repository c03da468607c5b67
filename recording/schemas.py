"""The kinds of messages in a recording, and what each holds: one table, for the JSON schemas that
are written into a file and for the check of what is read from one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

JSON_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
    "null": (type(None),),
}

_FAILURE = {
    "failure?": "string",
    "message?": "string",
    "retryable?": "boolean",
    "retry_after_s?": "number",
}
_NOT_ALWAYS = {"retry_after_s?"}
"""Of a failure's fields, those that it may lack."""
_GONE = {"gone?": "integer", "reason?": "string"}

FIELDS: Mapping[str, Mapping[str, str]] = {
    "in": {"text?": "string", **_GONE},
    "out": {"text?": "string", "waited?": "boolean", **_GONE},
    "sent": {},
    "closed": {"code": "integer", "reason": "string"},
    "deadline": {},
    "drain": {},
    "limit": {},
    "close": {},
    "cancel": {},
    "play": {"rate_hz": "integer"},
    "detector": {"speech": "string"},
    "asr.begin": _FAILURE,
    "asr.feed": {"text": "string|null", "bytes": "integer", **_FAILURE},
    "asr.hypothesis": {"hypothesis": "object|null", **_FAILURE},
    "asr.conclude": {"transcript": "object", **_FAILURE},
    "asr.finish": {"transcript": "object", **_FAILURE},
    "turn.likelihood": {"likelihood": "number", **_FAILURE},
    "llm.reply": {"conversation": "array", **_FAILURE},
    "llm.token": {
        "token": "string|null",
        "say?": "object",
        "forget?": "object",
        "alive?": "boolean",
        "remark?": "string",
        "call?": "object",
        **_FAILURE,
    },
    "llm.second": {},
    "conductor": {},
    "effect": {"effect": "string"},
    "tts.speak": {"said": "string", "rate_hz": "integer", "words?": "array", **_FAILURE},
    "tts.stream": {"said": "string", **_FAILURE},
    "tts.piece": {"rate_hz": "integer|null", "words?": "array", **_FAILURE},
}
"""Kind of entry to the fields of its data; a "?" may be missing. A failed call has only the
failure's. A kind that does not stand here may hold anything."""


def schema(kind: str) -> bytes:
    """The JSON schema of an entry's message."""
    fields = FIELDS.get(kind, {})
    data: dict[str, Any] = {
        "type": "object",
        "properties": {
            name.removesuffix("?"): {"type": types.split("|")} for name, types in fields.items()
        },
    }
    whole = {
        "type": "object",
        "properties": {
            "at_ns": {"type": "integer", "description": "nanoseconds since the session began"},
            "source": {"type": "string", "description": "the kind and its number"},
            "data": data,
            "audio_bytes": {
                "type": "integer",
                "description": "length of the message with the same sequence on the raw channel",
            },
        },
        "required": ["at_ns", "source", "data"],
    }
    return json.dumps(whole).encode()


def what_is_wrong(kind: str, data: Mapping[str, Any]) -> str | None:
    """The first field that is not what the table says, in words."""
    fields = FIELDS.get(kind, {})
    if "failure" in data and "failure?" in fields:
        fields = {
            name if name in _NOT_ALWAYS else name.removesuffix("?"): types
            for name, types in _FAILURE.items()
        }
    for name, types in fields.items():
        bare = name.removesuffix("?")
        if bare not in data:
            if bare == name:
                return f"{kind} without {bare}"
            continue
        value = data[bare]
        allowed = tuple(kind for word in types.split("|") for kind in JSON_TYPES[word])
        if not isinstance(value, allowed) or (isinstance(value, bool) and bool not in allowed):
            return f"{kind} whose {bare} is no {types.replace('|', ' or ')}"
    return None

"""What a client says in each dialect: audio, and the few words that dialects have in common.

Given plain values it makes frames, and does no I/O. A word that a dialect does not have is a
ValueError that says so.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..audio.g711 import RATE_HZ as LINE_HZ
from ..protocol import io_speech, newspeech, prompt_voice
from ..protocol.dialect import Frame
from ..protocol.realtime.profile import PROFILE as REALTIME
from ..protocol.realtime.session_config import PCM_RATE_HZ
from ..protocol.telephone.names import TELEPHONE

_START: Mapping[str, dict[str, Any]] = {
    prompt_voice.PROFILE.name: {"type": "start", "sample_rate": prompt_voice.DEFAULT_RATE_HZ},
    io_speech.PROFILE.name: {"type": "control", "action": "start_listening"},
    newspeech.PROFILE.name: {"type": "control", "command": "start_session"},
}
_STOP: Mapping[str, dict[str, Any]] = {
    prompt_voice.PROFILE.name: {"type": "stop"},
    io_speech.PROFILE.name: {"type": "control", "action": "stop_listening"},
}
_INTERRUPT: Mapping[str, dict[str, Any]] = {
    prompt_voice.PROFILE.name: {"type": "cancel"},
    io_speech.PROFILE.name: {"type": "control", "action": "cancel_tts"},
    newspeech.PROFILE.name: {"type": "barge_in", "energy": -20.0},
    REALTIME.name: {"type": "response.cancel"},
}
_RATES_HZ: Mapping[str, int] = {
    prompt_voice.PROFILE.name: prompt_voice.DEFAULT_RATE_HZ,
    io_speech.PROFILE.name: io_speech.RATE_HZ,
    newspeech.PROFILE.name: newspeech.RATE_HZ,
    REALTIME.name: PCM_RATE_HZ,
    **dict.fromkeys(TELEPHONE, LINE_HZ),  # its clients are carriers; see testing.carrier
}


class Tongue:
    """One per client: it numbers audio, and knows the rate that was started.

    Raises ValueError for a dialect that no client here speaks.
    """

    def __init__(self, dialect: str) -> None:
        if dialect not in _RATES_HZ:
            known = ", ".join(_RATES_HZ)
            raise ValueError(f"no client here speaks {dialect!r}; known: {known}")
        self.dialect = dialect
        self.rate_hz = _RATES_HZ[dialect]
        """The sample rate at which `audio` is sent."""
        self._sent = 0

    def start(self, fields: Mapping[str, Any]) -> Frame:
        """Open the microphone; `fields` are added to the message, in dialect D to the session."""
        if self.dialect == REALTIME.name:
            audio = {"input": {"transcription": {"model": "whisper-1"}}}
            session = {"type": "realtime", "audio": audio} | dict(fields)
            return json.dumps({"type": "session.update", "session": session})
        message = self._word(_START, "start") | dict(fields)
        rate_hz = message.get("sample_rate")
        if type(rate_hz) is int and rate_hz > 0:
            self.rate_hz = rate_hz
        self._sent = 0
        return json.dumps(message)

    def stop(self) -> Frame:
        """Close the microphone."""
        return json.dumps(self._word(_STOP, "stop"))

    def interrupt(self) -> Frame:
        """Cut the reply."""
        return json.dumps(self._word(_INTERRUPT, "interrupt"))

    def typed(self, text: str) -> Sequence[Frame]:
        """Words that were typed, and that they are to be answered."""
        if self.dialect == REALTIME.name:
            content = [{"type": "input_text", "text": text}]
            item = {"type": "message", "role": "user", "content": content}
            created = {"type": "conversation.item.create", "item": item}
            return (json.dumps(created), json.dumps({"type": "response.create"}))
        if self.dialect != newspeech.PROFILE.name:
            raise self._wordless("typed text")
        return (json.dumps({"type": "text", "content": text}),)

    def audio(self, pcm16: bytes, at_ms: int) -> Frame:
        """PCM16 mono at `rate_hz`; `at_ms` is the client's time."""
        if self.dialect not in (io_speech.PROFILE.name, REALTIME.name):
            return pcm16
        data = base64.b64encode(pcm16).decode("ascii")
        if self.dialect == REALTIME.name:
            return json.dumps({"type": "input_audio_buffer.append", "audio": data})
        self._sent += 1
        return json.dumps(
            {"type": "audio", "data": data, "timestamp": at_ms, "sequence": self._sent}
        )

    def _word(self, words: Mapping[str, dict[str, Any]], what: str) -> dict[str, Any]:
        if self.dialect not in words:
            raise self._wordless(what)
        return words[self.dialect]

    def _wordless(self, what: str) -> ValueError:
        return ValueError(f"the dialect {self.dialect} has no word for {what}")

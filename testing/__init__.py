"""Everything that a test of a voice imports: whole sessions in memory with scripted engines, a
client, sound to say, agents that are called without sound, and cancelling at every step.

Under `autojump_clock` of pytest-trio a conversation of minutes takes milliseconds, and every time
in it is exact.
"""

from ..client.in_memory import InMemoryClient
from ..config import Settings
from ..engines.asr.scripted import ScriptedTranscriber
from ..engines.kit import Engines, OwnEngines, SessionInfo
from ..engines.llm.scripted import ScriptedResponder
from ..engines.tts.scripted import ScriptedSynthesizer
from ..engines.turn.scripted import ScriptedTurnEnd
from ..engines.vad.scripted import ScriptedDetector
from ..protocol.chat import ToolCall
from ..protocol.io_speech import DIALECT as IO_SPEECH
from ..protocol.newspeech import DIALECT as NEWSPEECH
from ..protocol.prompt_voice import DIALECT as PROMPT_VOICE
from ..protocol.tool_calls import Outcome
from ..session.life import Session
from .agents import AgentFailed, CallerOfTest, NothingSaid, Used, talk_to
from .cancelling import Attempt, cancelled_at, every_step
from .models import RecordedModel, Request, ScriptedModel, ScriptOver, calls
from .sessions import LOUD, open_session, silence, speech

__all__ = [
    "IO_SPEECH",
    "LOUD",
    "NEWSPEECH",
    "PROMPT_VOICE",
    "AgentFailed",
    "Attempt",
    "CallerOfTest",
    "Engines",
    "InMemoryClient",
    "NothingSaid",
    "Outcome",
    "OwnEngines",
    "RecordedModel",
    "Request",
    "ScriptOver",
    "ScriptedDetector",
    "ScriptedModel",
    "ScriptedResponder",
    "ScriptedSynthesizer",
    "ScriptedTranscriber",
    "ScriptedTurnEnd",
    "Session",
    "SessionInfo",
    "Settings",
    "ToolCall",
    "Used",
    "calls",
    "cancelled_at",
    "every_step",
    "open_session",
    "silence",
    "speech",
    "talk_to",
]

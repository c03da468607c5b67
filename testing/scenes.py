"""The table of scenes: every scripted session that tests run, record, replay and cancel.

`SCENES` has them by name. Those that are `kept` have a recording in `tests/recordings`, made by
`scripts/make_corpus.py`, so their times and words stay as they are. A scene that is added to the
table is replayed under many schedules, written to a file and read again, and cancelled at its
steps, by the tests that iterate over it: `tests/recording/test_replay.py`,
`tests/recording/test_corpus.py`, `tests/test_cancel_everywhere.py` and
`tests/test_conversations_property.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from ..conversation.later import SayLater
from ..engines.failures import EngineFailure, LaneLost
from ..engines.llm.interface import Alive, Remark
from ..engines.llm.scripted import HANG, Step
from ..protocol.io_speech import DIALECT as IO_SPEECH
from ..protocol.newspeech import DIALECT as NEWSPEECH
from ..protocol.prompt_voice import DIALECT as PROMPT_VOICE
from ..protocol.realtime.dialect import DIALECT as REALTIME
from . import peers, phone_peers
from . import scene_agents as agents
from .scene import Action, Say, Scene, Send, Wait

REPLY: tuple[Step, ...] = (
    *(0.15, "The ", 0.04, "light ", "is ", "off. ", 0.3, "Is ", "there ", 0.9, "more?"),
)
_ASR = {"delays_s": {"feed": 0.012, "conclude": 0.06, "finish": 0.06}, "word_ms": 150}
_ASR_BEGUN_EARLY = _ASR | {"delays_s": {"feed": 0.012, "conclude": 0.06, "finish": 0.0}}

_KEPT = Scene(
    name="barge-in",
    dialect=PROMPT_VOICE,
    peer=peers.interrupts,
    words=("turn the light off", "stop that now", "thank you"),
    asr=_ASR,
    reply=REPLY,
    tts={"delay_s": 0.08, "ms_per_char": 40, "rate_hz": 8000},
    settings={"stream_phrases": "short"},
    kept=True,
)

_THOUGHTS: tuple[Step, ...] = (Alive(), *(0.9, Alive()) * 7, 0.2, *REPLY)
_TIMER = (SayLater(text="Ring. It is time.", after_s=3.0, name="t"), "A timer ", "is set.")

_SPEAKS = (Send("start"), Say(700, 700 + 3500, 20), Wait(2))
_CALLED = ("when are you open on monday",)


def _conducted() -> Iterator[Scene]:
    """Conversations that an agent conducts."""
    scene = replace(
        _KEPT,
        dialect=NEWSPEECH,
        words=_CALLED,
        reply=("Fine.",),
        agent=agents.shop(),
    )
    yield replace(
        scene,
        name="agent-calls-a-tool",
        dialect=PROMPT_VOICE,
        peer=_SPEAKS,
        agent=agents.shop(greeting="Flower shop, hello!"),
        replies=(("Let me see. ", agents.HOURS), (0.15, "From nine ", "to six.")),
    )
    yield replace(
        scene,
        name="agent-greeting-held",
        peer=(Send("start"), Say(900, 2500, 20), Wait(2)),
        agent=agents.shop(
            greeting="This call is recorded. How can I help?", greeting_interruptible=False
        ),
    )
    yield replace(
        scene,
        name="agent-greeting-interrupted",
        dialect=IO_SPEECH,
        peer=(Send("start"), Wait(0.8), Say(900, 2500, 20), Wait(1)),
        agent=agents.shop(greeting="Flower shop, good morning! How can I help you today?"),
    )
    yield replace(
        scene,
        name="agent-parallel-tools",
        dialect=IO_SPEECH,
        peer=_SPEAKS,
        replies=((agents.SOON, agents.HOURS, agents.WRONG, agents.UNKNOWN), ("All done.",)),
    )
    yield replace(
        scene,
        name="agent-tool-interrupted",
        peer=(Send("start"), Say(700, 700 + 900, 20), Say(900, 2500, 20), Wait(2)),
        words=(*_CALLED, "never mind that now please"),
        replies=((0.1, "I look. ", agents.LATE),),
    )
    yield replace(
        scene,
        name="agent-tool-must-finish",
        peer=(Send("start"), Say(700, 700 + 400, 20), Say(900, 700 + 3500, 20), Wait(2)),
        words=(*_CALLED, "hello are you there", "did you pay it"),
        replies=((agents.PAY,),),
    )
    yield replace(
        scene,
        name="agent-tool-begun-early",
        dialect=PROMPT_VOICE,
        peer=(Send("start"), Say(500, 300, 20), Say(500, 3000, 20), Wait(2)),
        asr=_ASR_BEGUN_EARLY,
        turn_end=(0.1, 0.9),
        replies=((agents.HOURS,), (agents.HOURS,), ("From nine.",)),
    )
    yield replace(
        scene,
        name="agent-slow-tool-and-a-hum",
        peer=(Send("start"), Say(700, 700 + 1500, 20), Say(800, 4000, 20), Wait(2)),
        words=(*_CALLED, ""),
        replies=((agents.LATE,), ("Twelve roses.",)),
        settings={"stream_phrases": "short", "stream_tool_filler_s": 0.5},
    )
    yield replace(
        scene,
        name="agent-hands-over",
        dialect=PROMPT_VOICE,
        peer=(Send("start"), Say(700, 700 + 2500, 20), Say(700, 2500, 20), Wait(1)),
        words=(*_CALLED, "some roses please"),
        replies=(("One moment. ", agents.FLORIST), (0.1, "Florist here. ")),
    )
    yield replace(
        scene,
        name="agent-asks",
        peer=(Send("start"), Wait(2.5), Say(700, 2500, 20), Say(600, 3500, 20), Wait(3)),
        words=("paris i think", "it is four"),
        agent=agents.quiz,
    )
    yield replace(
        scene,
        name="agent-tool-asks",
        peer=(Send("start"), Say(700, 700 + 2500, 20), Say(400, 3500, 20), Wait(2)),
        words=("roses please", "yes"),
        asr=_ASR | {"shortest_ms": 0},
        replies=((agents.ASK,), ("Booked.",)),
    )
    yield replace(
        scene,
        name="agent-ends-the-call",
        peer=(Send("start"), Say(700, 700 + 6000, 20)),
        replies=(("It was nice to talk. ", agents.HANG_UP), (0.2, "Take care.")),
    )
    yield replace(
        scene,
        name="agent-silent-caller",
        dialect=IO_SPEECH,
        peer=(Send("start"), Say(20, 14_000, 20)),
        agent=agents.shop(
            greeting="Hello.",
            settings={"stream_silence_ask_s": 3, "stream_silence_end_s": 2},
        ),
        settings={
            "stream_phrases": "short",
            "stream_silence_ask_s": 3,
            "stream_silence_end_s": 2,
        },
    )
    yield replace(
        scene,
        name="agent-crashes",
        peer=(Send("start"), Say(20, 6000, 20)),
        agent=agents.crashing,
    )


KEPT = (
    _KEPT,
    replace(_KEPT, name="false-alarm", dialect=NEWSPEECH, peer=peers.coughs),
    replace(
        _KEPT,
        name="recognizer-crashes",
        peer=peers.asks_and_stops,
        asr=_ASR | {"fail_on": {("feed", 3): LaneLost("gone")}},
    ),
    replace(
        _KEPT,
        name="backpressure",
        peer=peers.asks_and_stops,
        settings={"stream_backpressure_threshold": 2, "stream_partial_min_gap_ms": 20},
        capacity=1,
        slow_s=0.12,
    ),
    replace(
        _KEPT,
        name="llm-timeout",
        peer=peers.waits_for_an_error,
        reply=("Well ", HANG),
        settings={"stream_llm_gap_s": 0.5},
    ),
    replace(_KEPT, name="io-speech", dialect=IO_SPEECH, peer=peers.asks_in_base64),
    replace(_KEPT, name="typed", dialect=NEWSPEECH, peer=peers.types_and_says_goodbye),
    replace(
        _KEPT,
        name="realtime-by-voice",
        dialect=REALTIME,
        peer=peers.conducts_by_voice,
        words=("turn the light off", "", "stop that now"),
    ),
    replace(
        _KEPT,
        name="realtime-by-hand",
        dialect=REALTIME,
        peer=peers.conducts_by_hand,
        words=("what time is it",),
        replies=(("Let me see. ", agents.CLOCK), ("It is ", "noon.")),
    ),
    replace(
        _KEPT,
        name="realtime-begun-early",
        dialect=REALTIME,
        peer=peers.conducts_in_haste,
        asr=_ASR_BEGUN_EARLY,
        turn_end=(0.9, 0.2, 1.0),
    ),
    replace(
        _KEPT,
        name="realtime-agent",
        dialect=REALTIME,
        peer=peers.conducts_an_agent,
        words=_CALLED,
        agent=agents.shop(greeting="Flower shop, hello!"),
        replies=(("Let me see. ", agents.HOURS), (agents.CLOCK,), ("From nine.",)),
    ),
    replace(
        _KEPT,
        name="telephone-interrupted",
        dialect=phone_peers.line_of("twilio"),
        peer=phone_peers.calls_and_interrupts,
        words=("is it raining", "stop it please"),
        reply=(0.1, "It will be dry until noon, ", "and then it will rain for the whole day."),
    ),
    replace(
        _KEPT,
        name="telephone-agent",
        dialect=phone_peers.line_of("plivo"),
        peer=phone_peers.calls_on_a_silent_line,
        words=("are you open", "when then"),
        agent=agents.shop(greeting="Flower shop, hello!"),
        replies=(("Let me see. ", agents.HOURS), ("From nine ", "to six.")),
    ),
    replace(_KEPT, name="drain", peer=peers.is_drained),
    replace(_KEPT, name="cut-short-by-the-server", peer=peers.is_cut_short),
    replace(
        _KEPT,
        name="begun-early",
        peer=peers.asks_and_stops,
        asr=_ASR_BEGUN_EARLY,
        turn_end=(0.9,),
    ),
    replace(
        _KEPT,
        name="begun-in-vain",
        dialect=NEWSPEECH,
        peer=peers.hesitates,
        asr=_ASR_BEGUN_EARLY,
        turn_end=(0.1, 0.2, 1.0),
    ),
    # A reply is suspended by every interruption, and ended only by words.
    replace(
        _KEPT,
        name="hum-while-thinking",
        peer=(Send("start"), Say(700, 700 + 400, 20), Say(800, 1200, 20), Wait(4)),
        words=("turn the light off", ""),
        reply=(2.0, *REPLY),
    ),
    replace(
        _KEPT,
        name="hum-during-reply",
        dialect=IO_SPEECH,
        peer=(Send("start"), Say(700, 700 + 600, 20), Say(800, 1200, 20), Wait(4)),
        words=("turn the light off", ""),
    ),
    replace(
        _KEPT,
        name="short-no",
        peer=(Send("start"), Say(700, 700 + 800, 20), Say(220, 1500, 20), Wait(4)),
        words=("turn the light off", "no"),
        asr=_ASR | {"shortest_ms": 0},
    ),
    # What a reply asked for is said later, when nobody speaks.
    replace(
        _KEPT,
        name="timer-rings",
        dialect=NEWSPEECH,
        peer=(Send("start"), Say(700, 700 + 5500, 20)),
        words=("set a timer",),
        reply=_TIMER,
    ),
    replace(
        _KEPT,
        name="timer-waits-for-speech",
        peer=(Send("start"), Say(700, 700 + 2300, 20), Say(2000, 700 + 4500, 20)),
        words=("set a timer", "and turn the light off please"),
        replies=(_TIMER,),
    ),
    # What is written is not what is spoken, and the memory holds what was written.
    replace(
        _KEPT,
        name="amounts-interrupted",
        dialect=IO_SPEECH,
        settings={"stream_phrases": "sentences"},
        reply=(
            0.1,
            "It cos",
            "ts $1,2",
            "50,000.50 ",
            "at 10:3",
            "0 p.m. **to",
            "day**. ",
            "Fine?",
        ),
    ),
    # A voice that streams is heard with its first piece, and loses nothing when it is suspended.
    replace(
        _KEPT,
        name="voice-streams",
        dialect=IO_SPEECH,
        settings={"stream_phrases": "sentences"},
        tts={"delay_s": 0.3, "piece_s": 0.1, "ms_per_char": 40, "knows_words": True},
        streams=True,
    ),
    replace(
        _KEPT,
        name="voice-streams-hum",
        peer=(Send("start"), Say(700, 700 + 600, 20), Say(800, 1200, 20), Wait(4)),
        words=("turn the light off", ""),
        tts={"delay_s": 0.3, "piece_s": 0.1, "ms_per_char": 40},
        streams=True,
    ),
    # Who goes on is not talked over: the answer is taken back, and the next one waits longer.
    replace(
        _KEPT,
        name="taken-back",
        peer=(Send("start"), Say(900, 750, 20), Say(900, 3500, 20), Wait(2)),
        words=("what is the weather today", "in paris"),
        asr=_ASR_BEGUN_EARLY,
        turn_end="text",
    ),
    replace(
        _KEPT,
        name="back-off",
        dialect=NEWSPEECH,
        peer=(Send("start"), *[Say(900, 700, 20)] * 5, Say(900, 3500, 20), Wait(2)),
        words=("we went to the beach", "it was cold", "so we went home", "and had some tea"),
        asr=_ASR_BEGUN_EARLY,
        turn_end=(0.75,),
    ),
    replace(
        _KEPT,
        name="dictated-number",
        peer=(Send("start"), Say(1050, 1100, 20), Say(600, 800, 20), Say(750, 3500, 20)),
        words=("my number is five five five oh one two three four five six",),
        asr=_ASR_BEGUN_EARLY,
        turn_end="text",
    ),
    # A model that thinks for longer than a first token may take, in both ways.
    replace(
        _KEPT,
        name="thinks-first",
        peer=(Send("start"), Say(700, 700 + 9500, 20), Say(700, 700 + 3000, 20), Wait(2)),
        words=("turn the light off", "and on again"),
        replies=(_THOUGHTS, ("<think>", 1.0, "on ", "again</th", 1.0, "ink>\n\n", *REPLY)),
    ),
    # It fails twice, is left alone as it wished in between, and another one answers.
    replace(
        _KEPT,
        name="second-model",
        dialect=NEWSPEECH,
        peer=(Send("start"), Say(700, 700 + 4000, 20), Wait(1)),
        words=("turn the light off",),
        replies=(
            (Alive(), 0.3, EngineFailure("too busy", retry_after_s=0.5)),
            (0.2, EngineFailure("down")),
        ),
        second=(0.4, *REPLY, Remark(text="the reply was cut at its longest length")),
    ),
    *_conducted(),
)

_REPLAYED = Scene(
    name="two-turns",
    dialect=PROMPT_VOICE,
    peer=peers.asks_twice,
    words=("turn the light off", "stop that now please", "thank you"),
    asr={"delays_s": {"feed": 0.013, "finish": 0.07}},
    reply=(0.2, "The ", 0.05, *REPLY[3:]),
    tts={"delay_s": 0.11},
    settings={"stream_phrases": "short"},
)

_HEARD = ("two-turns", "interruption", "in-base64")
"""Of the scenes in `_PLAIN`, those whose peer speaks."""

_PLAIN = (
    _REPLAYED,
    replace(_REPLAYED, name="interruption", peer=peers.interrupts_and_cancels),
    replace(_REPLAYED, name="typed-twice", dialect=NEWSPEECH, peer=peers.types),
    replace(_REPLAYED, name="in-base64", dialect=IO_SPEECH, peer=peers.clicks_and_interrupts),
    replace(_REPLAYED, name="broadcast-newspeech", dialect=NEWSPEECH, peer=peers.is_played_to),
    replace(_REPLAYED, name="broadcast-io-speech", dialect=IO_SPEECH, peer=peers.is_played_to),
)

DOCUMENT_EVENTS = replace(
    _REPLAYED,
    name="document-events",
    dialect=IO_SPEECH.with_choices({"events": "document"}),
    peer=(Say(700, 900), Wait(3)),
)


def _lane_lost(scene: Scene) -> Scene:
    """The same conversation; the fourth piece of audio costs the recognizer its process."""
    asr = {**scene.asr, "fail_on": {("feed", 4): LaneLost("gone")}}
    return replace(scene, name=f"{scene.name}-lane-lost", asr=asr)


_LEFT = replace(
    _REPLAYED,
    name="left-in-a-reply",
    peer=peers.leaves_in_a_reply,
    words=("go on", "stop that please"),
    asr={"delays_s": {"feed": 0.01, "finish": 0.03}},
    reply=("One. ", 0.05, "Two. ", 0.4, "Three."),
    tts={"delay_s": 0.02, "ms_per_char": 100},
    capacity=8,
)
_LEFT_EARLY = replace(
    _LEFT,
    name="left-in-a-reply-begun-early",
    peer=peers.hesitates_and_leaves,
    turn_end=(0.3, 0.9),
)

LEFT = (
    replace(_LEFT, name="drained-in-a-reply", peer=peers.is_drained_in_a_reply),
    _LEFT,
    replace(
        _LEFT_EARLY,
        name="drained-in-a-reply-begun-early",
        peer=peers.hesitates_and_is_drained,
    ),
    _LEFT_EARLY,
)
"""Sessions that end in the middle: the server's wish, or a connection that is lost."""

INTERRUPTIONS: dict[str, tuple[Action, ...]] = {
    "over-a-reply": (Say(600, 900), Wait(0.4), Say(700, 1200)),
    "while-thinking": (Say(600, 720), Say(500, 1200)),
    "by-nothing-then-speech": (Say(600, 900), Say(120, 400), Say(600, 1200)),
    "by-the-client": (Say(600, 900), Wait(0.5), Send("cancel"), Say(600, 1200)),
}


def _interrupted() -> Iterator[Scene]:
    for name, actions in INTERRUPTIONS.items():
        for dialect in (PROMPT_VOICE, IO_SPEECH, NEWSPEECH):
            yield replace(
                _REPLAYED,
                name=f"interrupted-{name}-{dialect.profile.name}",
                dialect=dialect,
                peer=(Send("start"), *actions, Wait(3)),
                asr={"delays_s": {"feed": 0.01, "finish": 0.06}},
                tts={"delays_s": {1: 0.1, 2: 0.1}},
            )


INTERRUPTED = tuple(_interrupted())
"""Interruptions of every kind, in every dialect; what their peers do is data."""

SCENES: dict[str, Scene] = {
    scene.name: scene
    for scene in (
        *KEPT,
        *_PLAIN,
        *(_lane_lost(scene) for scene in _PLAIN if scene.name in _HEARD),
        DOCUMENT_EVENTS,
        *LEFT,
        *INTERRUPTED,
    )
}

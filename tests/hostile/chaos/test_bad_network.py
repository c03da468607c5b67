"""A bad network between a client and a live server: what the property test holds in virtual time
holds over it.

Each utterance has one final, with all of it and in order; each is answered to its end. Behind an
interruption comes no audio of the reply that was interrupted, and the memory holds no word that had
not left. A connection that is reset, half closed or swallowed ends its session in time, and leaves
no task.
"""

from __future__ import annotations

import functools
import math
import random
from dataclasses import dataclass, field
from typing import Any

import pytest
import trio

from parley.bench.caller import Caller, Notes
from parley.bench.instant import instant_engines
from parley.bench.lines import numbered_line
from parley.bench.tongues import TONGUES
from parley.client.wire import open_wire
from parley.embedding import (
    BargedIn,
    Connected,
    Disconnected,
    OwnEngines,
    SessionEvent,
    Settings,
    open_server,
)
from parley.testing import (
    ScriptedDetector,
    ScriptedResponder,
    ScriptedSynthesizer,
    ScriptedTranscriber,
    silence,
    speech,
)
from support.bad_network import BadNetwork, Conditions, bad_network, until
from support.figures import Figures
from support.live_server import open_client

pytestmark = [pytest.mark.slow, pytest.mark.no_cover]

NETWORKS = {
    "far away": Conditions(delay_s=0.15, jitter_s=0.05),
    "lossy": Conditions(delay_s=0.03, jitter_s=0.02, loss=0.05),
    "stalling": Conditions(stall_chance=0.03, stall_s=0.5),
    "narrow": Conditions(delay_s=0.02, bytes_per_s=250_000),
}
SECONDS = {False: 4.0, True: 45.0}
LINE_FRAMES = 6
FRAME_MS = 100
LIMIT_S = 120.0
GONE_S = 1.0
"""After a reset or an end of its input a session is gone within so long."""
PING_S = 0.4
"""Between two pings, and for the answer of one."""


CALM: dict[str, object] = {
    "stream_log_level": "error",
    "stream_max_loop_lag_ms": 0,
    "stream_max_cpu_share": 0,
}
"""Who is let in does not depend on how busy the machine of the test is."""


def settings() -> Settings:
    pings: dict[str, object] = {"ws_ping_interval": PING_S, "ws_ping_timeout": PING_S}
    return Settings.defaults(**pings, **CALM)


def relaxed() -> Settings:
    """For networks that stall for longer than a ping may take."""
    return Settings.defaults(**CALM)


def caller(port: int, dialect: str, number: int, seed: int) -> Caller:
    tongue = TONGUES[dialect]()
    rng = random.Random(f"{seed}/{number}")
    line = functools.partial(
        numbered_line, number, LINE_FRAMES, rate_hz=tongue.rate_hz, frame_ms=FRAME_MS
    )
    return Caller(
        connect=functools.partial(open_wire, f"ws://127.0.0.1:{port}{tongue.path}"),
        tongue=tongue,
        frame_ms=FRAME_MS,
        lead_s=0.3,
        next_line=line,
        rng=rng,
        counting=True,
    )


@pytest.mark.few(1)
@pytest.mark.parametrize("name", NETWORKS)
async def test_every_utterance_has_one_final_and_one_answer(
    name: str, full: bool, figures: Figures
) -> None:
    with trio.fail_after(SECONDS[full] + LIMIT_S):
        async with (
            open_server(relaxed(), own=instant_engines(), port=0) as server,
            bad_network(server.port, to_server=NETWORKS[name]) as network,
        ):
            callers = [
                caller(network.port, dialect, number, 7) for number, dialect in enumerate(TONGUES)
            ]
            async with trio.open_nursery() as nursery:
                for one in callers:
                    nursery.start_soon(one.run)
                await trio.sleep(SECONDS[full])
                for one in callers:
                    one.may_talk = lambda: False
                await until(lambda: all(one.between_lines for one in callers), 40)
                nursery.cancel_scope.cancel()
    notes = Notes()
    for one in callers:
        notes.add(one.notes)
    assert notes.failures == []
    assert notes.wrong == []
    assert notes.lines == notes.complete > 0
    figures.tell(
        f"{name}: utterances with one final and one whole reply",
        f"{notes.complete} of {notes.lines}",
        "all",
    )


# Interruptions


@dataclass
class Watched:
    barged: list[BargedIn] = field(default_factory=list)
    here: set[str] = field(default_factory=set)

    def __call__(self, event: SessionEvent) -> None:
        match event:
            case BargedIn():
                self.barged.append(event)
            case Connected():
                self.here.add(event.session_id)
            case Disconnected():
                self.here.discard(event.session_id)


REPLY = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen."


def scripted() -> tuple[OwnEngines, ScriptedResponder]:
    responder = ScriptedResponder([[REPLY]], then=["Fine."])
    own = OwnEngines(
        detector=lambda session: ScriptedDetector(),
        transcriber=lambda session: ScriptedTranscriber(["tell me numbers", "stop that now"]),
        responder=responder,
        synthesizer=ScriptedSynthesizer(ms_per_char=60),
    )
    return own, responder


@pytest.mark.few(1)
@pytest.mark.parametrize("name", NETWORKS)
async def test_an_interruption_over_a_bad_network(name: str, full: bool) -> None:
    own, responder = scripted()
    watched = Watched()
    with trio.fail_after(LIMIT_S):
        async with (
            open_server(relaxed(), own=own, port=0, watchers=[watched]) as server,
            bad_network(server.port, to_server=NETWORKS[name]) as network,
            open_client(f"ws://127.0.0.1:{network.port}/ws") as client,
        ):
            await client.start()
            await client.speak(speech(1000) + silence(1000))
            await client.wait_for("tts_chunk")
            await client.speak(speech(900) + silence(1000))
            await client.wait_for("final_transcript", count=2)
            await client.wait_for("llm_token", where=lambda m: "Fine" in m["text"])
            await trio.sleep(1.0)
    kinds = [message["type"] for _, message in client.received]
    cut = kinds.index("barge_in")
    again = next(
        n for n, (_, m) in enumerate(client.received) if n > cut and "Fine" in m.get("text", "")
    )
    assert "tts_chunk" not in kinds[cut:again]
    assert [m["text"] for m in client.of("final_transcript")] == [
        "tell me numbers",
        "stop that now",
    ]
    # What the model is told that the person heard is a beginning, and none of it had not left.
    (barged,) = watched.barged
    said = [m.text for m in responder.conversations[1] if m.role == "assistant"]
    assert REPLY.startswith(barged.heard.rstrip(" ."))
    assert all(text.startswith(barged.heard) for text in said)
    assert len(barged.heard) < len(REPLY)


# How a connection can be lost


async def lose(network: BadNetwork, how: str) -> None:
    (connection,) = network.connections
    match how:
        case "reset":
            connection.reset()
        case "half close":
            await connection.half_close()
        case "swallowed":
            connection.vanish()


@pytest.mark.few(3)
@pytest.mark.parametrize(
    "moment",
    ["silence", "speech", "reply"],
)
@pytest.mark.parametrize("how", ["reset", "half close", "swallowed"])
@pytest.mark.parametrize("path", ["/ws", "/stream", "/engine", "/v1/realtime"])
async def test_a_lost_connection_ends_its_session(
    path: str, how: str, moment: str, full: bool, figures: Figures
) -> None:
    own, _ = scripted()
    watched = Watched()
    with trio.fail_after(LIMIT_S):
        async with open_server(settings(), own=own, port=0, watchers=[watched]) as server:
            before = trio.lowlevel.current_statistics().tasks_living
            async with bad_network(server.port) as network:
                url = f"ws://127.0.0.1:{network.port}{path}"
                async with open_wire(url) as wire, trio.open_nursery() as nursery:
                    nursery.start_soon(_drain_wire, wire)
                    await until(lambda: len(watched.here) == 1, 5)
                    await _until_moment(wire, path, moment)
                    await lose(network, how)
                    # A ping's interval and its answer's, where nobody is told.
                    limit_s = GONE_S if how != "swallowed" else 2 * PING_S + GONE_S
                    gone_s = await until(lambda: not watched.here, limit_s)
                    nursery.cancel_scope.cancel()
            assert gone_s < math.inf
            await until(lambda: trio.lowlevel.current_statistics().tasks_living <= before, 3)
            assert trio.lowlevel.current_statistics().tasks_living <= before
            assert server.status().clients == 0
    figures.tell(
        f"{how} in {moment} on {path}: session gone after",
        f"{gone_s:.2f} s",
        "1 s; swallowed: two pings more",
    )


async def _drain_wire(wire: Any) -> None:
    """A client that reads."""
    while True:
        try:
            await wire.receive()
        except Exception:
            return


async def _until_moment(wire: Any, path: str, moment: str) -> None:
    tongue = TONGUES[
        {"/ws": "prompt-voice", "/stream": "io-speech", "/engine": "newspeech"}.get(
            path, "realtime"
        )
    ]()
    for frame in tongue.opening():
        await wire.send(frame)
    loud = (8000).to_bytes(2, "little") * (tongue.rate_hz // 10)
    quiet = bytes(len(loud))
    frames = {"silence": [quiet] * 2, "speech": [loud] * 4, "reply": [loud] * 5 + [quiet] * 12}
    for pcm16 in frames[moment]:
        await wire.send(tongue.audio(pcm16))
        await trio.sleep(0.05)

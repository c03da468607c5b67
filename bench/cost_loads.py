"""The loads from which `parley bench costs` takes its figures, each on a server of its own."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
import trio
from rich.progress import Progress

from ..capacity.fitting import Seen
from ..capacity.server_load import Traffic
from ..client.server_process import server_process
from .beside_costs import proxy
from .burden import burden_of
from .calls import CallsPlan
from .calls import _one_load as carry_calls
from .engine_costs import Measured
from .sessions import CONNECT_EVERY_S, Plan, _command, _one_load

TONGUE_OF = {
    "ws": "prompt-voice",
    "stream": "io-speech",
    "engine": "newspeech",
    "realtime": "realtime",
}
"""By the name that a plan has for it."""

CARRIED = 0.95
"""Of the callers' audio has to be sent, or the load was another one."""
IDLE_S = 8.0
SETTLE_S = 6.0

RECOGNIZERS = {
    "moonshine": {"STREAM_ASR_ENGINE": "moonshine"},
    "whisper": {"STREAM_ASR_ENGINE": "whisper"},
}
QUIET_ENGINES = {
    "STREAM_VAD_ENGINE": "webrtc",
    "STREAM_LLM_ENGINE": "local",
    "STREAM_TTS_ENGINE": "pyttsx3",
    "STREAM_LOG_FORMAT": "json",
    "STREAM_LOG_LEVEL": "info",
    "STREAM_MAX_LOOP_LAG_MS": "0",
    "STREAM_MAX_CPU_SHARE": "0",
    "STREAM_MAX_LANE_WAIT_MS": "0",
    "STREAM_MAX_TALKING_SHARE": "0",
}
"""Beside a recognizer that is measured: what costs least, and nobody is refused."""


@dataclass(slots=True)
class Loads:
    """`rows` are all loads so far. Close it."""

    seconds: float
    recordings: Path
    progress: Progress
    rows: list[dict[str, Any]] = field(default_factory=list)
    _folder: TemporaryDirectory[str] = field(default_factory=TemporaryDirectory)

    async def idle(self, environ: Mapping[str, str] | None = None) -> float:
        """What a server that nobody calls costs; with instant engines, or those of `environ`."""
        plan = Plan(engines="instant" if environ is None else "real")
        command = _command(plan, None)
        async with server_process(self._log("idle"), command, environ or {}) as server:
            await trio.sleep(2.0)
            before = burden_of(server.pid)
            await trio.sleep(IDLE_S)
            after = burden_of(server.pid)
        return (after.cpu_s - before.cpu_s) / (after.at_s - before.at_s)

    async def sessions(
        self,
        dialect: str,
        count: int,
        *,
        environ: Mapping[str, str] | None = None,
        **more: Any,
    ) -> tuple[Seen, dict[str, Any]]:
        """`more` are fields of the plan of `parley bench sessions`."""
        plan = Plan(
            seconds=self.seconds,
            settle_s=SETTLE_S,
            dialects=(TONGUE_OF[dialect],),
            recordings=self.recordings,
            admit_all=True,
            costs_only=True,
        )
        plan = replace(plan, **more)
        log = self._log(dialect)
        async with server_process(log, _command(plan, None), environ or {}) as server:
            row = await _one_load(plan, count, server, self.progress)
            if plan.engines == "real":
                row["largest_worker_mb"] = _largest_worker_mb(server.pid)
                row["series"] = await _series(server.port)
        if plan.engines == "real":
            row |= _log_bytes(log.read_text("utf-8", "replace"))
        return self._seen(dialect, row, plan.frame_ms)

    async def calls(self, count: int, *, silent: bool = False) -> tuple[Seen, dict[str, Any]]:
        plan = CallsPlan(seconds=self.seconds, settle_s=SETTLE_S, silent=silent)
        async with server_process(
            self._log("calls"), _command(Plan(admit_all=True), None)
        ) as server:
            row = await carry_calls(plan, count, server, self.progress)
        return self._seen("telephone", row | {"sessions": count}, 20)

    async def through_a_proxy(self, count: int) -> list[Measured]:
        """Sessions in conversation with HAProxy in between, where there is one."""
        plan = Plan(
            seconds=self.seconds,
            settle_s=SETTLE_S,
            dialects=(TONGUE_OF["ws"],),
            frame_ms=20,
            admit_all=True,
            costs_only=True,
        )
        async with server_process(self._log("proxy"), _command(plan, None)) as server:

            async def carry(port: int) -> dict[str, float]:
                return await _one_load(plan, count, replace(server, port=port), self.progress)

            begin_s = SETTLE_S + count * CONNECT_EVERY_S + 1
            return await proxy(server.port, carry, (begin_s, begin_s + self.seconds - 1))

    def close(self) -> None:
        self._folder.cleanup()

    def _log(self, name: str) -> Path:
        return Path(self._folder.name) / f"{name}-{len(self.rows)}.log"

    def _seen(
        self, dialect: str, row: dict[str, Any], frame_ms: int
    ) -> tuple[Seen, dict[str, Any]]:
        carried(row, frame_ms)
        self.rows.append({"dialect": dialect, "frame_ms": frame_ms} | small(row))
        return Seen(traffic=traffic_of(dialect, row), cores=row["server_cores"]), row


def carried(row: Mapping[str, Any], frame_ms: int) -> None:
    """Raises ValueError where the callers could not send what they should: what a server used then
    says nothing."""
    share = row["frames_per_s"] * frame_ms / 1000 / row["sessions"]
    if share < CARRIED:
        raise ValueError(
            f"this machine is too busy to measure on: {row['sessions']} callers sent {share:.0%} "
            "of their audio"
        )


def traffic_of(dialect: str, row: Mapping[str, Any]) -> Traffic:
    """What a load was, by the row that a measurement made of it."""
    return Traffic(
        dialect=dialect,
        sessions=row["sessions"],
        frames_per_s=row["frames_per_s"],
        talking=row["talking"],
        replying=row["replying"],
        turns_per_s=row["turns_per_s"],
    )


def small(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row's plain numbers, without distributions and examples."""
    return {key: value for key, value in row.items() if isinstance(value, int | float)}


def _largest_worker_mb(pid: int) -> float:
    """A recognizer's process is the largest where the voice is eSpeak."""
    workers = psutil.Process(pid).children(recursive=True)
    return max((worker.memory_info().rss / 2**20 for worker in workers), default=0.0)


async def _series(port: int) -> int:
    """How many series of metrics a server shows."""
    text = b""
    async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
        await stream.send_all(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
        while more := await stream.receive_some(65_536):
            text += more
    body = text.partition(b"\r\n\r\n")[2]
    return sum(1 for line in body.splitlines() if line and not line.startswith(b"#"))


def _log_bytes(log: str) -> dict[str, float]:
    """Bytes of the log that a turn and a call make, of a log in JSON."""
    of_turns = of_calls = 0
    turns: set[tuple[str, int]] = set()
    calls: set[str] = set()
    for line in log.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if not isinstance(entry, dict) or "session_id" not in entry:
            continue
        calls.add(entry["session_id"])
        if "turn" in entry:
            turns.add((entry["session_id"], entry["turn"]))
            of_turns += len(line) + 1
        else:
            of_calls += len(line) + 1
    return {
        "log_bytes_per_turn": of_turns / max(1, len(turns)),
        "log_bytes_per_call": of_calls / max(1, len(calls)),
    }

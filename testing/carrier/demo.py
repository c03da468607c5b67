"""`parley demo --telephone`: a whole call from a simulated carrier to a fresh server.

A caller speaks recordings through a line of 8 kHz, listens to the replies to their end, presses
keys, talks over the last reply, and hangs up. What the caller's ear got is left as a WAV file, one
side of it the caller and the other Parley; nothing of it is real but the server and the sound.
"""

from __future__ import annotations

import functools
import json
import secrets
import wave
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
import trio
from rich.console import Console
from rich.table import Table

from ...audio.pcm import HEARING_RATE_HZ
from ...audio.resampler import Resampler
from ...audio.wav import NotAWav
from ...client.recording import Recording, load_folder
from ...client.server_process import ServerFailed, parley_serve, server_process
from ...client.wire import Unreachable
from .carrier import Carrier, Network
from .ear import TICK_MS
from .over_socket import carrier_socket
from .wire import NoWire, wire_of

LOG = "server.log"

ANSWER_S = 30.0
"""For the first sound of a reply."""

QUIET = 0.05
"""Of a recording's loudest sample: below is no voice."""

REST_S = 1.2
"""An ear that has had nothing for so long has heard a reply to its end."""

NETWORK = Network(delay_ms=30, jitter_ms=30, seed=1)
"""A carrier in the same country."""


@dataclass(slots=True)
class _Said:
    """One recording: what was said, and how long it took until something was heard, in ms."""

    recording: Recording
    first_sound_ms: float | None = None
    reply_ms: int = 0
    gaps: int = 0


@dataclass(slots=True)
class _Call:
    said: list[_Said] = field(default_factory=list)
    silent_ms: float | None = None
    """From the caller's first sample over a reply until the carrier was told to clear."""
    caller: bytearray = field(default_factory=bytearray)
    """What the caller said, from the first tick on, at the line's rate."""


async def demo_telephone(
    folder: Path,
    out_dir: Path,
    service: str = "twilio",
    console: Console | None = None,
    command: Callable[[int], Sequence[str]] | None = None,
) -> int:
    """`command` is that of another server than `parley serve`, for a port. Returns 0; 1 where
    something got no reply; 2 where there was no call."""
    console = console or Console()
    served = command or functools.partial(_command, out_dir)
    call, token = _Call(), secrets.token_hex(16)
    try:
        wire = wire_of(service)
        if service == "audiosocket":
            raise NoWire("AudioSocket comes over TCP, and this demo over a WebSocket: try asterisk")
        recordings = _prepared(folder, out_dir)
        console.print("starting a server ...")
        async with server_process(
            out_dir / LOG,
            served,
            {"PARLEY_TELEPHONE_STREAM_TOKEN": token},  # lets it in, whatever your settings ask for
        ) as server:
            address = f"ws://127.0.0.1:{server.port}/telephone/{service}"
            console.print(f"a call of {service} to {address}", markup=False)
            async with (
                carrier_socket(address if command else f"{address}/key-{token}") as socket,
                trio.open_nursery() as nursery,
            ):
                carrier = Carrier(socket, wire, NETWORK)
                nursery.start_soon(carrier.run)
                await _hold(carrier, recordings, call, console)
                nursery.cancel_scope.cancel()
    except (Unreachable, NotAWav, ServerFailed, NoWire, OSError) as error:
        told = str(error).replace(f"/key-{token}", "")
        console.print(told, style="red", markup=False, soft_wrap=True)
        return 2
    _report(carrier, call, out_dir, console)
    return 0 if all(said.first_sound_ms is not None for said in call.said) else 1


SETTINGS = 'stream_log_transcripts = true\nstream_log_format = "json"\n'


def _prepared(folder: Path, out_dir: Path) -> list[Recording]:
    recordings = load_folder(folder)
    out_dir.mkdir(parents=True, exist_ok=True)
    (out_dir / "telephone.toml").write_text(SETTINGS, encoding="utf-8")
    return recordings


def _command(out_dir: Path, port: int) -> list[str]:
    return [*parley_serve(port), "--config", str(out_dir / "telephone.toml")]


async def _hold(
    carrier: Carrier, recordings: Sequence[Recording], call: _Call, console: Console
) -> None:
    await trio.sleep(1.0)
    for recording in recordings:
        console.print(f"-- {recording.name}: {recording.spoken or '?'}", style="dim", markup=False)
        said = _Said(recording)
        call.said.append(said)
        begins, (_, ends) = carrier.ear.ticks, _sounds(recording)
        await _say(carrier, recording, call)
        await _listen(carrier, said, begins, ends)
        if carrier.ended.is_set():
            return
    carrier.presses("42#")
    said = _Said(Recording(name="keys", pcm16=b"", spoken="(presses 4 2 #)"))
    call.said.append(said)
    if not await _until_sound(carrier, said, carrier.ear.ticks, 0):
        return
    await trio.sleep(0.4)
    begins = carrier.ear.ticks + _sounds(recordings[0])[0]
    await _say(carrier, recordings[0], call)
    silenced = [tick for tick, what in carrier.tick_of_orders if what in ("clear", "pause")]
    after = [tick for tick in silenced if tick >= begins]
    call.silent_ms = (after[0] - begins) * TICK_MS if after else None
    carrier.hangs_up()
    with trio.move_on_after(5):
        await carrier.ended.wait()


async def _say(carrier: Carrier, recording: Recording, call: _Call) -> None:
    pcm16 = _narrow(recording.pcm16, carrier.wire.sound.rate_hz)
    quiet = carrier.ear.ticks * carrier.wire.sound.frame_samples * 2 - len(call.caller)
    call.caller += bytes(max(0, quiet)) + pcm16
    carrier.says(pcm16)
    await carrier.until_said()


async def _listen(carrier: Carrier, said: _Said, begins: int, ends: int) -> None:
    if not await _until_sound(carrier, said, begins, ends):
        return
    ear = carrier.ear
    rest = REST_S * 1000 / TICK_MS
    while ear.ticks - ear.heard[-1][0] < rest and not carrier.ended.is_set():  # noqa: ASYNC110
        await trio.sleep(0.05)
    played = [piece for piece in ear.heard if piece[0] >= begins]
    said.reply_ms = len(played) * TICK_MS
    said.gaps = sum(1 for (one, _), (next_, _) in pairwise(played) if next_ - one > 1)


async def _until_sound(carrier: Carrier, said: _Said, begins: int, ends: int) -> bool:
    """The first sound behind tick `begins`, when the words began; they ended `ends` ticks later."""
    ear = carrier.ear
    with trio.move_on_after(ANSWER_S):
        while not ear.heard or ear.heard[-1][0] < begins:  # noqa: ASYNC110 (a tick tells nobody)
            await trio.sleep(TICK_MS / 1000)
        first = next(tick for tick, _ in ear.heard if tick >= begins)
        said.first_sound_ms = (first - begins - ends) * TICK_MS
        return True
    return False


def _sounds(recording: Recording) -> tuple[int, int]:
    """From which tick of a recording to which there is a voice in it; silence is all of it."""
    samples = np.abs(np.frombuffer(recording.pcm16, dtype="<i2").astype(np.int32))
    loud = np.flatnonzero(samples > QUIET * samples.max(initial=0))
    per_tick = HEARING_RATE_HZ * TICK_MS // 1000
    if not loud.size:
        return 0, samples.size // per_tick  # nobody speaks in it
    return int(loud[0]) // per_tick, int(loud[-1]) // per_tick


def _narrow(pcm16: bytes, rate_hz: int) -> bytes:
    resampler = Resampler(HEARING_RATE_HZ, rate_hz)
    return resampler.push(pcm16) + resampler.flush()


def _report(carrier: Carrier, call: _Call, out_dir: Path, console: Console) -> None:
    turns = iter(_turns_of(out_dir / LOG))
    table = Table(title="a telephone call, as the caller heard it")
    for name in ("said", "understood", "answered", "first sound, ms", "reply, s", "gaps"):
        table.add_column(name, overflow="fold")
    for said in call.said:
        heard, reply = next(turns, ("", "")) if said.first_sound_ms is not None else ("", "")
        table.add_row(
            said.recording.spoken or said.recording.name,
            heard,
            reply,
            "-" if said.first_sound_ms is None else f"{said.first_sound_ms:.0f}",
            f"{said.reply_ms / 1000:.1f}" if said.reply_ms else "-",
            str(said.gaps),
        )
    console.print(table)
    if call.silent_ms is not None:
        console.print(f"talked over: silent {call.silent_ms:.0f} ms after the caller began")
    for complaint in carrier.complaints[:5]:
        console.print(f"the carrier would refuse: {complaint}", style="red", markup=False)
    path = out_dir / "call.wav"
    _save(carrier, call, path)
    console.print(f"both sides of the call are in {path}", markup=False, soft_wrap=True)


def _turns_of(log: Path) -> list[tuple[str, str]]:
    """What was understood and what was answered, turn by turn, from the server's log."""
    turns = []
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if entry.get("event") == "latency":
            turns.append((str(entry.get("user", "")), str(entry.get("reply", ""))))
    return turns


def _save(carrier: Carrier, call: _Call, path: Path) -> None:
    """A WAV of two channels: the caller, and what they heard."""
    step = carrier.wire.sound.frame_samples * 2
    parley = bytearray(carrier.ear.ticks * step)
    for tick, pcm16 in carrier.ear.heard:
        parley[tick * step : tick * step + len(pcm16)] = pcm16
    sides = [np.frombuffer(bytes(side), dtype="<i2") for side in (call.caller, parley)]
    both = np.zeros((max(map(len, sides)), 2), dtype="<i2")
    for number, side in enumerate(sides):
        both[: len(side), number] = side
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(carrier.wire.sound.rate_hz)
        file.writeframes(both.tobytes())

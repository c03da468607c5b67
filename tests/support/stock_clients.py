"""Stock clients of the Realtime API: programs of their own, with the libraries that people use.

What they need beside Parley's own environment is installed once into a folder of the user's, and
found there by what it holds: a lock file for Node's packages, requirements for Python's. Where that
cannot be done the tests are skipped, and say why.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from parley.audio.pcm import HEARING_RATE_HZ
from parley.audio.resampler import Resampler
from parley.audio.wav import wav_bytes
from parley.client.recording import load_folder
from support.real_models import MODELS_DIR

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "tests/clients"
INSTALLED = Path.home() / ".cache/parley-stock-clients"

AGENTS = ("openai-agents==0.24.0", "openai==3.57.0", "websockets==16.1.1")
"""OpenAI's Agents SDK, which wants another `openai` than Parley."""

CARRIERS = ("twilio==9.13.0", "plivo==4.63.0", "vonage-jwt==1.1.5", "PyNaCl==1.6.2")
"""What telephone services give out for checking their signatures. Telnyx' own library does it by
PyNaCl, and is 60 MB."""

LEAST_NODE = 20
RATE_HZ = 24_000
INSTALL_S = 120.0
RUN_S = 90.0
"""Many times what a client takes."""

Found = Mapping[str, dict[str, Any]]
"""What a client told, by its scenarios."""


# What they need


def node_clients(folder: Path) -> Path:
    """The folder, with the clients in JavaScript and their packages. Skips where there is no
    Node."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("there is no Node here, or no npm")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout.strip()
    if int(version.lstrip("v").partition(".")[0]) < LEAST_NODE:
        pytest.skip(f"Node {version} is too old for these clients")
    lock = (CLIENTS / "package-lock.json").read_bytes()
    (folder / "node_modules").symlink_to(_installed("node", lock, _install_node) / "node_modules")
    for program in CLIENTS.glob("*.mjs"):
        shutil.copy(program, folder)
    return folder


def _install_node(folder: Path) -> None:
    for name in ("package.json", "package-lock.json"):
        shutil.copy(CLIENTS / name, folder)
    _run(["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error", "--fetch-retries=1"], folder)


def agents_python() -> str:
    """The Python of an environment with OpenAI's Agents SDK. Skips where it cannot be made."""
    key = "\n".join((sys.version, *AGENTS)).encode()
    return str(_installed("agents", key, _install_agents) / "bin/python")


def _install_agents(folder: Path) -> None:
    _run([sys.executable, "-m", "venv", str(folder)], folder)
    _run([str(folder / "bin/python"), "-m", "pip", "install", "--quiet", *AGENTS], folder)


def carriers_python() -> str:
    """The Python of an environment with the telephone services' libraries. Skips where it cannot be
    made."""
    key = "\n".join((sys.version, *CARRIERS)).encode()
    return str(_installed("carriers", key, _install_carriers) / "bin/python")


def _install_carriers(folder: Path) -> None:
    _run([sys.executable, "-m", "venv", str(folder)], folder)
    _run([str(folder / "bin/python"), "-m", "pip", "install", "--quiet", *CARRIERS], folder)


class _NotInstalled(Exception):
    pass


_why_not: dict[str, str] = {}
"""By kind, so that nobody waits for the same network twice."""


def _installed(kind: str, key: bytes, install: Callable[[Path], None]) -> Path:
    """Whole or not at all: other runs of the tests may want it at the same time."""
    folder = INSTALLED / f"{kind}-{hashlib.sha256(key).hexdigest()[:12]}"
    if kind not in _why_not and not folder.exists():
        try:
            INSTALLED.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=INSTALLED, ignore_cleanup_errors=True) as made:
                install(Path(made))
                with suppress(OSError):  # somebody else was faster
                    Path(made).rename(folder)
        except (_NotInstalled, OSError) as reason:
            _why_not[kind] = str(reason)
    if kind in _why_not:
        pytest.skip(_why_not[kind])
    return folder


def _run(command: Sequence[str], folder: Path) -> None:
    """Raises _NotInstalled where it fails: most of the time there is no network."""
    environment = {k: v for k, v in os.environ.items() if k != "PIP_CONSTRAINT"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, timeout=INSTALL_S, text=True
        )
    except subprocess.TimeoutExpired:
        raise _NotInstalled(f"{command[0]} took longer than {INSTALL_S:.0f} s") from None
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise _NotInstalled(f"{' '.join(command[:3])} failed: {' '.join(last)}")


# Running


def recordings_at_24_khz(folder: Path) -> str:
    """The folder, with the recordings of the examples in it."""
    for recording in load_folder(ROOT / "examples/audio"):
        resampler = Resampler(HEARING_RATE_HZ, RATE_HZ)
        pcm16 = resampler.push(recording.pcm16) + resampler.flush()
        (folder / f"{recording.name}.wav").write_bytes(wav_bytes(pcm16, RATE_HZ))
    return str(folder)


@contextmanager
def realtime_server() -> Iterator[int]:
    """The port of a server whose model answers by rules. It ends with the block."""
    environment = dict(os.environ, PARLEY_MODELS_DIR=str(MODELS_DIR))
    with subprocess.Popen(
        [sys.executable, str(CLIENTS / "realtime_server.py")],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["port"]
        finally:
            process.stdin.close()  # it ends by itself then
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def run_client(*command: str) -> Found:
    """Run a client to its end."""
    done = subprocess.run(command, capture_output=True, timeout=RUN_S, text=True)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, f"{[one['scenario'] for one in told]}\n{done.stderr[-3000:]}"
    return {one["scenario"]: one for one in told}

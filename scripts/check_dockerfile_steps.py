"""Run the Dockerfile's steps where there is no Docker: in a folder and a virtual environment of its
own, as far as a server that passes the image's own health check.

    python scripts/check_dockerfile_steps.py [--models NAMES] [--install WHAT]

What needs an image is not run but compared: the base, the user, the order of stages. Commands that
touch paths of the image (/opt/parley, /opt/models, /src) are run with folders of ours in their
places. Needs what pip needs. Exits with 1 and says which step failed.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STEP_S = 1800.0
READY_S = 120.0
OURS = ("OPENAI_", "STREAM_", "WS_", "VAD_", "AUDIO_", "PARLEY_")


@dataclass(frozen=True)
class Step:
    """An instruction of the Dockerfile, its lines joined, in the stage of this number."""

    stage: int
    word: str
    rest: str


def steps(text: str) -> list[Step]:
    joined = re.sub(r"\\\n", " ", text)
    found, stage = [], 0
    for line in joined.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        word, _, rest = line.strip().partition(" ")
        stage += word == "FROM"
        found.append(Step(stage, word, rest.strip()))
    return found


def context(into: Path) -> None:
    """What `COPY . .` would copy: the tree without what .dockerignore leaves out."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    left_out = [line.removeprefix("**/") for line in lines if line and not line.startswith("#")]
    shutil.copytree(ROOT, into, ignore=shutil.ignore_patterns(*left_out))


class Image:
    """Folders in the places of the image's."""

    def __init__(self, folder: Path, given: dict[str, str]) -> None:
        self._given = given
        self.environ = {k: v for k, v in os.environ.items() if not k.startswith(OURS)}
        self._places = {
            "/opt/parley": str(folder / "parley"),
            "/opt/models": str(folder / "models"),
            "/recordings": str(folder / "recordings"),
            "/src": str(folder / "src"),
        }
        self._arguments: dict[str, str] = {}
        context(folder / "src")
        self.work = folder / "src"

    def here(self, text: str) -> str:
        for place, ours in self._places.items():
            text = re.sub(rf"(?<![\w/]){re.escape(place)}\b", ours, text)
        return text

    def run(self, step: Step) -> None:
        """Raises subprocess.CalledProcessError."""
        match step.word:
            case "ARG":
                name, _, value = step.rest.partition("=")
                self._arguments[name] = self._given.get(name, value)
            case "ENV":
                for name, value in re.findall(r"(\w+)=(\S+)", step.rest):
                    path = self.environ.get("PATH", "")
                    self.environ[name] = self.here(value).replace("$PATH", path)
            case "RUN":
                command = step.rest
                if "useradd" in command:  # the user is the image's; its folders are ours
                    command = "install -d /recordings /opt/models"
                print(f"RUN {command}", flush=True)
                environ = self.environ | self._arguments
                words = ["/bin/sh", "-c", self.here(command)]
                subprocess.run(words, cwd=self.work, env=environ, check=True, timeout=STEP_S)


def serves(image: Image, command: list[str], health: list[str]) -> None:
    """The image's command comes up, its health check is content, and it ends at SIGTERM. Raises
    RuntimeError."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environ = image.environ | {"PARLEY_PORT": port, "PARLEY_TOKEN": "sixteen-letters-and-more"}
    with tempfile.TemporaryDirectory() as home:
        server = subprocess.Popen(command, cwd=home, env=environ)
        try:
            began_s = time.monotonic()
            while subprocess.run(health, cwd=home, env=environ, check=False, stderr=-3).returncode:
                if server.poll() is not None:
                    raise RuntimeError(f"the server ended with {server.returncode}")
                if time.monotonic() - began_s > READY_S:
                    raise RuntimeError(f"it was not healthy within {READY_S:.0f} s")
                time.sleep(1)
            print(f"healthy after {time.monotonic() - began_s:.1f} s", flush=True)
            server.send_signal(signal.SIGTERM)
            if code := server.wait(timeout=30):
                raise RuntimeError(f"SIGTERM ended it with {code}")
        finally:
            server.kill()
            server.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--models", default="", help="for `parley models pull`; default: none")
    parser.add_argument("--install", default=".", help="what pip installs; default: .")
    chosen = parser.parse_args()
    found = steps((ROOT / "Dockerfile").read_text())
    last = [step for step in found if step.stage == max(step.stage for step in found)]
    words = {step.word: step.rest for step in last}
    assert words["USER"] == "10001:10001", "the image runs as root"
    assert words["STOPSIGNAL"] == "SIGTERM"
    with tempfile.TemporaryDirectory() as folder:
        image = Image(Path(folder), {"MODELS": chosen.models, "INSTALL": chosen.install})
        try:
            for step in found:
                image.run(step)
            health = json.loads(words["HEALTHCHECK"].partition("CMD ")[2])
            serves(image, json.loads(words["CMD"]), health)
        except (subprocess.SubprocessError, RuntimeError) as problem:
            print(problem, file=sys.stderr)
            return 1
    print("every step of the Dockerfile works here")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A real browser with a microphone that plays what the test wants, and a server of its own."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import sys
import time
import urllib.request
import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from parley.audio.wav import read_wav
from parley.client.noises import NOISES, noise
from parley.client.noises import RATE_HZ as NOISE_RATE_HZ

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
AUDIO = Path(__file__).parents[2] / "examples" / "audio"
RATE_HZ = 48_000
START_S = 60.0

FAKE_DEVICE = ("--use-fake-device-for-media-stream", "--autoplay-policy=no-user-gesture-required")


def microphone_wav(path: Path, *parts: float | str) -> Path:
    """What the microphone hears: seconds of silence, recordings and noises by their names, other
    WAV files by their paths."""
    heard = []
    for part in parts:
        if isinstance(part, str):
            pcm16, rate_hz = _sound_or_file(part)
            samples = np.frombuffer(pcm16, "<i2").astype(float)
            count = len(samples) * RATE_HZ // rate_hz
            times = np.arange(count) * rate_hz / RATE_HZ
            heard.append(np.interp(times, np.arange(len(samples)), samples))
        else:
            heard.append(np.zeros(int(part * RATE_HZ)))
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        out.writeframes(np.concatenate(heard).astype("<i2").tobytes())
    return path


def microphone_flags(heard: Path | None = None, *, allow: bool = True) -> list[str]:
    """Chromium's, for a microphone that plays this file, once; without one it beeps. `allow` it to
    every page without asking."""
    flags = [*FAKE_DEVICE]
    if heard is not None:
        flags.append(f"--use-file-for-fake-audio-capture={heard}%noloop")
    if allow:
        flags.append("--use-fake-ui-for-media-stream")
    return flags


def _sound_or_file(part: str) -> tuple[bytes, int]:
    if part.endswith(".wav"):
        wav = read_wav(part)
        return wav.pcm16, wav.rate_hz
    return _sound(part)


def _sound(name: str) -> tuple[bytes, int]:
    """PCM16 and its rate in Hz."""
    if name in NOISES:
        return noise(name), NOISE_RATE_HZ
    with wave.open(str(AUDIO / f"{name}.wav")) as wav:
        return wav.readframes(wav.getnframes()), wav.getframerate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@dataclass
class Served:
    """`parley serve` in a process of its own, or another program that serves at a port."""

    port: int
    process: subprocess.Popen[bytes] | None = None
    command: Sequence[str] = ("-m", "parley", "serve", "--port")
    """For Python; the port is put behind it."""
    ca: Path | None = None
    """Whom to trust; None: it speaks no TLS."""

    @property
    def url(self) -> str:
        if self.ca is not None:
            return f"https://localhost:{self.port}/"
        return f"http://127.0.0.1:{self.port}/"

    def start(self) -> None:
        command = [sys.executable, *self.command, str(self.port)]
        self.process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until_s = time.monotonic() + START_S
        trusting = None if self.ca is None else ssl.create_default_context(cafile=str(self.ca))
        while time.monotonic() < until_s:
            try:
                with urllib.request.urlopen(
                    f"{self.url}ready", timeout=5, context=trusting
                ) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("the server did not become ready")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None


@contextmanager
def serving(*command: str) -> Iterator[Served]:
    """`parley serve`, or what this command for Python begins."""
    served = Served(free_port(), command=command) if command else Served(free_port())
    try:
        served.start()
        yield served
    finally:
        served.stop()


@contextmanager
def serving_secured(cert: Path, key: Path) -> Iterator[Served]:
    """`parley serve` by TLS."""
    with_tls = ("--tls-cert", str(cert), "--tls-key", str(key))
    command = ("-m", "parley", "serve", *with_tls, "--port")
    served = Served(free_port(), command=command, ca=cert)
    try:
        served.start()
        yield served
    finally:
        served.stop()


WATCH = """
window.told = [];
document.addEventListener("parley", ({ detail }) => {
  const { pcm16, ...rest } = detail;
  if (pcm16) rest.ms = (pcm16.length * 1000) / detail.rateHz;
  if (detail.type !== "level" || detail.loud) told.push({ ...rest, atMs: performance.now() });
});
"""

SEEN = """
window.seen = { lit: [], outcomes: [], levels: [], heard: [] };
addEventListener("DOMContentLoaded", () => {
  const note = (seen, what) => { if (what && what !== seen.at(-1)) seen.push(what); };
  const look = () => {
    note(seen.lit, document.querySelector("#conversation .lit")?.textContent);
    note(seen.outcomes, [...document.querySelectorAll(".tool")].at(-1)?.dataset.outcome);
  };
  const changes = { subtree: true, childList: true, attributes: true, characterData: true };
  new MutationObserver(look).observe(document.getElementById("conversation"), changes);
  const level = (id) => Number(document.getElementById(id).getAttribute("aria-valuenow"));
  setInterval(() => {
    seen.levels.push(level("level-played"));
    seen.heard.push(level("level-heard"));
  }, 10);
});
"""
"""Which words were lit and which outcomes the newest call of a tool had, in order: every one that
stood there, however slowly the test looks. And how the two levels stood, every 10 ms."""


@dataclass
class Tab:
    """One tab; `complaints` is what the browser did not like, `asked` what it requested."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    sockets: list[str] = field(default_factory=list)
    """The addresses of its WebSockets, in order."""

    def told(self, type_: str) -> list[dict[str, Any]]:
        """The page's events of a kind, so far. Of levels only the loud ones."""
        found: list[dict[str, Any]] = self.page.evaluate(
            "type => told.filter(event => event.type === type)", type_
        )
        return found

    def until(self, condition: str, timeout_s: float = 30.0) -> None:
        """Wait until this JavaScript is true."""
        until_s = time.monotonic() + timeout_s
        # Playwright's own waiting evaluates strings in the page, which its policy forbids.
        while not self.page.evaluate(condition):
            if time.monotonic() > until_s:
                told = self.page.evaluate("told.slice(-8)")
                raise AssertionError(f"not after {timeout_s:g} s: {condition}; told: {told}")
            self.page.wait_for_timeout(50)

    @contextmanager
    def settings(self) -> Iterator[None]:
        """With the drawer open."""
        self.page.click("#open-settings")
        yield
        self.page.click("#settings .close")

    def finals(self) -> list[str]:
        return [event["text"] for event in self.told("final")]


@contextmanager
def browsing(
    url: str,
    microphone: Path | None = None,
    *,
    script: str = "",
    allow: bool = True,
    **options: Any,
) -> Iterator[Tab]:
    """A tab that has opened the page. `script` runs before the page's own; `allow` the microphone
    without asking."""
    from playwright.sync_api import sync_playwright

    flags = ["--no-sandbox", *microphone_flags(microphone, allow=allow)]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM,
            args=flags,
        )
        try:
            page = browser.new_context(**options).new_page()
            tab = Tab(page)
            page.on("console", lambda message: tab.complaints.append(message.text))
            page.on("pageerror", lambda error: tab.complaints.append(str(error)))
            page.on("request", lambda request: tab.asked.append(request.url))
            page.on("websocket", lambda socket: tab.sockets.append(socket.url))
            page.add_init_script(WATCH + script)
            page.goto(url)
            yield tab
        finally:
            browser.close()

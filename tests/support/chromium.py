"""Debian's chromium without a window, led by its DevTools protocol."""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PATIENCE_S = 30


class Page:
    """One tab. What it complains about (errors, policies) is in `complaints`."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0
        self.complaints: list[str] = []
        self.requested: list[str] = []
        for domain in ("Runtime", "Log", "Page", "Network"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(timeout=PATIENCE_S))
            if message.get("id") == self._number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                result: dict[str, Any] = message["result"]
                return result
            self._event(message.get("method", ""), message.get("params", {}))

    def _event(self, method: str, params: dict[str, Any]) -> None:
        match method:
            case "Runtime.exceptionThrown":
                details = params["exceptionDetails"]
                thrown = details.get("exception", {}).get("description", "")
                self.complaints.append(thrown or details["text"])
            case "Runtime.consoleAPICalled":
                self.complaints.append(f"console: {params['args']}")
            case "Log.entryAdded":
                self.complaints.append(params["entry"]["text"])
            case "Network.requestWillBeSent":
                self.requested.append(params["request"]["url"])

    def open(self, at: Path | str) -> None:
        """A file or an address, until its script has run, or failed."""
        self.call("Page.navigate", url=at.as_uri() if isinstance(at, Path) else at)
        self.evaluate(
            "new Promise((done) => document.readyState === 'complete' ? done()"
            " : addEventListener('load', done))"
        )

    def go_behind(self) -> None:
        """Another tab comes to the front. (Playwright keeps every page of its own visible.)"""
        self.call("Target.createTarget", url="about:blank")

    def until(self, condition: str, timeout_s: float = PATIENCE_S) -> None:
        """Wait until this JavaScript is true."""
        until_s = time.monotonic() + timeout_s
        while not self.evaluate(condition):
            if time.monotonic() > until_s:
                raise AssertionError(f"not after {timeout_s:g} s: {condition}")
            time.sleep(0.05)

    def evaluate(self, expression: str) -> Any:
        """As a person's click would: with the right to play sound."""
        told = self.call(
            "Runtime.evaluate",
            expression=expression,
            awaitPromise=True,
            returnByValue=True,
            userGesture=True,
        )
        if "exceptionDetails" in told:
            raise RuntimeError(told["exceptionDetails"])
        return told["result"].get("value")

    def press(self, key: str, *, text: str = "") -> None:
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, text=text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def wheel(self, x: float, y: float, by: float) -> None:
        self.call("Input.dispatchMouseEvent", type="mouseWheel", x=x, y=y, deltaX=0, deltaY=by)

    def size(self, *, width: int, height: int, dark: bool = False) -> None:
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )

    def screenshot(self) -> bytes:
        self.evaluate("new Promise((d) => requestAnimationFrame(() => requestAnimationFrame(d)))")
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])


@contextmanager
def open_page(*flags: str) -> Iterator[Page]:
    """A tab of a browser that knows nothing and asks nobody for anything; with these flags of
    Chromium's."""
    assert CHROMIUM is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [
            *(CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--disable-component-update"),
            *("--remote-debugging-port=0", f"--user-data-dir={profile}", *flags, "about:blank"),
        ]
        log = Path(profile) / "log"
        with log.open("wb") as out, subprocess.Popen(command, stderr=out, stdout=out) as browser:
            try:
                port = _port(browser, log)
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=10) as told:
                    tabs = json.load(told)
                address = next(t["webSocketDebuggerUrl"] for t in tabs if t["type"] == "page")
                with connect(address, max_size=None, compression=None) as socket:
                    yield Page(socket)
            finally:
                browser.terminate()
                try:
                    browser.wait(10)
                except subprocess.TimeoutExpired:
                    browser.kill()


def _port(browser: subprocess.Popen[bytes], log: Path) -> str:
    until_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < until_s and browser.poll() is None:
        if found := re.search(r"DevTools listening on ws://[^:]+:(\d+)/", log.read_text("utf-8")):
            return found[1]
        time.sleep(0.05)
    raise RuntimeError(f"chromium did not start: {log.read_text('utf-8')[-500:]}")

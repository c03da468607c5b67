"""Debian's Firefox without a window, led by its own WebDriver BiDi: no driver stands between."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

FIREFOX = shutil.which("firefox-esr") or shutil.which("firefox")
PULSEAUDIO = shutil.which("pulseaudio")
START_S = 60.0
PATIENCE_S = 30.0

PREFERENCES = {
    "media.navigator.streams.fake": "true",  # a microphone that hums
    "media.navigator.permission.disabled": "true",  # and is allowed without asking
    "media.autoplay.default": "0",
    "app.update.enabled": "false",
    "browser.shell.checkDefaultBrowser": "false",
    "datareporting.policy.dataSubmissionEnabled": "false",
    "network.captive-portal-service.enabled": "false",
    "network.connectivity-service.enabled": "false",
}

KEYS = {"Escape": "\ue00c", "Space": " "}


class FirefoxPage:
    """One tab. What it complains about (errors, policies) is in `complaints`."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0
        self.complaints: list[str] = []
        self.call("session.new", capabilities={})
        self.call("session.subscribe", events=["log.entryAdded"])
        self._tab = self.call("browsingContext.getTree")["contexts"][0]["context"]

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        self._number += 1
        command = {"id": self._number, "method": method, "params": params}
        self._socket.send(json.dumps(command))
        while True:
            message = json.loads(self._socket.recv(timeout=PATIENCE_S))
            if message.get("method") == "log.entryAdded":
                self.complaints.append(message["params"]["text"])
            if message.get("id") == self._number:
                if message["type"] == "error":
                    raise RuntimeError(f"{method}: {message['message']}")
                result: dict[str, Any] = message["result"]
                return result

    def before_each_page(self, script: str) -> None:
        self.call("script.addPreloadScript", functionDeclaration=f"() => {{ {script} }}")

    def open(self, url: str) -> None:
        self.call("browsingContext.navigate", context=self._tab, url=url, wait="complete")

    def evaluate(self, expression: str) -> Any:
        """As a person's click would: with the right to play sound. What comes of it is JSON."""
        found = self.call(
            "script.evaluate",
            expression=f"Promise.resolve({expression}).then(x => JSON.stringify(x ?? null))",
            target={"context": self._tab},
            awaitPromise=True,
            userActivation=True,
        )
        if found["type"] != "success":
            raise RuntimeError(found["exceptionDetails"]["text"])
        return json.loads(found["result"]["value"])

    def until(self, condition: str, timeout_s: float = PATIENCE_S) -> None:
        """Wait until this JavaScript is true."""
        until_s = time.monotonic() + timeout_s
        while not self.evaluate(f"Boolean({condition})"):
            if time.monotonic() > until_s:
                told = self.evaluate("told.slice(-8)")
                raise AssertionError(f"not after {timeout_s:g} s: {condition}; told: {told}")
            time.sleep(0.05)

    def press(self, key: str) -> None:
        value = KEYS.get(key, key)
        press = [{"type": kind, "value": value} for kind in ("keyDown", "keyUp")]
        source = {"type": "key", "id": "keys", "actions": press}
        self.call("input.performActions", context=self._tab, actions=[source])

    def type(self, text: str) -> None:
        for key in text:
            self.press(key)


@contextmanager
def loudspeaker() -> Iterator[str]:
    """One that nobody hears, for Firefox: without any it starts no sound. Its address."""
    assert PULSEAUDIO is not None
    with tempfile.TemporaryDirectory() as folder:
        socket = Path(folder) / "native"
        listen = f"module-native-protocol-unix socket={socket} auth-anonymous=1"
        command = [PULSEAUDIO, "-n", "--daemonize=no", "--exit-idle-time=-1", "--disable-shm=yes"]
        command += ["--use-pid-file=no", "-L", "module-null-sink", "-L", listen]
        quiet = subprocess.DEVNULL
        with subprocess.Popen(command, stdout=quiet, stderr=quiet) as server:
            try:
                until_s = time.monotonic() + START_S
                while not socket.exists() and time.monotonic() < until_s:
                    time.sleep(0.05)
                yield f"unix:{socket}"
            finally:
                server.terminate()


@contextmanager
def open_firefox(speaker: str) -> Iterator[FirefoxPage]:
    """A tab of a Firefox that knows nothing, with a fake microphone and this loudspeaker."""
    assert FIREFOX is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        lines = [f'user_pref("{name}", {value});\n' for name, value in PREFERENCES.items()]
        Path(profile, "user.js").write_text("".join(lines))
        command = [FIREFOX, "--headless", "--no-remote", "--profile", profile]
        command += ["--remote-debugging-port", "0", "about:blank"]
        log = Path(profile) / "log"
        with (
            log.open("wb") as out,
            subprocess.Popen(
                command, stdout=out, stderr=out, env={**os.environ, "PULSE_SERVER": speaker}
            ) as browser,
        ):
            try:
                address = f"{_address(browser, log)}/session"
                with connect(address, max_size=None, compression=None, proxy=None) as socket:
                    yield FirefoxPage(socket)
            finally:
                browser.terminate()
                try:
                    browser.wait(10)
                except subprocess.TimeoutExpired:
                    browser.kill()


def _address(browser: subprocess.Popen[bytes], log: Path) -> str:
    until_s = time.monotonic() + START_S
    while time.monotonic() < until_s and browser.poll() is None:
        told = log.read_text("utf-8", "replace")
        if found := re.search(r"WebDriver BiDi listening on (ws://\S+)", told):
            return found[1]
        time.sleep(0.1)
    raise RuntimeError(f"firefox did not start: {log.read_text('utf-8', 'replace')[-500:]}")

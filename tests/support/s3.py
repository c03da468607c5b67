"""A server that speaks as S3 does, from moto, in a process of its own on loopback."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.error import URLError
from urllib.request import Request, urlopen
from xml.etree import ElementTree

import pytest

from parley.client.server_process import free_port

BUCKET = "recordings"
START_S = 30.0
NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"

WANTED = ("moto", "flask_cors", "obstore")

needs_s3 = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in WANTED),
    reason="pip install '.[test]'",
)


@dataclass(frozen=True, slots=True)
class S3:
    port: int
    secret: str = "canary-secret-of-s3"

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "somebody",
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_REGION": "eu-central-1",
        }

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)

    def url(self, folder: str = "") -> str:
        return f"s3://{BUCKET}/{folder}"

    def names(self) -> list[str]:
        with urlopen(f"{self.endpoint}/{BUCKET}?list-type=2", timeout=10) as answer:
            found = ElementTree.fromstring(answer.read())
        return [key.text or "" for key in found.iter(f"{NAMESPACE}Key")]


@contextmanager
def s3_server() -> Iterator[S3]:
    """With one empty bucket."""
    server = S3(free_port())
    words = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(server.port)]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        limit_s = time.monotonic() + START_S
        while True:
            try:
                urlopen(Request(f"{server.endpoint}/{BUCKET}", method="PUT"), timeout=5).close()
                break
            except (URLError, OSError):
                if time.monotonic() > limit_s or process.poll() is not None:
                    raise
                time.sleep(0.1)
        yield server
    finally:
        process.kill()
        process.wait()

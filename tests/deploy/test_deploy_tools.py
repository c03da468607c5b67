"""deploy/ before the programs that will read it, where they are here."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import trio

from parley.bench.instant import instant_engines
from parley.client.health import problem
from parley.client.server_process import free_port
from parley.config import Settings
from parley.engines.room import EngineRoom, open_engine_room
from parley.server.tree import Server, open_listeners
from support.certificates import certificate
from support.live_server import HOST

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
LIMIT_S = 120.0


def program(name: str) -> str:
    """Its path; skips the test where it is not installed."""
    here = str(Path(sys.executable).parent)
    found = shutil.which(name) or shutil.which(name, path=f"{here}:/usr/sbin:/usr/local/bin")
    if found is None:
        pytest.skip(f"{name} is not installed here")
    return found


def told(name: str, *arguments: str, cwd: Path = ROOT, **environ: str) -> str:
    """What the program says; it must be content."""
    done = subprocess.run(
        [program(name), *arguments],
        cwd=cwd,
        env={"PATH": os.environ["PATH"], **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    """Certificate and key in one file."""
    pair = certificate(tmp_path)
    both = tmp_path / "both.pem"
    both.write_bytes(pair.cert.read_bytes() + pair.key.read_bytes())
    return both


def test_haproxy_takes_its_configuration(tmp_path: Path, pem: Path) -> None:
    text = (DEPLOY / "haproxy.cfg").read_text()
    assert text.count("/etc/haproxy/certs/") == 1
    file = tmp_path / "haproxy.cfg"
    file.write_text(text.replace("/etc/haproxy/certs/", str(pem)))
    said = told("haproxy", "-c", "-f", str(file), PARLEY_NODES="parley")
    assert "valid" in said
    assert "WARNING" not in said


def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    pair = certificate(tmp_path)
    text = (DEPLOY / "nginx.conf").read_text()
    places = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = "".join(f"{place}_temp_path {tmp_path}/{place};\n" for place in places)
    for old, new in {
        "http {\n": f"http {{\n{folders}",
        "/etc/nginx/certs/fullchain.pem": str(pair.cert),
        "/etc/nginx/certs/privkey.pem": str(pair.key),
        "/var/log/nginx": str(tmp_path),
        "listen 80;": f"listen {HOST}:{free_port()};",
        "listen 443 ssl;": f"listen {HOST}:{free_port()} ssl;",
    }.items():
        assert old in text
        text = text.replace(old, new)
    file = tmp_path / "nginx.conf"
    file.write_text(f"pid {tmp_path}/nginx.pid;\nerror_log stderr;\n{text}")
    said = told("nginx", "-t", "-c", str(file), "-p", str(tmp_path))
    assert "successful" in said
    assert "[warn]" not in said


def test_prometheus_takes_rules_and_scrapes(tmp_path: Path) -> None:
    folder = tmp_path / "prometheus"
    shutil.copytree(DEPLOY / "prometheus", folder)
    (folder / "secrets").mkdir()
    (folder / "secrets/admin_token").write_text("a token\n")
    assert "SUCCESS" in told("promtool", "check", "config", str(folder / "prometheus.yml"))
    assert "SUCCESS" in told("promtool", "test", "rules", str(folder / "rules_test.yml"))


def test_the_dockerfile_passes_its_linter() -> None:
    assert told("hadolint", "Dockerfile") == ""


@pytest.mark.slow
@pytest.mark.parametrize("file", ["parley", "balancer", "limits"])
def test_kubernetes_takes_the_manifests(file: str) -> None:
    path = DEPLOY / f"kubernetes/{file}.yaml"
    said = told("kubernetes-validate", "--strict", "-k", "1.30", str(path))
    assert len(re.findall("passed", said)) == path.read_text().count("\nkind: ")


@pytest.mark.parametrize("tls", [False, True])
async def test_a_containers_health_check_with_and_without_tls(
    tls: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair = certificate(tmp_path)
    lock = {"parley_tls_cert": str(pair.cert), "parley_tls_key": str(pair.key)} if tls else {}
    settings = Settings.defaults(ws_max_connections=1, **lock)
    with trio.fail_after(30):
        async with open_engine_room(settings, instant_engines()) as room:
            server = Server(settings, room)
            listeners = await open_listeners(HOST, 0)
            port = str(listeners[0].socket.getsockname()[1])
            environ = {"PARLEY_PORT": port, **({"PARLEY_TLS_CERT": "cert.pem"} if tls else {})}
            async with trio.open_nursery() as nursery:
                await nursery.start(server.run, listeners)
                assert await trio.to_thread.run_sync(problem, environ) == ""
                monkeypatch.setattr(EngineRoom, "not_ready", lambda room: ["recognizer: no model"])
                assert await trio.to_thread.run_sync(problem, environ) == "recognizer: no model"
                nursery.cancel_scope.cancel()
            assert "no answer" in await trio.to_thread.run_sync(problem, environ)


def test_the_health_check_is_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "parley.client.health"],
        env={"PARLEY_PORT": str(free_port())},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "no answer from the server (ConnectionRefusedError)\n"

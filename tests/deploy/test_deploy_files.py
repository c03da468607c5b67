"""deploy/ keeps its word: what it sets exists, what belongs together agrees, nothing is open."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from parley.config import load_settings
from parley.config.variables import Variables
from parley.server.access import doors
from parley.server.status import Status
from parley.telemetry import COUNTS, STAGES

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())
YAMLS = [path for path in FILES if path.suffix in (".yaml", ".yml")]
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
TEXTS = [*FILES, ROOT / "Dockerfile"]

SETTINGS = {name.upper() for name in Variables.model_fields}
OURS = re.compile(r"\b(?:PARLEY|STREAM|WS|VAD|AUDIO)_[A-Z][A-Z0-9_]*\b")
NO_SETTINGS = {"PARLEY_NODES", "PARLEY_ADMIN", "PARLEY_TOKEN"}
"""Of HAProxy's own configuration, and beginnings of names."""
SECRETS = re.compile(r"(TOKEN|PASSWORD|SECRET|_KEY)$")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def documents(path: Path) -> tuple[dict[str, Any], ...]:
    return tuple(document for document in yaml.safe_load_all(path.read_text()) if document)


def compose() -> dict[str, Any]:
    (document,) = documents(DEPLOY / "compose.yaml")
    return document


def manifests() -> dict[tuple[str, str], dict[str, Any]]:
    """By kind and name."""
    return {
        (document["kind"], document["metadata"]["name"]): document
        for path in sorted((DEPLOY / "kubernetes").glob("*.yaml"))
        for document in documents(path)
        if "metadata" in document
    }


def pod(name: str = "parley") -> dict[str, Any]:
    return cast("dict[str, Any]", manifests()["Deployment", name]["spec"]["template"]["spec"])


def container(name: str = "parley") -> dict[str, Any]:
    (found,) = pod(name)["containers"]
    return cast("dict[str, Any]", found)


def of_compose() -> dict[str, str]:
    return dict(compose()["services"]["parley"]["environment"])


def of_kubernetes() -> dict[str, str]:
    found = {each["name"]: each.get("value", "parley-abc") for each in container()["env"]}
    return {
        name: value.replace("$(POD_IP)", "10.1.2.3").replace("$(PARLEY_NODE)", "parley-abc")
        for name, value in found.items()
    }


def of_unit(path: Path) -> dict[str, str]:
    lines = re.findall(r"^Environment=(\w+)=(.*)$", path.read_text(), re.MULTILINE)
    return dict(lines)


def of_image() -> dict[str, str]:
    last = (ROOT / "Dockerfile").read_text().rpartition("\nFROM ")[2]
    return dict(re.findall(r"(\w+)=(\S+)", last.partition("ENV ")[2].partition("\nUSER")[0]))


PLACES: dict[str, dict[str, str]] = {
    "Dockerfile": of_image(),
    "compose": of_compose(),
    "kubernetes": of_kubernetes(),
    **{path.name: of_unit(path) for path in UNITS},
}


# Files


@pytest.mark.parametrize("path", YAMLS, ids=named)
def test_yaml_parses(path: Path) -> None:
    assert documents(path)


@pytest.mark.parametrize("path", TEXTS, ids=named)
def test_every_variable_of_ours_is_a_setting(path: Path) -> None:
    found = {name for name in OURS.findall(path.read_text()) if not name.endswith("_")}
    assert found - SETTINGS - NO_SETTINGS == set()


@pytest.mark.parametrize("path", FILES, ids=named)
def test_no_file_holds_a_secret_or_a_host_of_somebody(path: Path) -> None:
    text = path.read_text()
    assert re.findall(r"BEGIN [A-Z ]*PRIVATE KEY", text) == []
    for name, value in re.findall(r"\b([A-Z][A-Z0-9_]+)\s*[:=]\s*[\"']?([^\s\"']+)", text):
        assert not SECRETS.search(name), f"{name}={value}"
    hosts = set(re.findall(r"https?://([\w.\-]+)", text))
    assert {host for host in hosts if "." in host and not host.endswith(".example.org")} <= {
        "172.30.84.0"
    }


@pytest.mark.parametrize("place", PLACES)
def test_what_is_set_may_be_set(place: str) -> None:
    given = {name: value for name, value in PLACES[place].items() if name in SETTINGS}
    settings = load_settings(given, environ={}, env_file=None)
    assert settings.warnings == ()
    assert len(given) >= 3


# Images and rights


def images() -> Iterator[tuple[str, str]]:
    for name, service in compose()["services"].items():
        yield f"compose {name}", service["image"]
    for (kind, name), document in manifests().items():
        if kind == "Deployment":
            spec = document["spec"]["template"]["spec"]
            for each in (*spec.get("initContainers", ()), *spec["containers"]):
                yield f"{name} {each['name']}", each["image"]


@pytest.mark.parametrize(("where", "image"), list(images()))
def test_an_image_has_a_version(where: str, image: str) -> None:
    tag = image.rpartition(":")[2]
    assert tag != image and tag != "latest" and "/" not in tag, where


def test_nothing_of_ours_runs_as_root_or_with_rights() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER 10001:10001$", dockerfile, re.MULTILINE)
    assert re.search(r"^STOPSIGNAL SIGTERM$", dockerfile, re.MULTILINE)
    assert dockerfile.count("\nFROM ") == 2, "what builds is not in the image"
    assert not re.search(r"^(?:ARG|ENV).*(?:TOKEN|PASSWORD|SECRET|_KEY)", dockerfile, re.MULTILINE)
    for name in ("parley", "haproxy"):
        assert pod(name)["securityContext"]["runAsNonRoot"] is True
        assert pod(name)["securityContext"]["runAsUser"] > 0
        assert pod(name)["automountServiceAccountToken"] is False
        for each in (*pod(name).get("initContainers", ()), *pod(name)["containers"]):
            rights = each["securityContext"]
            assert rights["capabilities"] == {"drop": ["ALL"]}
            assert rights["readOnlyRootFilesystem"] is True
            assert rights["allowPrivilegeEscalation"] is False
            assert each["resources"]["limits"]["memory"]
    for name in ("parley", "haproxy"):
        service = compose()["services"][name]
        assert service["cap_drop"] == ["ALL"]
        assert "no-new-privileges:true" in service["security_opt"]
    for unit in UNITS:
        assert "NoNewPrivileges=yes" in unit.read_text()
        assert re.search(r"^User=parley$", unit.read_text(), re.MULTILINE)


def test_only_the_balancer_is_published() -> None:
    services = compose()["services"]
    open_to_all = {
        name
        for name, service in services.items()
        for port in service.get("ports", ())
        if not port.startswith("127.0.0.1:")
    }
    assert open_to_all == {"haproxy"}
    assert set(services["haproxy"]["networks"]) & set(services["parley"]["networks"]) == {"front"}
    shared = set(services["prometheus"]["networks"]) & set(services["parley"]["networks"])
    assert len(shared) == 1, "a server would be found twice"
    figures = re.search(r"^frontend figures\n\s+bind :(\d+)", haproxy(), re.MULTILINE)
    assert figures is not None
    assert figures[1] not in "".join(services["haproxy"]["ports"])


def test_what_compose_names_is_declared() -> None:
    whole = compose()
    for name, service in whole["services"].items():
        assert set(service["networks"]) <= set(whole["networks"]), name
        for volume in service.get("volumes", ()):
            source = volume.partition(":")[0]
            assert source in whole["volumes"] or source.startswith("./"), f"{name}: {source}"
            if source.startswith("./") and source not in ("./certs", "./secrets"):
                assert (DEPLOY / source).exists(), source


# What belongs together


def haproxy() -> str:
    return (DEPLOY / "haproxy.cfg").read_text()


def test_ports_agree() -> None:
    port = str(Variables.model_fields["parley_port"].default)
    agent = re.search(r"agent-port (\d+)", haproxy())
    assert agent is not None
    assert f':{port}" resolvers' in haproxy()
    assert PLACES["Dockerfile"]["PARLEY_PORT"] == port
    for place in ("compose", "kubernetes"):
        assert PLACES[place]["PARLEY_AGENT_PORT"] == agent[1]
        assert "PARLEY_PORT" not in PLACES[place]
    ports = {each["name"]: each["containerPort"] for each in container()["ports"]}
    assert ports == {"talk": int(port), "agent": int(agent[1]), "admin": 9090}
    service = manifests()["Service", "parley-nodes"]["spec"]
    assert {each["name"]: each["port"] for each in service["ports"]} == ports
    assert service["publishNotReadyAddresses"] is True
    (scraped,) = [
        job
        for job in documents(DEPLOY / "prometheus/prometheus.yml")[0]["scrape_configs"]
        if job["job_name"] == "parley"
    ]
    assert scraped["dns_sd_configs"][0]["port"] == ports["admin"]
    assert PLACES["compose"]["PARLEY_ADMIN_PORT"] == str(ports["admin"])
    nodes = re.search(r"server-template node- (\d+)", haproxy())
    assert nodes is not None
    assert manifests()["HorizontalPodAutoscaler", "parley"]["spec"]["maxReplicas"] == int(nodes[1])


def seconds(text: str) -> float:
    return float(text.removesuffix("s"))


def test_whoever_stops_a_server_waits_longer_than_it_drains() -> None:
    assert seconds(compose()["services"]["parley"]["stop_grace_period"]) >= 10 + float(
        PLACES["compose"]["STREAM_DRAIN_S"]
    )
    before = float(container()["lifecycle"]["preStop"]["exec"]["command"][1])
    drain = float(PLACES["kubernetes"]["STREAM_DRAIN_S"])
    assert pod()["terminationGracePeriodSeconds"] >= before + drain + 10
    assert pod("haproxy")["terminationGracePeriodSeconds"] > drain
    for unit in UNITS:
        stop = re.search(r"^TimeoutStopSec=(\d+)$", unit.read_text(), re.MULTILINE)
        assert stop is not None
        default = Variables.model_fields["stream_drain_s"].default
        assert float(stop[1]) >= 10 + float(PLACES[unit.name].get("STREAM_DRAIN_S", default))
    obsolete = re.search(r"hold obsolete (\d+)s", haproxy())
    assert obsolete is not None
    assert float(obsolete[1]) > drain


def test_probes_ask_what_there_is_and_the_right_thing() -> None:
    routes = {path for _, path in Status.routes.fget(object.__new__(Status))}  # type: ignore[attr-defined]
    probes = {
        name: container()[f"{name}Probe"]["httpGet"]["path"]
        for name in ("startup", "readiness", "liveness")
    }
    assert probes == {"startup": "/health", "readiness": "/ready", "liveness": "/health"}
    assert set(probes.values()) <= routes
    assert re.search(r"uri (\S+)", haproxy())[1] in routes  # type: ignore[index]


def test_administration_is_not_behind_the_public_door() -> None:
    exact = {path for path, door in doors._EXACT.items() if door is doors.Door.ADMIN}
    below = {f"{path}/" for path, door in doors._BELOW.items() if door is doors.Door.ADMIN}
    denied = re.search(r"deny_status 404 if \{ path (.*?) \}", haproxy())
    beginning = re.search(r"deny_status 404 if \{ path_beg (.*?) \}", haproxy())
    assert denied is not None and beginning is not None
    assert set(denied[1].split()) == exact
    assert set(beginning[1].split()) == below
    nginx = (DEPLOY / "nginx.conf").read_text()
    assert set(re.findall(r"location = (\S+) \{ return 404; \}", nginx)) == exact
    assert set(re.findall(r"location (/\S+) \{ return 404; \}", nginx)) == below


def test_tunnels_last_longer_than_pings_are_apart() -> None:
    ping_s = Variables.model_fields["ws_ping_interval"].default
    tunnel = re.search(r"timeout tunnel (\d+)h", haproxy())
    read = re.search(r"proxy_read_timeout (\d+)s", (DEPLOY / "nginx.conf").read_text())
    assert tunnel is not None and read is not None
    assert min(int(tunnel[1]) * 3600, int(read[1])) > 4 * ping_s


def test_it_grows_by_who_talks_and_never_loses_more_than_one() -> None:
    spec = manifests()["HorizontalPodAutoscaler", "parley"]["spec"]
    (metric,) = spec["metrics"]
    assert metric["pods"]["metric"]["name"] in recorded()
    limit = Variables.model_fields["stream_max_talking_share"].default
    assert int(metric["pods"]["target"]["averageValue"].removesuffix("m")) / 1000 < limit
    assert spec["minReplicas"] >= 2
    assert spec["behavior"]["scaleDown"]["policies"][0]["value"] == 1
    for name in ("parley", "haproxy"):
        budget = manifests()["PodDisruptionBudget", name]["spec"]
        assert budget["maxUnavailable"] == 1
        labels = manifests()["Deployment", name]["spec"]["template"]["metadata"]["labels"]
        assert budget["selector"]["matchLabels"].items() <= labels.items()
        policy = manifests()["NetworkPolicy", name]["spec"]
        assert policy["podSelector"]["matchLabels"].items() <= labels.items()
    assert container()["envFrom"] == [{"secretRef": {"name": "parley"}}]


# Figures


def rules() -> list[dict[str, Any]]:
    groups = documents(DEPLOY / "prometheus/rules.yml")[0]["groups"]
    return [rule for group in groups for rule in group["rules"]]


def recorded() -> set[str]:
    return {rule["record"] for rule in rules() if "record" in rule}


@cache
def exported() -> frozenset[str]:
    """The names of everything that a server tells Prometheus."""
    sources = "".join(path.read_text() for path in (ROOT / "server").rglob("*.py"))
    gauges = re.findall(r"\b(?:gauges?|by_lane)\(\s*\"(\w+)\"", sources)
    telemetry = (ROOT / "telemetry.py").read_text()
    counters = re.findall(r"Counter\(\s*\"parley_(\w+)\"", telemetry)
    histogram = {f"parley_stage_seconds_{part}" for part in ("bucket", "sum", "count")}
    counted = {f"parley_{name}_total" for name in (*COUNTS, *counters)}
    return frozenset({f"parley_{name}" for name in gauges} | counted | histogram)


def expressions() -> Iterator[tuple[str, str]]:
    for rule in rules():
        yield rule.get("alert") or rule["record"], rule["expr"]
    board = json.loads((DEPLOY / "grafana/dashboards/parley.json").read_text())
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            yield f"panel {panel['title']}", target["expr"]


@pytest.mark.parametrize(("where", "expression"), list(expressions()))
def test_a_figure_that_is_asked_for_is_one(where: str, expression: str) -> None:
    names = set(re.findall(r"\bparley[_:][\w:]+", expression))
    assert names - exported() - recorded() == set(), where
    for stages in re.findall(r"\bstage=~?\"([^\"]+)\"", expression):
        assert set(stages.split("|")) <= set(STAGES), where
    for reasons in re.findall(r"\breason=~?\"([^\"]+)\"", expression):
        refusals = (ROOT / "server/load/admission.py").read_text()
        assert all(f'Refusal("{reason}"' in refusals for reason in reasons.split("|")), where


def test_every_alert_says_what_it_means_and_what_to_do() -> None:
    alerts = [rule for rule in rules() if "alert" in rule]
    assert len({rule["alert"] for rule in alerts}) == len(alerts) >= 10
    for rule in alerts:
        assert re.fullmatch(r"\d+[sm]", rule["for"]), rule["alert"]
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert rule["annotations"]["summary"].endswith(".")
        assert len(rule["annotations"]["action"]) > 20
        if rule["labels"]["severity"] == "page":
            assert rule["for"] != "0m", "nobody is woken for a moment"


def test_the_dashboard_is_complete() -> None:
    board = json.loads((DEPLOY / "grafana/dashboards/parley.json").read_text())
    panels = [panel for panel in board["panels"] if panel["type"] != "row"]
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    titles = [panel["title"] for panel in panels]
    assert len(set(titles)) == len(titles) >= 15
    for panel in panels:
        assert panel["targets"] and all(target["expr"] for target in panel["targets"])
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
    for source in documents(DEPLOY / "grafana/provisioning/datasources/prometheus.yaml")[0][
        "datasources"
    ]:
        assert source["type"] == "prometheus"

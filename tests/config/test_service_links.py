"""What Kubernetes says of a Service that is named like a prefix of ours is no setting."""

from __future__ import annotations

import pytest

from parley.config import SettingsError, load_settings

PARLEY = {
    "PARLEY_PORT": "tcp://10.0.0.1:8084",
    "PARLEY_SERVICE_HOST": "10.0.0.1",
    "PARLEY_SERVICE_PORT": "8084",
    "PARLEY_SERVICE_PORT_HTTP_WEB": "8084",
    "PARLEY_PORT_8084_TCP": "tcp://10.0.0.1:8084",
    "PARLEY_PORT_8084_TCP_PROTO": "tcp",
    "PARLEY_PORT_8084_TCP_PORT": "8084",
    "PARLEY_PORT_8084_TCP_ADDR": "10.0.0.1",
}


def test_a_service_named_parley_is_told_in_one_line_and_passed_over() -> None:
    settings = load_settings(env_file=None, environ=PARLEY)
    assert settings.serving.port == 8084
    (warning,) = settings.warnings
    assert warning.startswith("PARLEY_PORT: an address of a Kubernetes Service")
    assert "--port" in warning


def test_an_override_is_heard_beside_it() -> None:
    settings = load_settings({"parley_port": 9000}, env_file=None, environ=PARLEY)
    assert settings.serving.port == 9000


def test_another_port_of_ours_and_two_services_at_once() -> None:
    environ = PARLEY | {
        "PARLEY_ENGINE_PORT": "tcp://10.0.0.2:8765",
        "PARLEY_ENGINE_SERVICE_HOST": "10.0.0.2",
        "PARLEY_ENGINE_SERVICE_PORT": "8765",
    }
    (warning,) = load_settings(env_file=None, environ=environ).warnings
    assert warning.startswith("PARLEY_ENGINE_PORT, PARLEY_PORT: ")


def test_a_service_with_a_prefix_of_ours_is_nobodys_setting() -> None:
    environ = {
        "STREAM_PORT": "udp://10.0.0.1:53",
        "STREAM_SERVICE_HOST": "10.0.0.1",
        "STREAM_PORT_53_UDP_ADDR": "10.0.0.1",
    }
    assert load_settings(env_file=None, environ=environ).warnings == ()


def test_our_own_settings_stay_and_so_do_mistakes() -> None:
    environ = PARLEY | {"PARLEY_HOST": "0.0.0.0", "PARLEY_PROT": "1"}
    settings = load_settings(env_file=None, environ=environ)
    assert settings.serving.host == "0.0.0.0"
    assert [warning.partition(":")[0] for warning in settings.warnings] == [
        *("PARLEY_PORT", "PARLEY_PROT"),
    ]


@pytest.mark.parametrize("port", ["http://10.0.0.1:8084", "10.0.0.1:8084", "eighty"])
def test_what_is_no_service_is_refused_as_ever(port: str) -> None:
    with pytest.raises(SettingsError, match="PARLEY_PORT"):
        load_settings(env_file=None, environ={"PARLEY_PORT": port})


def test_a_host_may_stand_in_brackets() -> None:
    environ = {"PARLEY_HOST": "[::1]"}
    assert load_settings(env_file=None, environ=environ).serving.host == "::1"

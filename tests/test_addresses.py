"""Hosts as people write them, and as they stand in URLs."""

from __future__ import annotations

import pytest

from parley.addresses import is_loopback, place_of, url_of, without_brackets


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "ws://127.0.0.1:8084"),
        ("0.0.0.0", "ws://127.0.0.1:8084"),
        ("::", "ws://[::1]:8084"),
        ("[::]", "ws://[::1]:8084"),
        ("::1", "ws://[::1]:8084"),
        ("[::1]", "ws://[::1]:8084"),
        ("fe80::1%eth0", "ws://[fe80::1%eth0]:8084"),
        ("voice.example.org", "ws://voice.example.org:8084"),
    ],
)
def test_a_url_can_be_opened(host: str, url: str) -> None:
    assert url_of("ws", host, 8084) == url


def test_a_place_has_brackets_where_it_needs_them() -> None:
    assert place_of("::", 1) == "[::]:1"
    assert place_of("[::1]", 1) == "[::1]:1"
    assert place_of("10.0.0.1", 1) == "10.0.0.1:1"


def test_brackets_are_a_urls_and_not_the_addresss() -> None:
    assert without_brackets(" [::1] ") == "::1"
    assert without_brackets("[::1") == "[::1"


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST",
        "page.localhost",
        "127.0.0.1",
        "127.8.9.1",
        "::1",
        "[::1]",
        "::ffff:127.0.0.1",
    ],
)
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host",
    ["", "0.0.0.0", "::", "10.0.0.1", "127.0.0.1.example.org", "localhost.example.org", "127.1"],
)
def test_any_other_name_may_lead_anywhere(host: str) -> None:
    assert not is_loopback(host)

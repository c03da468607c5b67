"""Names, pages and addresses: what a browser may have been told, and by whom."""

from __future__ import annotations

import pytest

from parley.addresses import counted_as, host_name, is_loopback
from parley.config.kinds import networks_of
from parley.server.access.addresses import client_address
from parley.server.access.origins import Origins
from parley.server.http.head import BadRequest, Head, HeadParser

LOCAL = Origins(hosts={"127.0.0.1"}, only_loopback=True)
OPEN = Origins(hosts={"0.0.0.0", "voice.example.org"}, only_loopback=False)
ANYWHERE = Origins(hosts=None, only_loopback=False, pages={"https://app.example.org"})


def head(*lines: str, method: str = "GET", host: str | None = "localhost:8084") -> Head:
    named = [] if host is None else [f"Host: {host}"]
    text = "\r\n".join([f"{method} /ws HTTP/1.1", *named, *lines, "", ""])
    found = HeadParser().feed(text.encode("latin-1"))
    if found is None:
        raise AssertionError("not a whole head")
    return found


def status_of(check: Origins, *lines: str, method: str = "GET", host: str = "localhost") -> int:
    """200 where nothing is refused."""
    try:
        asked = head(*lines, method=method, host=host)
        check.check_host(asked)
        check.check_origin(asked)
    except BadRequest as refused:
        return refused.status
    return 200


@pytest.mark.parametrize(
    ("policy", "host", "status"),
    [
        *((LOCAL, host, 200) for host in ("localhost", "LOCALHOST:1", "127.0.0.1:8084", "[::1]:8")),
        *((LOCAL, host, 200) for host in ("127.9.9.9", "parley.localhost:8084", "localhost.")),
        *((LOCAL, host, 421) for host in ("evil.example.org", "evil.example.org:8084")),
        *((LOCAL, host, 421) for host in ("localhost.evil.example.org", "127.0.0.1.example.org")),
        *((LOCAL, host, 421) for host in ("10.0.0.1", "voice", "2130706433", "")),
        *((OPEN, host, 200) for host in ("10.0.0.1:8084", "[fe80::1]", "voice.example.org", "::1")),
        *((OPEN, host, 421) for host in ("evil.example.org", "voice.example.org.evil.org")),
        *((ANYWHERE, host, 200) for host in ("evil.example.org", "anything")),
    ],
)
def test_under_which_names_a_server_answers(policy: Origins, host: str, status: int) -> None:
    if host == "::1":
        host = "[::1]"
    assert status_of(policy, host=host) == status


@pytest.mark.parametrize(
    ("policy", "origin", "host", "status"),
    [
        (LOCAL, "http://localhost:8084", "localhost:8084", 200),
        (LOCAL, "http://127.0.0.1:8084", "127.0.0.1:8084", 200),
        (LOCAL, "HTTP://LocalHost:8084", "localhost:8084", 200),
        (LOCAL, "http://localhost", "localhost", 200),
        (LOCAL, "http://localhost:80", "localhost", 200),
        (LOCAL, "http://localhost:3000", "localhost:8084", 403),
        (LOCAL, "http://127.0.0.1:8084", "localhost:8084", 403),
        (LOCAL, "https://evil.example.org", "localhost:8084", 403),
        (LOCAL, "null", "localhost:8084", 403),
        (LOCAL, "", "localhost:8084", 403),
        (LOCAL, "file://", "localhost:8084", 403),
        (LOCAL, "http://", "localhost:8084", 403),
        (LOCAL, "http://localhost:8084.evil.example.org", "localhost:8084", 403),
        (LOCAL, "http://evil.example.org#localhost:8084", "localhost:8084", 403),
        (LOCAL, "http://user@localhost:8084", "localhost:8084", 403),
        (OPEN, "https://voice.example.org", "voice.example.org", 200),
        (OPEN, "https://voice.example.org:443", "voice.example.org", 200),
        (OPEN, "https://voice.example.org", "voice.example.org:443", 200),
        (OPEN, "https://voice.example.org:8443", "voice.example.org", 403),
        (ANYWHERE, "https://app.example.org", "voice.example.org", 200),
        (ANYWHERE, "https://APP.example.org/", "voice.example.org", 200),
        (ANYWHERE, "http://app.example.org", "voice.example.org", 403),
        (ANYWHERE, "https://app.example.org.evil.org", "voice.example.org", 403),
        (Origins(hosts=None, only_loopback=False, pages={"*"}), "null", "a", 200),
    ],
)
def test_which_pages_may_use_a_server(policy: Origins, origin: str, host: str, status: int) -> None:
    for method in ("GET", "POST"):
        assert status_of(policy, f"Origin: {origin}", method=method, host=host) == status


@pytest.mark.parametrize(
    ("method", "site", "status"),
    [
        ("POST", "cross-site", 403),
        ("POST", "same-origin", 200),
        ("POST", "none", 200),
        ("GET", "cross-site", 200),
    ],
)
def test_a_form_of_another_page_without_an_origin(method: str, site: str, status: int) -> None:
    assert status_of(LOCAL, f"Sec-Fetch-Site: {site}", method=method) == status


def test_programs_are_no_pages() -> None:
    assert status_of(LOCAL) == 200


@pytest.mark.parametrize(
    ("text", "name", "local"),
    [
        ("localhost:80", "localhost", True),
        ("[::1]:80", "::1", True),
        ("[::ffff:127.0.0.1]", "::ffff:127.0.0.1", True),
        ("a.b.:1", "a.b", False),
        ("[", "", False),
        ("a:b:c", "a", False),
    ],
)
def test_names_and_addresses(text: str, name: str, local: bool) -> None:
    assert host_name(text) == name
    assert is_loopback(name) is local


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "address"),
    [
        ("10.0.0.9", "1.2.3.4", "", "10.0.0.9"),
        ("10.0.0.9", "1.2.3.4", "10.0.0.0/8", "1.2.3.4"),
        ("10.0.0.9", "6.6.6.6, 1.2.3.4", "10.0.0.0/8", "1.2.3.4"),
        ("10.0.0.9", "6.6.6.6, 1.2.3.4, 10.0.0.8", "10.0.0.0/8", "1.2.3.4"),
        ("10.0.0.9", "10.0.0.7, 10.0.0.8", "10.0.0.0/8", "10.0.0.7"),
        ("10.0.0.9", "", "10.0.0.0/8", "10.0.0.9"),
        ("127.0.0.1", "[2001:db8::1]:443", "127.0.0.1", "2001:db8::1"),
        ("127.0.0.1", "1.2.3.4:5555", "127.0.0.1", "1.2.3.4"),
        ("127.0.0.1", "garbage", "127.0.0.1", "garbage"),
        ("::ffff:10.0.0.9", "1.2.3.4", "10.0.0.0/8", "1.2.3.4"),
        ("fe80::1%eth0", "", "", "fe80::1"),
    ],
)
def test_whose_address_a_request_has(peer: str, forwarded: str, proxies: str, address: str) -> None:
    lines = [f"X-Forwarded-For: {forwarded}"] if forwarded else []
    assert client_address(peer, head(*lines), networks_of(proxies)) == address


def test_an_ipv6_customer_is_counted_as_one() -> None:
    assert (
        counted_as("2001:db8:1:2:3:4:5:6") == counted_as("2001:db8:1:2::1") == "2001:db8:1:2::/64"
    )
    assert counted_as("2001:db8:1:3::1") != counted_as("2001:db8:1:2::1")
    assert counted_as("::ffff:1.2.3.4") == counted_as("1.2.3.4") == "1.2.3.4"
    assert counted_as("::1") == "::1"
    assert counted_as("stream") == "stream"

"""Tokens and tickets: what is recognised, and what a file of tokens may say."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parley.protocol.dialects import DIALECTS
from parley.server.access.doors import FOR_TOKENS, Door, door_of
from parley.server.access.tickets import NoTicket, Ticket, Tickets
from parley.server.access.token_file import appended, without
from parley.server.access.tokens import (
    USUAL_DOORS,
    BadTokens,
    TokenRing,
    digest_of,
    new_token,
    own_token,
    read_tokens,
)

DIGEST = "0" * 64
WHOLE = f"""
# The kiosk in the hall
[[token]]
name = "kiosk"
sha256 = "{DIGEST}"
expires = 2027-01-01T00:00:00Z
doors = ["ws", "admin"]
claims = {{ tenant = "acme", floor = 3 }}
limits = {{ sessions = 2, audio_s_per_hour = 60.5 }}

[[token]]
name = "other"
sha256 = "{"a" * 64}"
"""


def test_a_file_of_tokens_is_read() -> None:
    kiosk, other = read_tokens(WHOLE, "f")
    assert kiosk.expires_s == datetime(2027, 1, 1, tzinfo=UTC).timestamp()
    assert kiosk.doors == {Door.WS, Door.ADMIN}
    assert kiosk.claims == {"tenant": "acme", "floor": 3}
    assert (kiosk.limits.sessions, kiosk.limits.audio_s_per_hour) == (2, 60.5)
    assert (other.doors, other.expires_s, other.limits.any) == (USUAL_DOORS, None, False)
    assert DIGEST not in repr(kiosk)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[token]", "not valid TOML"),
        ("token = 3", "[[token]] tables"),
        ("x = 1", "'x' is not known"),
        ("[[token]]", "its name must be"),
        ('[[token]]\nname = "A"', "its name must be"),
        ('[[token]]\nname = "the-token"', "its name must be"),
        ('[[token]]\nname = "a"\nsha256 = "parley_a_secret"', "not the token itself"),
        ('[[token]]\nname = "a"\nhash = "x"', "'hash' is not known"),
        (f'[[token]]\nname = "a"\nsha256 = "{DIGEST}"\nexpires = "soon"', "a date or a moment"),
        (f'[[token]]\nname = "a"\nsha256 = "{DIGEST}"\ndoors = []', "doors must be a list"),
        (f'[[token]]\nname = "a"\nsha256 = "{DIGEST}"\ndoors = ["wss"]', "doors must be a list"),
        (f'[[token]]\nname = "a"\nsha256 = "{DIGEST}"\ndoors = [1]', "doors must be a list"),
        (f'[[token]]\nname = "a"\nsha256 = "{DIGEST}"\ndoors = "ws"', "doors must be a list"),
        (f'[[token]]\nname = "a"\nsha256 = "{DIGEST}"\nclaims = 3', "claims must be a table"),
        (f'[[token]]\nname = "a"\nsha256 = "{DIGEST}"\nlimits = 3', "limits must be a table"),
        (f'[[token]]\nname = "a"\nsha256 = "{DIGEST}"\nlimits = {{ x = 1 }}', "no limit 'x'"),
        (
            f'[[token]]\nname = "a"\nsha256 = "{DIGEST}"\nlimits = {{ sessions = -1 }}',
            "a number from 0 on",
        ),
        (
            f'[[token]]\nname = "a"\nsha256 = "{DIGEST}"\nlimits = {{ sessions = nan }}',
            "a number from 0 on",
        ),
        (f'[[token]]\nname = "a"\nsha256 = "{DIGEST}"\n' * 2, "two tokens are called 'a'"),
    ],
)
def test_what_a_file_of_tokens_gets_wrong_is_said_in_one_line(text: str, words: str) -> None:
    with pytest.raises(BadTokens, match=r".*") as refused:
        read_tokens(text, "tokens.toml")
    assert words in str(refused.value)
    assert str(refused.value).startswith("tokens.toml")
    assert "\n" not in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_token_is_found_by_its_whole_and_by_nothing_else() -> None:
    token = new_token("kiosk")
    (known,) = read_tokens(f'[[token]]\nname = "kiosk"\nsha256 = "{digest_of(token).hex()}"', "f")
    ring = TokenRing([known, own_token("a-secret-of-my-own")])
    assert ring.found(token) is known
    found = ring.found("a-secret-of-my-own")
    assert found is not None
    assert found.name == "the-token"
    other = new_token("kiosk")
    for wrong in ("", token[:-1], token + "x", other, token.replace("kiosk", "kiosx"), DIGEST):
        assert ring.found(wrong) is None
    assert TokenRing([]).found("anything") is None


@given(st.text())
def test_no_text_is_a_token_by_chance(text: str) -> None:
    assert TokenRing([own_token("a-secret-of-my-own")]).found(text) is None


@pytest.mark.parametrize("name", ["", "A", "a b", "a_b", "-a", "x" * 41, "the-token", "ä"])
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be a token's name"):
        new_token(name)


def test_a_file_is_changed_and_otherwise_left_as_it_was() -> None:
    text = appended(
        WHOLE,
        name="third",
        digest=bytes(32),
        expires=datetime(2027, 5, 1, tzinfo=UTC),
        doors=["http"],
        claims={"a b": 'quote"d', "n": 3, "yes": True},
        limits={"sessions": 4},
    )
    third = read_tokens(text, "f")[2]
    assert third.claims == {"a b": 'quote"d', "n": 3, "yes": True}
    assert third.limits.sessions == 4
    assert third.doors == {Door.HTTP}
    assert text.startswith(WHOLE.rstrip("\n"))
    assert without(text, "third").rstrip() == WHOLE.rstrip().lstrip("\n")
    assert [token.name for token in read_tokens(without(text, "kiosk"), "f")] == ["other", "third"]
    assert without(text, "nobody") == text


# Tickets


def test_a_ticket_lets_in_once_and_for_its_time() -> None:
    tickets = Tickets()
    wanted = Ticket(name="kiosk", doors=frozenset({Door.WS}), claims={"user": "42"})
    given_one = tickets.make(wanted, now_s=1000.0)
    assert tickets.take(given_one, now_s=1059.0) == wanted
    with pytest.raises(NoTicket, match="used before"):
        tickets.take(given_one, now_s=1059.0)
    late = tickets.make(wanted, now_s=1000.0)
    with pytest.raises(NoTicket, match="is over"):
        tickets.take(late, now_s=1060.0)


@given(st.text(max_size=200))
def test_what_is_no_ticket_is_refused(text: str) -> None:
    with pytest.raises(NoTicket, match="not one of this server"):
        Tickets().take(text, now_s=0.0)


@given(st.integers(0, 1000), st.integers(0, 10))
def test_a_ticket_that_was_changed_is_refused(number: int, choice: int) -> None:
    tickets = Tickets()
    right = tickets.make(Ticket(name="kiosk"), now_s=0.0)  # another one each time
    place = number % (len(right) - 1)
    other = "ABCabc019-_.".replace(right[place], "")[choice]
    with pytest.raises(NoTicket):
        tickets.take(right[:place] + other + right[place + 1 :], now_s=0.0)
    with pytest.raises(NoTicket):
        Tickets().take(right, now_s=0.0)  # another server's


def test_tickets_that_are_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parley.server.access.tickets.USED_MAX", 10)
    tickets = Tickets()
    given_ones = [tickets.make(Ticket(name="a"), now_s=0.0, for_s=60 + n) for n in range(20)]
    for one in given_ones:
        tickets.take(one, now_s=1.0)
    assert len(tickets._used) <= 10
    for one in given_ones:
        with pytest.raises(NoTicket):
            tickets.take(one, now_s=1.0)


# Doors


@pytest.mark.parametrize(
    ("path", "websocket", "door"),
    [
        ("/health", False, Door.OPEN),
        ("/readyz", False, Door.OPEN),
        ("/", False, Door.PAGE),
        ("/static/app.js", False, Door.PAGE),
        ("/", True, Door.ENGINE),
        ("/anything", True, Door.ENGINE),
        ("/ws", True, Door.WS),
        ("/ws/agent", True, Door.WS),
        ("/wsx", False, Door.HTTP),
        ("/stream", True, Door.STREAM),
        ("/v1/realtime", True, Door.REALTIME),
        ("/v1/audio/speech", False, Door.HTTP),
        ("/metrics", False, Door.ADMIN),
        ("/sessions", False, Door.ADMIN),
        ("/telephone", False, Door.ADMIN),
        ("/telephone/twilio/answer", False, Door.TELEPHONE),
        ("/tickets", False, Door.TICKETS),
        ("/nobody-knows", False, Door.HTTP),
        ("/metrics/", False, Door.HTTP),
    ],
)
def test_every_path_has_a_door_and_unknown_ones_are_locked(
    path: str, websocket: bool, door: Door
) -> None:
    assert door_of(path, websocket=websocket) is door


def test_every_path_of_a_dialect_has_its_door() -> None:
    words = {"prompt-voice": "ws", "io-speech": "stream", "newspeech": "engine"}
    for dialect in DIALECTS:
        name = dialect.profile.name
        door = "telephone" if dialect.profile.telephone else words.get(name, name)
        for path in dialect.paths:
            assert door_of(path, websocket=True) is Door(door), path
            assert door_of(f"{path}/shop", websocket=True) is Door(door), path


def test_tokens_are_for_doors_that_lock() -> None:
    assert set(FOR_TOKENS) == set(Door) - {Door.OPEN, Door.PAGE, Door.TICKETS, Door.TELEPHONE}

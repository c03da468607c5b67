"""The page of a server that asks for a token."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from support.browser import CHROMIUM, Served, Tab, browsing, serving

pytest.importorskip("playwright.sync_api", reason="pip install -e '.[browser]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium"),
]

ASKED = "document.getElementById('access').open"


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Tokens by their names."""
    file = tmp_path_factory.mktemp("tokens") / "tokens.toml"
    made = {"": str(file)}
    for name, *options in (("guest",), ("speech", "--door", "http")):
        command = [sys.executable, "-m", "parley", "tokens", "new", name, "--file", str(file)]
        told = subprocess.run(
            [*command, *options], check=True, capture_output=True, text=True, timeout=60
        )
        made[name] = next(word for word in told.stdout.split() if word.startswith("parley_"))
    return made


@pytest.fixture(scope="module")
def locked(tokens: dict[str, str]) -> Iterator[Served]:
    with ExitStack() as running:
        with pytest.MonkeyPatch.context() as environment:  # not of the servers of other tests
            environment.setenv("PARLEY_TOKENS_FILE", tokens[""])
            served = running.enter_context(serving())
        yield served


def give(tab: Tab, token: str) -> None:
    tab.page.fill("#token", token)
    tab.page.press("#token", "Enter")


def types(tab: Tab) -> None:
    tab.page.fill("#words", "is it raining")
    tab.page.press("#words", "Enter")


def test_the_page_asks_for_the_token_and_keeps_it_for_the_tab(
    locked: Served, tokens: dict[str, str]
) -> None:
    with browsing(locked.url) as tab:
        tab.until(ASKED)
        assert "only those who have a token" in tab.page.inner_text("#token-why")
        give(tab, f"  {tokens['guest']} ")
        tab.until(f"!{ASKED}")
        tab.until("!document.getElementById('who').hidden")
        types(tab)
        tab.until("told.some(e => e.type === 'token' && e.done)")
        tab.page.reload()
        tab.until("!document.getElementById('who').hidden")
        types(tab)
        tab.until("told.some(e => e.type === 'token' && e.done)")
        assert not tab.page.evaluate(ASKED)
        addresses = [*tab.asked, *tab.sockets]
        assert not [address for address in addresses if tokens["guest"] in address]
        first, second = tab.sockets
        assert "ticket=" in first
        assert first != second
        assert tab.page.evaluate("JSON.stringify(localStorage)").find(tokens["guest"]) == -1


@pytest.mark.long
@pytest.mark.parametrize("token", ["nonsense", "parley_x_" + "A" * 43])
def test_a_token_that_does_not_fit_is_said_and_another_can_be_given(
    token: str, locked: Served, tokens: dict[str, str]
) -> None:
    with browsing(locked.url) as tab:
        tab.until(ASKED)
        give(tab, token)
        tab.until("document.getElementById('token-why').textContent.includes('does not fit')")
        assert tab.page.evaluate(ASKED)
        assert token not in tab.page.inner_text("body")
        give(tab, tokens["guest"])
        tab.until("!document.getElementById('who').hidden")
        types(tab)
        tab.until("told.some(e => e.type === 'token' && e.done)")


@pytest.mark.long
def test_without_a_token_no_call_is_begun_and_the_form_comes_again(locked: Served) -> None:
    with browsing(locked.url) as tab:
        tab.until(ASKED)
        tab.page.click("#access .close")
        tab.page.click("#talk")
        tab.until(ASKED)
        assert tab.sockets == []
        assert tab.page.inner_text("#state") == "not connected"


@pytest.mark.long
def test_a_token_for_another_door_is_told_so(locked: Served, tokens: dict[str, str]) -> None:
    with browsing(locked.url) as tab:
        tab.until(ASKED)
        give(tab, tokens["speech"])
        tab.until("!document.getElementById('who').hidden")
        types(tab)
        tab.until("told.some(e => e.type === 'refused') || told.some(e => e.type === 'offline')")
        tab.until(f"{ASKED}")
        assert "not for this" in tab.page.inner_text("#token-why")


def test_a_call_that_is_recorded_says_so_to_everybody(server: Served) -> None:
    with browsing(server.url) as tab:
        assert tab.page.inner_text("#recorded") == ""
        types(tab)
        tab.until("document.getElementById('recorded').textContent.includes('is being recorded')")
        assert tab.page.get_attribute("#recorded", "role") == "status"
        assert tab.page.is_visible("#recorded")
        tab.page.evaluate("document.activeElement.blur()")
        tab.page.click("#end")
        tab.until("document.getElementById('recorded').textContent === ''")

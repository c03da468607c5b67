"""The settings of the page: what a session is asked for, and what is kept of it."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from support.browser import CHROMIUM, Served, Tab, browsing, microphone_wav

pytest.importorskip("playwright.sync_api", reason="pip install -e '.[browser]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium"),
]


def wishes(tab: Tab) -> dict[str, str]:
    """Of the newest session."""
    query = parse_qs(urlsplit(tab.sockets[-1]).query)
    asked = {name: values[0] for name, values in query.items()}
    assert asked.pop("phrases") == "told"
    assert asked.pop("speak") == "sentences"
    assert asked.pop("tools") == "told"
    asked.pop("record", None)
    asked.pop("resume", None)
    return asked


def begun(tab: Tab, sessions: int) -> None:
    tab.until(f"told.filter(e => e.type === 'microphone' && e.open).length === {sessions}")
    assert len(tab.sockets) == sessions


def test_wishes_are_sent_kept_and_taken_back(server: Served) -> None:
    with browsing(server.url) as tab:
        page = tab.page

        def apply() -> None:
            """Begin a new conversation, as the drawer offers, and open it again."""
            page.click("#apply")
            page.click("#open-settings")

        page.click("#open-settings")
        tab.until("document.querySelectorAll('#voices option').length > 3")
        assert page.input_value("#silence") == "700"
        assert page.inner_text("#silence-told") == "as the server is set"
        assert page.is_disabled("#as-set")
        page.click("#settings .close")
        page.click("#talk")
        begun(tab, 1)
        assert wishes(tab) == {}

        page.click("#open-settings")
        for _ in range(4):  # one after the other, as with a finger on the key
            page.press("#silence", "ArrowLeft")
        apply()
        begun(tab, 2)
        assert wishes(tab) == {"silence_ms": "500"}
        assert page.inner_text("#silence-told") == "500 ms"
        page.fill("#sensitivity", "0")
        page.fill("#voice", "de")
        page.press("#voice", "Tab")
        apply()
        begun(tab, 3)
        assert wishes(tab) == {"silence_ms": "500", "sensitivity": "0", "voice": "de"}

        page.fill("#voice", "<no>")
        page.press("#voice", "Tab")
        assert page.evaluate("document.querySelector('#voice:invalid') !== null")
        page.fill("#voice", "en-us+f3")
        page.press("#voice", "Tab")
        apply()
        begun(tab, 4)

        page.reload()
        page.click("#open-settings")
        assert (page.input_value("#silence"), page.input_value("#voice")) == ("500", "en-us+f3")
        assert page.get_attribute("#sensitivity", "aria-valuetext") == "0.00"
        page.click("#settings .close")
        tab.until("!document.getElementById('who').hidden")
        tab.sockets.clear()
        page.click("#talk")
        begun(tab, 1)
        assert wishes(tab) == {"silence_ms": "500", "sensitivity": "0", "voice": "en-us+f3"}
        page.click("#open-settings")
        page.click("#as-set")
        apply()
        begun(tab, 2)
        assert wishes(tab) == {}
        assert page.inner_text("#sensitivity-told") == "as the server is set"
        page.reload()
        assert page.input_value("#silence") == "700"
        assert tab.complaints == []


@pytest.mark.long
def test_a_change_in_a_call_asks_before_it_begins_a_new_conversation(server: Served) -> None:
    with browsing(server.url, allow=False) as tab:
        page = tab.page
        page.fill("#words", "is it raining")
        page.press("#words", "Enter")
        tab.until("told.some(e => e.type === 'replydone')")
        with tab.settings():
            assert page.is_hidden("#pending")
            page.fill("#silence", "500")
            assert page.is_visible("#pending")
            assert "Parley forgets this one" in page.inner_text("#pending")
            page.click("#undo")
            assert page.is_hidden("#pending")
            assert page.inner_text("#silence-told") == "as the server is set"
            page.fill("#silence", "600")
        page.wait_for_timeout(500)
        assert len(tab.sockets) == 1, "the drawer was closed, and nobody said yes"
        page.click("#open-settings")
        page.click("#apply")
        tab.until("told.filter(e => e.type === 'session').length === 2")
        assert wishes(tab) == {"silence_ms": "600"}
        assert "New conversation" in page.inner_text("#conversation .divider")
        assert "is it raining" in page.inner_text("#conversation"), "what was said stays"
        assert tab.complaints == []


@pytest.mark.long
def test_a_voice_that_is_not_there_is_said_and_the_answer_can_be_read(server: Served) -> None:
    with browsing(server.url, allow=False) as tab:
        with tab.settings():
            tab.until("!document.getElementById('speaking').hidden")
            tab.page.fill("#voice", "nobody")
        tab.page.fill("#words", "is it raining")
        tab.page.press("#words", "Enter")
        tab.until("told.some(e => e.type === 'failure')")
        assert "espeak has no voice 'nobody'" in tab.page.inner_text("#alerts")
        assert "chosen in the settings" in tab.page.inner_text("#alerts")
        tab.until("told.some(e => e.type === 'token' && e.text.includes('know'))")
        assert len(tab.sockets) == 1, "a call that began with the new settings goes on"


@pytest.mark.long
def test_a_longer_silence_answers_later(server: Served, tmp_path: Path) -> None:
    heard = microphone_wav(tmp_path / "mic.wav", 1.0, "1-weather", 12)
    spans_ms = []
    for silence in ("300", "2000"):
        with browsing(server.url, heard) as tab:
            with tab.settings():
                tab.page.fill("#silence", silence)
            tab.page.click("#talk")
            tab.until("told.some(e => e.type === 'final')")
            (final,) = tab.told("final")
            assert final["text"] == "what is the weather like today"
            (start,), (end,) = tab.told("speechstart"), tab.told("speechend")
            # By the audio's own clock: how busy the machine is makes the final late, not the end.
            spans_ms.append(end["audioMs"] - start["audioMs"])
    # A question that is complete: its window is near the shortest, which changes in proportion. On
    # a busy machine the words may come too late for that, and it is longer: 300 ms, or 2000.
    assert spans_ms[1] - spans_ms[0] > 250

"""The page in Firefox: typed words, a microphone that hums, and no loudspeaker."""

from __future__ import annotations

import pytest

from support.browser import WATCH, Served
from support.firefox import FIREFOX, PULSEAUDIO, FirefoxPage, loudspeaker, open_firefox

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(FIREFOX is None, reason="no firefox"),
]


needs_loudspeaker = pytest.mark.skipif(PULSEAUDIO is None, reason="no pulseaudio")


def begin(page: FirefoxPage, server: Served) -> None:
    page.before_each_page(WATCH)
    page.open(server.url)
    page.until("!document.getElementById('who').hidden")


@needs_loudspeaker
def test_typed_words_are_answered_and_the_word_being_spoken_is_lit(server: Served) -> None:
    with loudspeaker() as speaker, open_firefox(speaker) as page:
        begin(page, server)
        page.evaluate("document.getElementById('words').focus()")
        page.type("is it raining")
        page.press("\ue007")  # Enter
        page.until("told.some(e => e.type === 'sound' && e.what === 'began')")
        page.until("document.querySelector('#conversation .lit') !== null")
        page.evaluate("document.activeElement.blur()")
        page.press("Escape")
        page.until("told.some(e => e.type === 'interrupted')")
        page.until("document.querySelector('#conversation del') !== null")
        page.press("?")
        page.until("document.getElementById('help').open")
        page.press("Escape")
        page.until("!document.getElementById('help').open")
        sizes = "[document.documentElement.scrollWidth, innerWidth]"
        width, room = page.evaluate(sizes)
        assert width <= room
        assert page.complaints == []


@needs_loudspeaker
def test_the_microphone_is_heard_muted_and_closed(server: Served) -> None:
    with loudspeaker() as speaker, open_firefox(speaker) as page:
        begin(page, server)
        page.press("Space")
        page.until("told.some(e => e.type === 'microphone' && e.open)")
        page.until("told.some(e => e.type === 'level' && e.level > 0.01)")
        page.until("document.querySelectorAll('#microphone option').length > 1")
        page.press("m")
        page.until("document.getElementById('state').textContent === 'muted'")
        page.evaluate("document.getElementById('words').focus()")
        page.type("are you there")
        page.press("\ue007")
        page.until("told.some(e => e.type === 'replydone')", 60)
        page.until("told.filter(e => e.type === 'sound').at(-1).what === 'ended'")
        page.evaluate("document.activeElement.blur()")
        page.press("Space")
        page.until("document.getElementById('state').textContent === 'not connected'")
        assert page.complaints == []


def test_without_a_loudspeaker_the_answer_can_be_read(server: Served) -> None:
    with open_firefox("unix:/nowhere") as page:
        begin(page, server)
        page.evaluate("document.getElementById('words').focus()")
        page.type("is it raining")
        page.press("\ue007")
        page.until("document.querySelector('#conversation .parley') !== null")
        page.until("told.some(e => e.type === 'token' && e.done)")
        (failure,) = page.evaluate("told.filter(e => e.type === 'failure')")
        assert failure["title"] == "There is no sound."
        assert "read the answers" in page.evaluate("document.getElementById('alerts').textContent")

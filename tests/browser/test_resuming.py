"""A connection is lost in an answer: the page comes again by itself, and the answer goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.browser import CHROMIUM, Served, browsing, microphone_wav

pytest.importorskip("playwright.sync_api", reason="pip install -e '.[browser]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium"),
]

KEEP_SOCKETS = """
window.opened = [];
const Real = window.WebSocket;
window.WebSocket = class extends Real {
  constructor(...given) {
    super(...given);
    window.opened.push(this);
  }
};
"""
LOSE = "opened.at(-1).close(4000)"


@pytest.mark.parametrize(
    "protocol",
    [
        "newspeech",
        pytest.param("prompt-voice", marks=pytest.mark.long),
        pytest.param("io-speech", marks=pytest.mark.long),
        pytest.param("realtime", marks=pytest.mark.long),
    ],
)
def test_an_answer_goes_on_over_another_connection(
    protocol: str, server: Served, tmp_path: Path
) -> None:
    heard = microphone_wav(tmp_path / "mic.wav", 0.5, "1-weather", 25)
    with browsing(server.url, heard, script=KEEP_SOCKETS) as tab:
        with tab.settings():
            tab.page.select_option("#protocol", protocol)
        tab.page.click("#talk")
        tab.until("told.some(e => e.type === 'ticket')")
        tab.until("told.some(e => e.type === 'sound' && e.what === 'playing' && e.playedMs > 400)")
        tab.page.evaluate(LOSE)
        tab.until("told.filter(e => e.type === 'ticket').length === 2")
        first, second = tab.told("ticket")
        assert (first["resumed"], second["resumed"]) == (False, True)
        tab.until(
            "document.getElementById('conversation').textContent"
            ".includes('the conversation goes on')"
        )
        url = tab.page.evaluate("opened.at(-1).url")
        assert "resume=" in url
        assert "played_ms=" in url
        told = "told.findLastIndex(e => e.type === 'ticket')"
        tab.until(f"told.slice({told}).some(e => e.type === 'audio')")
        tab.page.click("#talk")
        assert tab.complaints == []

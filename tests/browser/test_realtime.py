"""The page speaks OpenAI's Realtime: a voice turn, typed words, and a reply that is cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.browser import CHROMIUM, Served, Tab, browsing, microphone_wav

pytest.importorskip("playwright.sync_api", reason="pip install -e '.[browser]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium"),
]

WEATHER = "what is the weather like today"
TIMER = "set a timer for ten minutes"

SENT = """
window.sent = [];
window.came = [];
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (frame) {
  const event = JSON.parse(frame);
  if (event.type !== "input_audio_buffer.append") sent.push(event);
  if (!this.watched) {
    this.watched = true;
    this.addEventListener("message", ({ data }) => {
      const { delta, ...rest } = JSON.parse(data);
      came.push(rest);
    });
  }
  return send.call(this, frame);
};
"""


def choose(tab: Tab) -> None:
    with tab.settings():
        tab.page.select_option("#protocol", "realtime")


def sent(tab: Tab, kind: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = tab.page.evaluate(
        "kind => sent.filter(event => event.type === kind)", kind
    )
    return found


def say(tab: Tab, words: str) -> None:
    tab.page.fill("#words", words)
    tab.page.press("#words", "Enter")


def truncated(tab: Tab) -> dict[str, Any]:
    """What the server took for the end of a reply that was cut."""
    tab.until("came.some(e => e.type === 'conversation.item.truncated')")
    found: dict[str, Any] = tab.page.evaluate(
        "came.find(e => e.type === 'conversation.item.truncated')"
    )
    return found


@pytest.mark.long
def test_an_interruption_is_cut_at_what_was_played(server: Served, tmp_path: Path) -> None:
    heard = microphone_wav(
        tmp_path / "mic.wav", 0.5, "1-weather", 12.0, "3-timer", 1.8, "4-lights", 12
    )
    with browsing(server.url, heard, script=SENT) as tab:
        choose(tab)
        tab.page.click("#talk")
        tab.until("told.some(e => e.type === 'interrupted')", 45)
        tab.until("told.filter(e => e.type === 'final').length === 3")
        assert tab.finals()[:2] == [WEATHER, TIMER]
        whole, cut = tab.page.query_selector_all("#conversation .parley")[:2]
        assert whole.query_selector("del") is None
        assert cut.query_selector("del").inner_text().strip().endswith("connected.")
        (interrupted,) = tab.told("interrupted")
        assert interrupted["heard"]
        assert interrupted["heard"] in "".join(event["text"] for event in tab.told("token"))
        flushed = next(e for e in tab.told("sound") if e["what"] == "flushed")
        began = [e for e in tab.told("sound") if e["what"] == "began"]
        before = [e for e in began if e["timeS"] < flushed["timeS"]]
        assert len(before) >= 2, "the second reply"
        (asked,) = sent(tab, "conversation.item.truncate")
        whole_ms = next(e for e in tab.told("sound") if e["what"] == "ended")["playedMs"]
        assert asked["audio_end_ms"] == pytest.approx(flushed["playedMs"] - whole_ms, abs=60)
        assert truncated(tab)["audio_end_ms"] == asked["audio_end_ms"]
        assert tab.told("failure") == []
        assert tab.page.inner_text("#strip-time").endswith("to the first sound")
        assert tab.complaints == []


@pytest.mark.long
def test_typed_words_end_the_reply_that_is_being_made(server: Served) -> None:
    with browsing(server.url, allow=False, script=SENT) as tab:
        choose(tab)
        tab.page.click("#talk")
        tab.until("document.getElementById('alerts').textContent.includes('not allowed')")
        say(tab, "is it raining")
        tab.until("told.some(e => e.type === 'sound' && e.what === 'began')")
        assert "is it raining" in tab.page.inner_text("#conversation .caller")
        say(tab, "are you there")
        tab.until("told.some(e => e.type === 'interrupted')")
        tab.until("told.some(e => e.type === 'replydone')")
        assert len(sent(tab, "response.create")) == 2
        assert tab.told("failure") == []
        assert tab.page.locator("#conversation .parley").count() == 2
        assert tab.complaints == []


@pytest.mark.long
def test_the_button_cuts_the_reply_at_what_was_played(server: Served) -> None:
    with browsing(server.url, allow=False, script=SENT) as tab:
        choose(tab)
        tab.page.click("#talk")
        say(tab, "is it raining")
        tab.until("told.some(e => e.type === 'sound' && e.what === 'playing' && e.playedMs > 400)")
        tab.page.click("#interrupt")
        tab.until("told.some(e => e.type === 'interrupted')")
        assert truncated(tab)["audio_end_ms"] >= 400
        tab.until("document.getElementById('state').textContent === 'connected'")
        assert tab.told("failure") == []
        assert tab.complaints == []


@pytest.mark.long
def test_a_reply_that_is_over_cannot_be_cut_and_nobody_is_told(server: Served) -> None:
    with browsing(server.url, allow=False, script=SENT) as tab:
        choose(tab)
        tab.page.click("#talk")
        say(tab, "is it raining")
        tab.until("told.some(e => e.type === 'replydone')")
        # In one step: the page disables the button again whenever something changes.
        tab.page.evaluate(
            "(button => { button.disabled = false; button.click(); })"
            "(document.getElementById('interrupt'))"
        )
        tab.until("came.some(e => e.type === 'error')")
        say(tab, "are you there")
        tab.until("told.filter(e => e.type === 'replydone').length === 2")
        assert tab.told("failure") == []


@pytest.mark.long
def test_push_to_talk_is_answered_when_it_is_let_go(server: Served, tmp_path: Path) -> None:
    heard = microphone_wav(tmp_path / "mic.wav", 1.5, "1-weather", 60)
    with browsing(server.url, heard, script=SENT) as tab:
        with tab.settings():
            tab.page.check("#push-to-talk")
            tab.page.select_option("#protocol", "realtime")
        tab.page.keyboard.down("Space")
        tab.until("told.some(e => e.type === 'speechstart')")
        tab.page.wait_for_timeout(1200)
        tab.page.keyboard.up("Space")
        tab.until("told.some(e => e.type === 'final' && e.text)")
        tab.until("told.some(e => e.type === 'sound' && e.what === 'ended')")
        assert tab.told("failure") == []
        assert tab.complaints == []


def test_a_message_that_the_server_refuses_is_told_in_words(server: Served) -> None:
    with browsing(server.url, allow=False, script=SENT) as tab:
        choose(tab)
        tab.page.click("#talk")
        tab.until("told.some(e => e.type === 'session')")
        said = tab.page.evaluate(
            """async () => {
              const { realtime } = await import("./static/dialects/realtime.js");
              const error = { code: "tts_fail", message: "no voice" };
              return realtime.makeCodec().read(JSON.stringify({ type: "error", error }));
            }"""
        )
        assert said == [
            {"type": "failure", "code": "TTS_FAIL", "message": "no voice", "recoverable": True}
        ]

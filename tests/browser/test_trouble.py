"""What happens to people: a cable that comes out, another tab, a cough over an answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.browser import (
    CHROMIUM,
    WATCH,
    Served,
    browsing,
    microphone_flags,
    microphone_wav,
)
from support.chromium import open_page
from support.prefix_proxy import prefix_proxy

pytest.importorskip("playwright.sync_api", reason="pip install -e '.[browser]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium"),
]

WEATHER = "what is the weather like today"

KEEP_TRACK = """
const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
  const stream = await ask(wanted);
  window.track = stream.getAudioTracks()[0];
  return stream;
};
"""

UNPLUG = "track.stop(), track.dispatchEvent(new Event('ended'))"
"""A page's own stop tells nobody; the end of a device does."""


ALL_PLAYED = """(() => {
  const last = told.findLast((e) => e.type === "sound");
  const received = told.filter((e) => e.type === "audio").reduce((sum, e) => sum + e.ms, 0);
  return last.what === "ended" && Math.abs(last.playedMs - received) < 5;
})()"""


@pytest.mark.long
def test_a_microphone_that_is_unplugged_can_be_plugged_in_again(server: Served) -> None:
    with browsing(server.url, script=KEEP_TRACK) as tab:
        tab.page.click("#talk")
        tab.until("told.some(e => e.type === 'level')")  # Chromium's own fake beeps
        assert tab.page.inner_text("#talk-words") == "End"
        tab.page.evaluate(UNPLUG)
        tab.until("document.getElementById('alerts').textContent !== ''")
        assert "The microphone went away. Plug it in" in tab.page.inner_text("#alerts")
        assert tab.page.inner_text("#talk-words") == "Talk"
        assert tab.page.is_disabled("#mute")
        tab.page.wait_for_timeout(200)
        tab.page.evaluate("told.length = 0")
        tab.page.wait_for_timeout(500)
        assert tab.told("level") == []
        tab.page.click("#talk")
        tab.until("told.some(e => e.type === 'level')")
        assert tab.page.inner_text("#alerts") == ""
        assert tab.page.inner_text("#talk-words") == "End"
        assert len(tab.sockets) == 1, "the conversation goes on"
        tab.page.click("#talk")
        tab.until("document.getElementById('state').textContent === 'not connected'")
        assert tab.complaints == []


@pytest.mark.long
@pytest.mark.parametrize("protocol", ["newspeech", "prompt-voice", "io-speech"])
def test_what_was_said_before_the_cable_came_out_is_answered(
    protocol: str, server: Served, tmp_path: Path
) -> None:
    heard = microphone_wav(tmp_path / "mic.wav", 0.5, "1-weather", "5-restaurant", 20)
    with browsing(server.url, heard, script=KEEP_TRACK) as tab:
        with tab.settings():
            tab.page.select_option("#protocol", protocol)
        tab.page.click("#talk")
        tab.until("told.some(e => e.type === 'partial' && e.text.includes('the weather'))")
        tab.page.evaluate(UNPLUG)
        tab.until("told.some(e => e.type === 'final' && e.text)")  # cut anywhere: any words
        tab.until("told.some(e => e.type === 'sound' && e.what === 'began')")
        assert tab.told("failure") == []
        assert tab.complaints == []


@pytest.mark.long
def test_a_tab_in_the_background_hears_and_answers(server: Served, tmp_path: Path) -> None:
    heard = microphone_wav(tmp_path / "mic.wav", 3.0, "1-weather", 20)
    with open_page(*microphone_flags(heard)) as page:
        page.call("Page.addScriptToEvaluateOnNewDocument", source=WATCH)
        page.open(server.url)
        page.evaluate("document.getElementById('talk').click()")
        page.until("told.some(e => e.type === 'microphone' && e.open)")
        page.go_behind()
        page.until("document.visibilityState === 'hidden'")
        assert page.evaluate("told.every(e => e.type !== 'partial')"), "nothing was said before"
        page.until("told.some(e => e.type === 'replydone')")
        page.until(ALL_PLAYED)
        assert page.evaluate("document.visibilityState") == "hidden"
        finals = page.evaluate("told.filter(e => e.type === 'final').map(e => e.text)")
        assert finals == [WEATHER]
        assert page.evaluate("told.findLast(e => e.type === 'sound').gaps") == 0
        assert page.complaints == []


@pytest.mark.parametrize("noise", ["cough", pytest.param("click", marks=pytest.mark.long)])
def test_after_a_noise_the_reply_goes_on_and_all_of_it_is_played(
    noise: str, server: Served, tmp_path: Path
) -> None:
    # Five of them, since nobody knows when a busy machine begins to speak.
    noises = (noise, 1.0) * 5
    heard = microphone_wav(tmp_path / "mic.wav", 0.5, "1-weather", 1.8, *noises, 15)
    with browsing(server.url, heard) as tab:
        tab.page.click("#talk")
        tab.until("told.some(e => e.type === 'replydone')")
        tab.until(ALL_PLAYED)
        sounds = tab.told("sound")
        began = [event for event in sounds if event["what"] == "began"]
        loud = [event["timeS"] for event in tab.told("level")]
        assert [at for at in loud if began[0]["timeS"] < at], "the noise came during the reply"
        if noise == "cough":
            assert len(began) > 1, "it stopped, and went on"
        assert tab.told("interrupted") == []
        assert tab.told("failure") == []
        assert sounds[-1]["droppedMs"] == 0
        assert tab.finals() == [WEATHER]
        assert tab.page.query_selector("#conversation del") is None
        assert tab.complaints == []


@pytest.mark.long
def test_the_page_works_behind_a_proxy_with_a_path_of_its_own(
    server: Served, tmp_path: Path
) -> None:
    heard = microphone_wav(tmp_path / "mic.wav", 1.0, "1-weather", 20)
    with prefix_proxy(server.port, "/voice") as url, browsing(url, heard) as tab:
        tab.page.click("#talk")
        tab.until("told.some(e => e.type === 'replydone')")
        assert tab.finals() == [WEATHER]
        assert all(asked.startswith(url) for asked in tab.asked)
        assert all("/voice/engine" in address for address in tab.sockets)
        with tab.page.expect_download() as download:
            tab.page.click("#open-saving")
            tab.page.click("#save")
        assert download.value.suggested_filename.endswith(".mcap")
        assert tab.complaints == []

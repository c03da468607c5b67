"""The page at `/`, in a real browser that hears recordings, against a live server."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path

import pytest

from parley.recording.mcap_file import read_recording
from support.browser import CHROMIUM, Served, browsing, free_port, microphone_wav

pytest.importorskip("playwright.sync_api", reason="pip install -e '.[browser]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium"),
]

WEATHER = "what is the weather like today"
TIMER = "set a timer for ten minutes"


def test_a_conversation_and_an_interruption(server: Served, tmp_path: Path) -> None:
    heard = microphone_wav(
        tmp_path / "mic.wav", 0.5, "1-weather", 12.0, "3-timer", 1.8, "4-lights", 12
    )
    with browsing(server.url, heard) as tab:
        tab.page.click("#talk")
        tab.until("told.some(e => e.type === 'interrupted')")
        tab.until("told.filter(e => e.type === 'final').length === 3")
        assert tab.finals()[:2] == [WEATHER, TIMER]
        whole, cut = tab.page.query_selector_all("#conversation .parley")[:2]
        assert whole.query_selector("del") is None
        assert cut.query_selector("del").inner_text().strip().endswith("connected.")
        (interrupted,) = tab.told("interrupted")
        spoken = "".join(event["text"] for event in tab.told("token"))
        assert interrupted["heard"]
        assert interrupted["heard"] in spoken
        # Nothing of the reply is played once the person has spoken for a moment.
        flushed = next(e for e in tab.told("sound") if e["what"] == "flushed")
        onset = next(e for e in tab.told("level") if flushed["timeS"] - 1.5 < e["timeS"])
        assert flushed["lastS"] < onset["timeS"] + 0.5
        tab.page.click("#talk")
        tab.until("document.getElementById('state').textContent === 'not connected'")
        assert tab.complaints == []
        assert {url.split("/")[2] for url in tab.asked} == {f"127.0.0.1:{server.port}"}


def test_words_are_typed_where_the_microphone_is_denied(server: Served) -> None:
    with browsing(server.url, allow=False) as tab:
        tab.page.click("#talk")
        tab.until("document.getElementById('alerts').textContent.includes('not allowed')")
        tab.page.fill("#words", "is it raining")
        tab.page.press("#words", "Enter")
        tab.until("told.some(e => e.type === 'sound' && e.what === 'began')")
        assert "is it raining" in tab.page.inner_text("#conversation .caller")
        tab.until("told.some(e => e.type === 'token' && e.text.includes('know'))")
        tab.page.click("#interrupt")
        tab.until("told.some(e => e.type === 'interrupted')")
        tab.until("document.getElementById('state').textContent === 'connected'")
        assert tab.complaints == []


@pytest.mark.long
def test_words_that_are_typed_before_there_is_a_connection_are_not_lost(server: Served) -> None:
    with browsing(server.url, allow=False) as tab:
        tab.page.evaluate(
            """() => {
              document.getElementById("talk").click();
              document.getElementById("words").value = "is it raining";
              document.getElementById("typing").requestSubmit();
            }"""
        )
        tab.until("told.some(e => e.type === 'token' && e.text.includes('know'))")
        assert tab.complaints == []


@pytest.mark.long
def test_a_conversation_is_saved(server: Served, tmp_path: Path) -> None:
    with browsing(server.url, allow=False) as tab:
        tab.page.click("#talk")
        tab.page.fill("#words", "is it raining")
        tab.page.press("#words", "Enter")
        tab.until("told.some(e => e.type === 'replydone')")
        tab.page.click("#open-saving")
        tab.page.wait_for_timeout(2500)  # it is written once a second
        with tab.page.expect_download() as download:
            tab.page.click("#save")
        download.value.save_as(tmp_path / "a.mcap")
        assert tab.complaints == []
    found = read_recording(tmp_path / "a.mcap")
    assert found.header.dialect == "newspeech"
    assert any("is it raining" in str(entry) for entry in found.entries)


@pytest.mark.few(1)
@pytest.mark.parametrize("protocol", ["prompt-voice", "io-speech", "realtime"])
def test_the_other_protocols(protocol: str, server: Served, tmp_path: Path) -> None:
    heard = microphone_wav(tmp_path / "mic.wav", 0.5, "1-weather", 12)
    with browsing(server.url, heard) as tab:
        with tab.settings():
            tab.page.select_option("#protocol", protocol)
        tab.page.click("#talk")
        tab.until("told.some(e => e.type === 'sound' && e.what === 'began')")
        tab.until("told.some(e => e.type === 'sound' && e.what === 'ended')")
        assert tab.finals() == [WEATHER]
        assert tab.told("failure") == []
        assert tab.complaints == []


@pytest.mark.long
def test_the_server_goes_and_comes_back(tmp_path: Path) -> None:
    # Chromium's own fake beeps twice a second: somebody who never stops talking, so that typed
    # words wait for their turn.
    heard = microphone_wav(tmp_path / "mic.wav", 60.0)
    served = Served(free_port())
    served.start()
    try:
        with browsing(served.url, heard) as tab:
            tab.page.click("#talk")
            tab.until("told.some(e => e.type === 'microphone' && e.open)")
            served.stop()
            tab.until("document.getElementById('state').textContent === 'offline'")
            assert "Trying again" in tab.page.inner_text("#alerts")
            tab.until("told.filter(e => e.type === 'offline').length >= 3")
            assert tab.page.locator(".alert").count() == 1, "said once"
            assert "times" in tab.page.inner_text(".alert .count")
            served.start()
            tab.until("told.filter(e => e.type === 'online').length === 2")
            tab.until("document.getElementById('alerts').textContent === ''")
            before = tab.page.query_selector_all("#conversation li")
            assert before == [], "nothing was said: nothing is divided"
            tab.page.fill("#words", "are you back")
            tab.page.press("#words", "Enter")
            tab.until("told.some(e => e.type === 'replydone')")
    finally:
        served.stop()


@pytest.mark.long
def test_a_browser_without_worklets(server: Served, tmp_path: Path) -> None:
    heard = microphone_wav(tmp_path / "mic.wav", 0.5, "1-weather", 60)
    with browsing(server.url, heard, script="delete window.AudioWorkletNode;") as tab:
        assert "no AudioWorklet" in tab.page.inner_text("#hello-more")
        tab.page.click("#talk")
        tab.page.wait_for_timeout(4000)  # as long as one talks
        tab.page.click("#talk")
        tab.page.wait_for_selector("#conversation .parley")
        assert WEATHER in tab.page.inner_text("#conversation .caller")
        assert tab.complaints == []


@pytest.mark.long
def test_twenty_calls_leave_nothing(server: Served) -> None:
    with browsing(server.url) as tab:
        session = tab.page.context.new_cdp_session(tab.page)
        session.send("Performance.enable")

        def metrics() -> dict[str, float]:
            session.send("HeapProfiler.collectGarbage")
            found = session.send("Performance.getMetrics")["metrics"]
            return {metric["name"]: metric["value"] for metric in found}

        def cycle() -> None:
            tab.page.evaluate("told.length = 0")
            tab.page.click("#talk")
            tab.until("told.some(e => e.type === 'level' || e.type === 'microphone' && e.open)")
            tab.page.click("#talk")
            tab.until("document.getElementById('state').textContent === 'not connected'")

        for _ in range(3):
            cycle()
        before = metrics()
        for _ in range(20):
            cycle()
        tab.page.wait_for_timeout(500)
        after = metrics()
        assert after["AudioWorkletProcessors"] == before["AudioWorkletProcessors"] == 2
        # Chromium keeps the source node of every microphone that was open, whoever lets go of it.
        assert after["AudioHandlers"] <= before["AudioHandlers"] + 20
        assert after["Nodes"] <= before["Nodes"] + 20 * 4, "two lines under What happened"
        assert after["JSHeapUsedSize"] < before["JSHeapUsedSize"] + 200_000
        with urllib.request.urlopen(f"{server.url}sessions") as answer:
            assert json.load(answer)["count"] == 0
        assert tab.complaints == []


MODULES = (Path(__file__).parent / "modules.js").read_text()


def test_the_arithmetic_of_the_modules(server: Served) -> None:
    with browsing(server.url) as tab:
        found = tab.page.evaluate(MODULES)
    for name in ("48000-24000", "44100-24000", "48000-16000", "24000-48000", "22050-44100"):
        row = found[name]
        assert abs(row["length"]) <= 40, name
        assert row["same"], name
        assert row["apart"] < 1e-6, f"{name}: a seam"
        assert row["wrong"] < 0.005, name
    assert found["alias"] < 0.005
    assert (found["waits"], found["first"], found["order"]) == (0, 50, True)
    assert found["held"] == 0
    assert (found["played"], found["gaps"]) == (100, 0), "a hold loses nothing"
    assert found["silent"] == 0
    assert found["dropped"] == 200 - 50 - 8
    assert found["split"] == [["Well. I", " see it."], ["", "a b"], ["a b", ""], ["a b", ""]]
    assert found["base64"] == [0, 1, -1, 32767, -32768]
    assert found["wav"] == "no WAV"
    assert found["stopped"] == [[180, True]], "stopped by a button, and cut by the server then"
    assert found["wholeLate"] == [[500, False], [120, True]], "whole only after its last sound"
    assert found["notCut"] == [[30, True]], "stopped by a button when all of it had come"

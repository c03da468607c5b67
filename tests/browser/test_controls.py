"""What one presses: keys, push to talk, mute, a new conversation, the devices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from parley.audio.wav import read_wav, wav_bytes
from support.browser import AUDIO, CHROMIUM, SEEN, Served, Tab, browsing, microphone_wav

pytest.importorskip("playwright.sync_api", reason="pip install -e '.[browser]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium"),
]

WEATHER = "what is the weather like today"

COUNT_SENT = """
window.sent = { bytes: 0 };
const send = WebSocket.prototype.send;
WebSocket.prototype.send = function (data) {
  if (typeof data !== "string") window.sent.bytes += data.byteLength ?? data.size;
  return send.call(this, data);
};
"""

GAINS = """
window.gains = [];
const create = AudioContext.prototype.createGain;
AudioContext.prototype.createGain = function () {
  gains.push(create.call(this));
  return gains.at(-1);
};
"""


def state_is(tab: Tab, words: str) -> None:
    tab.until(f"document.getElementById('state').textContent === '{words}'")


def answer(tab: Tab, words: str = "is it raining") -> None:
    """Have words answered, until the answer is to be heard."""
    count = len(tab.told("token"))
    tab.page.fill("#words", words)
    tab.page.press("#words", "Enter")
    tab.until(f"told.filter(e => e.type === 'token').length > {count}")
    tab.until("told.filter(e => e.type === 'sound').at(-1)?.what === 'playing'")
    tab.page.evaluate("document.activeElement.blur()")


def test_the_keys_talk_mute_interrupt_and_help(server: Served, tmp_path: Path) -> None:
    with browsing(server.url, microphone_wav(tmp_path / "mic.wav", 60.0)) as tab:
        keys = tab.page.keyboard
        keys.press("Space")
        state_is(tab, "listening")
        assert tab.page.inner_text("#talk-words") == "End"
        keys.press("m")
        state_is(tab, "muted")
        assert tab.page.get_attribute("#mute", "aria-pressed") == "true"
        keys.press("M")
        state_is(tab, "listening")
        answer(tab, "tell me a very long story about the sea and the people who live there")
        tab.page.click("#open-settings")
        keys.press("Escape")  # closes the drawer, and no more than that
        assert tab.page.is_hidden("#settings")
        tab.page.wait_for_timeout(200)
        assert tab.told("interrupted") == []
        keys.press("Escape")
        tab.until("told.some(e => e.type === 'interrupted')")
        keys.press("?")
        assert tab.page.is_visible("#help")
        keys.press("m")
        assert not tab.page.evaluate("document.getElementById('mute').ariaPressed === 'true'")
        keys.press("Escape")
        assert tab.page.is_hidden("#help")
        keys.press("Space")
        state_is(tab, "not connected")
        assert tab.complaints == []


@pytest.mark.long
def test_keys_are_for_what_has_the_focus(server: Served) -> None:
    with browsing(server.url, allow=False) as tab:
        tab.page.click("#words")
        tab.page.keyboard.type("am I m?")
        tab.page.wait_for_timeout(200)
        assert tab.page.input_value("#words") == "am I m?"
        assert tab.sockets == []
        assert tab.page.is_hidden("#help")
        with tab.settings():
            assert tab.page.is_visible("#names-missing"), "of the devices, until they are allowed"
            assert tab.page.inner_text("#microphone") == "As the system is set"
        tab.page.focus("#open-help")
        tab.page.keyboard.press("Space")
        assert tab.page.is_visible("#help")
        assert tab.sockets == []
        tab.page.keyboard.press("Escape")
        tab.page.focus("#talk")
        tab.page.keyboard.press("Space")
        tab.until("told.some(e => e.type === 'session')")
        tab.page.wait_for_timeout(200)
        assert len(tab.sockets) == 1, "the key and the button are one press"


@pytest.mark.long
def test_muted_nothing_is_sent_and_nothing_is_understood(server: Served, tmp_path: Path) -> None:
    heard = microphone_wav(tmp_path / "mic.wav", 2.0, "1-weather", 60)
    with browsing(server.url, heard, script=COUNT_SENT) as tab:
        tab.page.click("#talk")
        tab.until("told.some(e => e.type === 'microphone' && e.open)")
        tab.page.click("#mute")
        tab.until("told.some(e => e.type === 'muted' && e.on)")
        tab.page.wait_for_timeout(100)
        before = tab.page.evaluate("sent.bytes")
        tab.page.wait_for_timeout(4500)
        assert tab.page.evaluate("sent.bytes") == before
        assert tab.told("partial") == []
        assert tab.page.get_attribute("#level-heard", "aria-valuenow") == "0"
        tab.page.click("#mute")
        tab.page.wait_for_timeout(500)
        assert tab.page.evaluate("sent.bytes") > before
        assert tab.complaints == []


@pytest.mark.few(1)
@pytest.mark.parametrize("protocol", ["newspeech", "io-speech"])
def test_push_to_talk_hears_while_space_is_held_and_answers_when_it_is_let_go(
    protocol: str, server: Served, tmp_path: Path
) -> None:
    heard = microphone_wav(tmp_path / "mic.wav", 1.5, "1-weather", 60)
    with browsing(server.url, heard, script=SEEN) as tab:
        with tab.settings():
            tab.page.check("#push-to-talk")
            tab.page.select_option("#protocol", protocol)
        assert tab.page.inner_text("#talk-words") == "Hold to speak"
        tab.page.keyboard.down("Space")
        tab.until("told.some(e => e.type === 'microphone' && e.open)")
        assert tab.page.inner_text("#talk-words") == "Let go to send"
        tab.until("told.some(e => e.type === 'partial' && e.text.includes('like today'))")
        assert tab.told("final") == []
        tab.page.keyboard.up("Space")  # before any silence has ended the turn
        tab.until("told.some(e => e.type === 'final')")
        assert tab.finals() == [WEATHER]
        tab.until("told.some(e => e.type === 'sound' && e.what === 'ended')")
        state_is(tab, "hold to speak")
        seen = tab.page.evaluate("seen")
        assert max(seen["levels"]) > 20
        assert bool(seen["lit"]) == (protocol == "newspeech"), "io-speech tells no text"
        tab.page.click("#end")
        state_is(tab, "not connected")
        assert tab.complaints == []


@pytest.mark.long
def test_push_to_talk_by_the_button(server: Served, tmp_path: Path) -> None:
    with browsing(server.url, microphone_wav(tmp_path / "mic.wav", 60.0)) as tab:
        with tab.settings():
            tab.page.check("#push-to-talk")
        tab.page.hover("#talk")
        tab.page.mouse.down()
        state_is(tab, "listening")
        tab.page.mouse.up()
        state_is(tab, "hold to speak")
        tab.page.mouse.down()
        state_is(tab, "listening")
        tab.page.mouse.up()
        assert [event["on"] for event in tab.told("muted")] == [True, False, True]
        assert len(tab.sockets) == 1


@pytest.mark.long
def test_a_new_conversation_is_divided_from_the_old_one(server: Served) -> None:
    with browsing(server.url, allow=False) as tab:
        assert tab.page.is_disabled("#renew")
        answer(tab)
        tab.page.click("#renew")
        tab.until("told.filter(e => e.type === 'session').length === 2")
        first, second = (event["id"] for event in tab.told("session"))
        assert first != second
        answer(tab, "are you there")
        order = tab.page.evaluate(
            "[...document.querySelectorAll('#conversation li')].map(item => item.className)"
        )
        assert order == ["caller", "parley", "divider", "caller", "parley"]
        assert tab.complaints == []


def test_devices_are_chosen_and_kept(server: Served) -> None:
    with browsing(server.url, script=GAINS) as tab:
        page = tab.page
        page.click("#talk")
        tab.until("told.some(e => e.type === 'microphone' && e.open)")
        tab.until("document.querySelectorAll('#microphone option').length > 1")
        last = "[...document.querySelectorAll('#{} option')].at(-1).value"
        wanted = page.evaluate(last.format("microphone"))
        page.evaluate(
            """() => {
              window.asked = [];
              const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
              navigator.mediaDevices.getUserMedia = async (wish) => {
                const stream = await ask(wish);
                asked.push(stream.getAudioTracks()[0].getSettings().deviceId);
                return stream;
              };
              window.sinks = [];
              const set = AudioContext.prototype.setSinkId;
              AudioContext.prototype.setSinkId = function (id) {
                sinks.push(id);
                return set.call(this, id);
              };
            }"""
        )
        with tab.settings():
            page.select_option("#microphone", wanted)
            tab.until("asked.length === 1")
            assert page.evaluate("asked") == [wanted]
            speaker = page.evaluate(last.format("loudspeaker"))
            assert speaker, "there is one to choose"
            page.select_option("#loudspeaker", speaker)
            page.fill("#volume", "40")
            assert page.inner_text("#volume-told") == "40 %"
            assert page.evaluate("gains.map(gain => gain.gain.value)") == [pytest.approx(0.4)]
            assert page.is_hidden("#pending"), "no reason for a new conversation"
        tab.until("sinks.length === 1")
        assert page.evaluate("sinks") == [speaker]
        assert len(tab.sockets) == 1
        page.reload()
        tab.until("document.querySelectorAll('#microphone option').length > 1")
        assert page.input_value("#microphone") == wanted
        assert page.input_value("#loudspeaker") == speaker
        assert page.input_value("#volume") == "40"
        assert tab.complaints == []


@pytest.mark.long
def test_the_microphone_can_be_opened_while_typed_words_begin_the_call(
    server: Served, tmp_path: Path
) -> None:
    with browsing(server.url, microphone_wav(tmp_path / "mic.wav", 60.0)) as tab:
        tab.page.evaluate(
            """() => {
              document.getElementById("words").value = "is it raining";
              document.getElementById("typing").requestSubmit();
              setTimeout(() => document.getElementById("talk").click(), 5);
            }"""
        )
        tab.until("told.some(e => e.type === 'microphone')")
        assert [event["open"] for event in tab.told("microphone")] == [True]
        tab.until("told.some(e => e.type === 'replydone')")
        assert len(tab.sockets) == 1
        assert tab.page.locator(".alert").count() == 0


def trimmed(path: Path) -> str:
    """The question about the weather without the silence around it."""
    wav = read_wav(AUDIO / "1-weather.wav")
    loud = np.flatnonzero(np.abs(np.frombuffer(wav.pcm16, "<i2").astype(int)) > 300)
    path.write_bytes(wav_bytes(wav.pcm16[2 * loud[0] : 2 * loud[-1]], wav.rate_hz))
    return str(path)


@pytest.mark.long
def test_an_answer_that_came_too_soon_is_struck_through(server: Served, tmp_path: Path) -> None:
    """The person asks, is answered, and goes on within a second of it."""
    asked = trimmed(tmp_path / "asked.wav")
    heard = microphone_wav(tmp_path / "mic.wav", 2.0, asked, 0.9, asked, 60)
    with browsing(server.url, heard) as tab:
        tab.page.click("#talk")
        tab.until("told.some(e => e.type === 'takenback')")
        assert tab.finals() == [WEATHER]
        tab.until("told.filter(e => e.type === 'final').length === 2")
        tab.until("told.some(e => e.type === 'sound' && e.what === 'ended')")
        struck = tab.page.query_selector_all("#conversation .taken-back")
        assert len(struck) == 1
        assert struck[0].query_selector("del").inner_text() != ""
        assert tab.complaints == []

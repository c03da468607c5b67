"""What the browser promises and does not keep: there is a deadline, there are words, and typing
works."""

from __future__ import annotations

import pytest

from support.browser import CHROMIUM, Served, Tab, browsing

pytest.importorskip("playwright.sync_api", reason="pip install -e '.[browser]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium"),
]

NEVER = "() => new Promise(() => {})"

BROKEN_SOUND = {
    "resume": f"AudioContext.prototype.resume = {NEVER};",
    "resume, and it stands still": (
        f"AudioContext.prototype.resume = {NEVER};"
        "Object.defineProperty(BaseAudioContext.prototype, 'state', {get: () => 'suspended'});"
    ),
    "addModule": f"AudioWorklet.prototype.addModule = {NEVER};",
    "setSinkId": (
        f"AudioContext.prototype.setSinkId = {NEVER};"
        "Object.defineProperty(AudioContext.prototype, 'sinkId', {get: () => 'another'});"
    ),
    "no context at all": (
        "AudioContext = class { constructor() { throw new Error('no sound system'); } };"
    ),
    "suspend": f"AudioContext.prototype.suspend = {NEVER};",
}


def types(tab: Tab) -> None:
    tab.page.fill("#words", "is it raining")
    tab.page.press("#words", "Enter")
    tab.until("told.some(e => e.type === 'token' && e.done)")
    tab.page.evaluate("document.activeElement.blur()")


@pytest.mark.long
@pytest.mark.parametrize("what", BROKEN_SOUND)
def test_without_sound_the_answer_can_be_read_and_another_call_begun(
    what: str, server: Served
) -> None:
    with browsing(server.url, script=BROKEN_SOUND[what]) as tab:
        types(tab)
        if "resume, and" in what or what in ("addModule", "no context at all"):
            assert "There is no sound." in tab.page.inner_text("#alerts")
            assert "read the answers" in tab.page.inner_text("#alerts")
            tab.until("told.some(e => e.type === 'replydone')")
            tab.until("document.getElementById('state').textContent === 'connected'")
        tab.page.click("#end")
        tab.until("document.getElementById('state').textContent === 'not connected'")
        tab.page.evaluate("told.length = 0")
        types(tab)


@pytest.mark.long
def test_a_question_about_the_microphone_that_nobody_answers(server: Served) -> None:
    script = f"navigator.mediaDevices.getUserMedia = {NEVER};"
    with browsing(server.url, script=script) as tab:
        tab.page.click("#talk")
        tab.until("told.some(e => e.type === 'online')")
        types(tab)
        tab.until("document.getElementById('alerts').textContent.includes('allow it there')")
        assert tab.told("microphone")[0]["open"] is False
        tab.page.click("#talk")
        tab.until("document.getElementById('state').textContent === 'not connected'")


@pytest.mark.long
def test_a_microphone_that_is_allowed_late_is_heard(server: Served) -> None:
    script = """
    const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
    navigator.mediaDevices.getUserMedia = (wanted) =>
      new Promise((done) => (window.allow = () => done(ask(wanted))));
    """
    with browsing(server.url, script=script) as tab:
        tab.page.click("#talk")
        tab.until("document.getElementById('alerts').textContent.includes('allow it there')")
        tab.page.evaluate("allow()")
        tab.until("told.some(e => e.type === 'level')")
        assert tab.page.inner_text("#alerts") == ""


@pytest.mark.long
def test_a_microphone_of_which_nothing_comes_is_said(server: Served) -> None:
    script = """
    const Node = AudioWorkletNode;
    AudioWorkletNode = class extends Node {
      constructor(context, name, options) {
        super(context, name, options);
        if (name === 'parley-capture') this.port.close();
      }
    };
    """
    with browsing(server.url, script=script) as tab:
        tab.page.click("#talk")
        tab.until("told.some(e => e.type === 'microphone' && !e.open)")
        assert "does not start the sound" in tab.page.inner_text("#alerts")
        types(tab)


@pytest.mark.long
def test_a_server_that_takes_the_connection_and_says_nothing(server: Served) -> None:
    script = """
    const Socket = WebSocket;
    WebSocket = class extends Socket {
      constructor(url) { super(String(url).replace(/:[0-9]+/, ':' + window.deaf)); }
    };
    """
    import socket

    with socket.create_server(("127.0.0.1", 0)) as deaf:
        script += f"window.deaf = {deaf.getsockname()[1]};"
        # The page's policy lets it ask no other port.
        with browsing(server.url, script=script, bypass_csp=True) as tab:
            tab.page.click("#talk")
            tab.until("told.some(e => e.type === 'offline')")
            assert "not there" in tab.page.inner_text("#alerts")


@pytest.mark.long
def test_settings_that_do_not_come_keep_nobody_waiting(server: Served) -> None:
    script = """
    const get = fetch;
    const never = ({ signal }) =>
      new Promise((_, no) => signal.addEventListener('abort', () => no(signal.reason)));
    window.fetch = (url, options) =>
      String(url).includes('stream_config') ? never(options) : get(url, options);
    """
    with browsing(server.url, script=script) as tab:
        types(tab)

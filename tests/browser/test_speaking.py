"""Who is speaking: the levels, the word that is lit, and what is kept of the sound."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest

from support.browser import CHROMIUM, SEEN, Served, browsing, microphone_wav

pytest.importorskip("playwright.sync_api", reason="pip install -e '.[browser]'")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium"),
]


@pytest.mark.parametrize(
    "protocol", ["newspeech", pytest.param("prompt-voice", marks=pytest.mark.long)]
)
def test_the_word_being_spoken_is_lit_the_level_moves_and_the_sound_is_kept(
    protocol: str, server: Served, tmp_path: Path
) -> None:
    heard = microphone_wav(tmp_path / "mic.wav", 0.5, "1-weather", 60)
    with browsing(server.url, heard, script=SEEN) as tab:
        tab.page.click("#open-saving")
        assert tab.page.is_disabled("#save-sound")
        tab.page.click("#saving .close")
        with tab.settings():
            tab.page.select_option("#protocol", protocol)
        tab.page.click("#talk")
        tab.until("told.some(e => e.type === 'replydone')")
        tab.until("told.filter(e => e.type === 'sound').at(-1).what === 'ended'")
        tab.page.wait_for_timeout(50)
        words = tab.page.inner_text("#conversation .parley .words").split()
        seen = tab.page.evaluate("seen")
        # In their order; short words may be over between two reports of the loudspeaker.
        assert len(seen["lit"]) > len(words) * 0.6
        places = iter(words)
        assert all(lit in places for lit in seen["lit"]), (seen["lit"], words)
        assert seen["lit"][-1] in words[-2:]
        assert max(seen["levels"]) > 20
        assert seen["levels"][-1] == 0
        assert max(seen["heard"]) > 20
        assert tab.page.query_selector("#conversation .lit, #conversation .unsaid") is None
        assert tab.complaints == []
        tab.page.click("#open-saving")
        with tab.page.expect_download() as download:
            tab.page.click("#save-sound")
        assert download.value.suggested_filename.endswith(".wav")
        download.value.save_as(tmp_path / "a.wav")
        is_the_conversation(tmp_path / "a.wav", tab.told("sound")[-1]["playedMs"])


def is_the_conversation(path: Path, played_ms: float) -> None:
    """The sound that was kept: the person on the left, and then the reply on the right."""
    with wave.open(str(path)) as wav:
        assert (wav.getnchannels(), wav.getframerate(), wav.getsampwidth()) == (2, 16000, 2)
        both = np.frombuffer(wav.readframes(wav.getnframes()), "<i2").reshape(-1, 2)
    loud = np.abs(both.astype(int)) > 300
    (person,), (reply,) = (np.nonzero(loud[:, side]) for side in (0, 1))
    assert person[0] < reply[0]
    length_ms = (reply[-1] - reply[0]) / 16
    assert played_ms - 700 < length_ms < played_ms + 50


@pytest.mark.long
def test_the_text_is_saved_with_what_was_not_heard(server: Served, tmp_path: Path) -> None:
    heard = microphone_wav(tmp_path / "mic.wav", 0.5, "3-timer", 2.4, "4-lights", 60)
    with browsing(server.url, heard) as tab:
        tab.page.click("#talk")
        tab.until("told.some(e => e.type === 'interrupted')")
        tab.until("told.filter(e => e.type === 'final').length === 2")
        tab.page.click("#renew")
        tab.until("told.filter(e => e.type === 'session').length === 2")
        tab.page.click("#open-saving")
        with tab.page.expect_download() as download:
            tab.page.click("#save-text")
        download.value.save_as(tmp_path / "a.md")
        struck = tab.page.inner_text("#conversation del").strip()
    text = (tmp_path / "a.md").read_text()
    assert "- Answers: a few rules of Parley's own: no language model is connected" in text
    assert f"~~{struck}~~" in text
    assert "set a timer for ten minutes" in text
    assert "*New conversation, " in text
    assert text.index("set a timer") < text.index("~~") < text.index("*New conversation")


MODULES = """async () => {
  const { SpokenWords, wordAt } = await import("./static/spoken_words.js");
  const { SoundMemory, HEARD, PLAYED, MAX_S } = await import("./static/sound_memory.js");
  const found = {};
  found.words = [0, 0.2, 0.5, 0.99, 1].map((share) => wordAt("ab cd efgh ij", share));

  const spoken = new SpokenWords();
  found.nothing = spoken.at(100);
  spoken.phrase({ text: "One two.", ms: 700, fromMs: 0 });
  spoken.audio(700);
  spoken.phrase({ text: "Three four.", ms: 1000, fromMs: 0 });
  spoken.audio(240);
  found.second = spoken.at(800);
  spoken.cut(800);
  spoken.phrase({ text: "Three four.", ms: 1000, fromMs: 100 });
  spoken.audio(900);
  found.resumed = [spoken.at(940), spoken.at(940 + 500)];
  spoken.forget();
  found.forgotten = spoken.at(940);

  const memory = new SoundMemory();
  found.empty = memory.isEmpty;
  const tone = (n) => Int16Array.from({ length: n }, () => 1000);
  memory.add(HEARD, tone(320), 16000, 5.0);
  memory.add(HEARD, tone(320), 16000, 5.021); // the clock is coarse: no seam
  memory.add(PLAYED, tone(480), 24000, 6.5);
  const bytes = new Int16Array(await memory.wav().arrayBuffer(), 44);
  found.seconds = bytes.length / 2 / 16000;
  found.heard = bytes.filter((v, n) => n % 2 === 0 && v === 1000).length;
  found.playedFirst = bytes.findIndex((v, n) => n % 2 === 1 && v > 500) / 2 / 16000;
  for (let second = 7; second < MAX_S + 60; second += 1) memory.add(HEARD, tone(16), 16000, second);
  found.kept = (await memory.wav().arrayBuffer()).byteLength / 4 / 16000;
  return found;
}"""


def test_the_arithmetic_of_words_and_of_the_kept_sound(server: Served) -> None:
    with browsing(server.url) as tab:
        found = tab.page.evaluate(MODULES)
    assert [(row["offset"], row["word"]) for row in found["words"]] == [
        *((0, 2), (2, 2), (4, 4), (8, 2)),
        (10, 0),
    ]
    assert found["nothing"] is None
    assert found["second"] == {"before": 7, "word": 5}
    assert found["resumed"] == [{"before": 7, "word": 5}, {"before": 12, "word": 5}]
    assert found["forgotten"] is None
    assert found["empty"]
    assert found["seconds"] == 2
    assert found["heard"] == 640
    assert found["playedFirst"] == pytest.approx(1.5, abs=0.005)
    assert 1799 <= found["kept"] <= 1801

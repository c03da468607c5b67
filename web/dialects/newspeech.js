/** Dialect C, `/engine`: binary PCM16 at 24 kHz both ways, JSON for the rest. */

import { plain } from "./prompt_voice.js";

const RATE_HZ = 24000;
/** Longer than the longest silence that a server waits for; in frames of 100 ms. */
const SILENCE = { frames: 32, samples: RATE_HZ / 10 };

export const newspeech = {
  name: "newspeech",
  path: "engine",
  microphoneHz: RATE_HZ,
  takesText: true,
  /** Whether it says which words a piece of audio holds. */
  tellsPhrases: true,
  tellsTools: true,
  makeCodec: codec,
};

function codec() {
  let started = false;
  return {
    /** Once for a session: its microphone stays open. */
    listen() {
      if (started) return [];
      started = true;
      return [json({ type: "control", command: "start_session", audio_clock: true })];
    },
    /** The protocol has no word for it. Silence ends what was being said. */
    unlisten: () => Array.from({ length: SILENCE.frames }, () => new Int16Array(SILENCE.samples)),
    audio: (pcm16) => [pcm16],
    text: (content) => [json({ type: "text", content })],
    interrupt: () => [json({ type: "barge_in" })],
    played: (ms, flushed) => [json({ type: "played", ms, ...(flushed && { flushed }) })],
    goodbye: () => [json({ type: "control", command: "end_session" })],
    read(frame) {
      if (typeof frame !== "string") {
        return [{ type: "audio", pcm16: new Int16Array(frame), rateHz: RATE_HZ, seq: null }];
      }
      const message = JSON.parse(frame);
      switch (message.type) {
        case "speech_started":
          return [{ type: "speechstart", audioMs: message.audio_ms }];
        case "speech_ended":
          return [{ type: "speechend", audioMs: message.audio_ms }];
        default:
          return plain(message);
      }
    },
  };
}

const json = (value) => JSON.stringify(value);

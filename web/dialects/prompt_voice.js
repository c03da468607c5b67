/** Dialect A, `/ws`: binary audio in, JSON out, a whole WAV per phrase. */

import { fromBase64, readWav } from "../samples.js";
import { toolEvents } from "./tools.js";

const RATE_HZ = 16000;

export const promptVoice = {
  name: "prompt-voice",
  path: "ws",
  microphoneHz: RATE_HZ,
  takesText: false,
  /** Whether it says which words a piece of audio holds. */
  tellsPhrases: true,
  tellsTools: true,
  makeCodec: () => ({
    listen: () => [json({ type: "start", sample_rate: RATE_HZ, audio_clock: true })],
    unlisten: () => [json({ type: "stop" })],
    audio: (pcm16) => [pcm16],
    text: null,
    interrupt: () => [json({ type: "cancel" })],
    played: (ms, flushed) => [json({ type: "played", ms, ...(flushed && { flushed }) })],
    goodbye: () => [],
    read: (frame) => plain(JSON.parse(frame)),
  }),
};

const json = (value) => JSON.stringify(value);

/** What the messages mean that dialects A and C share. */
export function plain(message) {
  switch (message.type) {
    case "info":
      return message.session_id
        ? [{ type: "session", id: message.session_id }]
        : [{ type: "info", message: message.message }];
    case "partial_transcript":
      return [{ type: "partial", text: message.text, stableChars: message.stable_chars ?? 0 }];
    case "finalize_pending":
      return [{ type: "finalizing" }];
    case "final_transcript":
      return [{ type: "final", text: message.text, id: message.id }];
    case "llm_token":
      return [{ type: "token", text: message.text, done: message.done }];
    case "phrase":
      return [
        {
          type: "phrase",
          seq: message.seq,
          text: message.text,
          ms: message.ms,
          fromMs: message.from_ms,
        },
      ];
    case "tts_chunk": {
      const wav = readWav(fromBase64(message.audio_b64));
      return [{ type: "audio", ...wav, seq: message.seq }];
    }
    case "tts_phrase_done":
      return [{ type: "phrasedone", seq: message.seq }];
    case "tts_complete":
      return [{ type: "replydone" }];
    case "barge_in":
      return [{ type: "interrupted", seq: message.seq, heard: message.heard }];
    case "reply_resumed":
      return [{ type: "resumed" }];
    case "reply_taken_back":
      return [{ type: "takenback" }];
    case "error":
      // The answer to a cancel ends the reply, as an interruption does.
      if (message.code === "CANCELLED") return [{ type: "interrupted", seq: 0 }];
      return [
        {
          type: "failure",
          code: message.code,
          message: message.message,
          recoverable: message.recoverable,
        },
      ];
    case "metrics":
      if (message.event !== "latency") return [];
      return [{ type: "latency", times: [0, 1, 2, 3, 4].map((n) => message[`t${n}`]) }];
    default:
      return toolEvents(message);
  }
}

/** Dialect B, `/stream`: JSON both ways, audio as base64 PCM16 at 16 kHz. */

import { fromBase64, toBase64 } from "../samples.js";
import { toolEvents } from "./tools.js";

const RATE_HZ = 16000;

export const ioSpeech = {
  name: "io-speech",
  path: "stream",
  microphoneHz: RATE_HZ,
  takesText: false,
  /** Whether it says which words a piece of audio holds. */
  tellsPhrases: false,
  tellsTools: true,
  makeCodec() {
    let sequence = 0;
    return {
      listen: () => [control("start_listening")],
      unlisten: () => [control("stop_listening")],
      audio: (pcm16) => [
        JSON.stringify({
          type: "audio",
          data: toBase64(pcm16),
          timestamp: Date.now(),
          sequence: ++sequence,
        }),
      ],
      text: null,
      interrupt: () => [control("cancel_tts")],
      played: null,
      goodbye: () => [],
      read: (frame) => said(JSON.parse(frame)),
    };
  },
};

const control = (action) => JSON.stringify({ type: "control", action });

function said(message) {
  switch (message.type) {
    case "status":
      return [{ type: "state", state: message.status }];
    case "vad":
      return [{ type: message.event === "speech_start" ? "speechstart" : "speechend" }];
    case "transcript":
      return message.is_final
        ? [{ type: "final", text: message.text }]
        : [
            {
              type: "partial",
              text: message.text,
              stableChars: message.stable_chars ?? 0,
            },
          ];
    case "audio_output":
      return [
        {
          type: "audio",
          pcm16: new Int16Array(fromBase64(message.data)),
          rateHz: message.sample_rate,
          seq: message.sequence,
        },
      ];
    case "barge_in":
      return [{ type: "interrupted", seq: message.cancelled_sequence }];
    case "error":
      return [{ type: "failure", code: message.code, message: message.message, recoverable: true }];
    default:
      return toolEvents(message);
  }
}

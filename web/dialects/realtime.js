/** Dialect D, `/v1/realtime`: OpenAI's Realtime API. JSON both ways, audio as base64 PCM16 at 24 kHz. */

import { fromBase64, toBase64 } from "../samples.js";
import { ticket } from "./tools.js";

const RATE_HZ = 24000;
/** Longer than the longest silence that a server waits for; in frames of 100 ms. */
const SILENCE = { frames: 32, samples: RATE_HZ / 10 };

const FORMAT = { type: "audio/pcm", rate: RATE_HZ };
const SESSION = {
  type: "realtime",
  audio: {
    input: {
      format: FORMAT,
      transcription: { model: "whisper-1" },
      // Waits 2 s at the most, as Parley does by default in its other protocols.
      turn_detection: { type: "semantic_vad", eagerness: "high" },
    },
    output: { format: FORMAT },
  },
};
/** What the page asks for without knowing whether there is still something to be done: the reply may
 * have ended meanwhile. An error that names one of these events is no failure. */
const [CANCEL, TRUNCATE] = ["parley-cancel", "parley-truncate"];

export const realtime = {
  name: "realtime",
  path: "v1/realtime",
  microphoneHz: RATE_HZ,
  takesText: true,
  /** Whether it says which words a piece of audio holds. */
  tellsPhrases: false,
  /** Whether it can tell of tools that the server runs, and of who answers. */
  tellsTools: false,
  /** Parameters of the address that mean something in this protocol alone. */
  reserved: ["intent", "model"],
  makeCodec: () => new Codec(),
};

class Codec {
  constructor() {
    this._isSetUp = false;
    this._responds = false;
    /** The item whose sound came last, and the one that was cut last. */
    this._sounding = this._cut = null;
    /** The words of utterances that are not final, by the ids of their items. */
    this._words = new Map();
  }

  listen() {
    if (this._isSetUp) return [];
    this._isSetUp = true;
    return [json({ type: "session.update", session: SESSION })];
  }

  /** A commit would end the utterance and leave the answer to the client; silence ends it here as
   * everywhere, and the server answers by itself. */
  unlisten() {
    return Array.from({ length: SILENCE.frames }, () => append(new Int16Array(SILENCE.samples)));
  }

  audio(pcm16) {
    return [append(pcm16)];
  }

  /** There is one response at a time: typed words end the one that is being made. */
  text(text) {
    const content = [{ type: "input_text", text }];
    return [
      ...(this._responds ? this.interrupt() : []),
      json({ type: "conversation.item.create", item: { type: "message", role: "user", content } }),
      json({ type: "response.create" }),
    ];
  }

  interrupt() {
    return [json({ type: "response.cancel", event_id: CANCEL })];
  }

  /** Only what was played of a reply that was cut can be told. */
  played(ms, flushed) {
    if (!flushed || this._cut === null) return [];
    const item = { item_id: this._cut, content_index: 0, audio_end_ms: Math.round(ms) };
    this._cut = null;
    return [json({ type: "conversation.item.truncate", event_id: TRUNCATE, ...item })];
  }

  goodbye() {
    return [];
  }

  read(frame) {
    const event = JSON.parse(frame);
    switch (event.type) {
      case "session.created":
        return [{ type: "session", id: event.session.id }];
      case "parley.resume":
        return [ticket(event)];
      case "input_audio_buffer.speech_started":
        return [{ type: "speechstart", audioMs: event.audio_start_ms }];
      case "input_audio_buffer.speech_stopped":
        return [{ type: "speechend", audioMs: event.audio_end_ms }];
      case "input_audio_buffer.committed":
        return [{ type: "finalizing" }];
      case "conversation.item.input_audio_transcription.delta":
        return [this._partial(event.item_id, event.delta)];
      case "conversation.item.input_audio_transcription.completed":
        this._words.delete(event.item_id);
        return [{ type: "final", text: event.transcript, id: event.item_id }];
      case "conversation.item.input_audio_transcription.failed":
        this._words.delete(event.item_id);
        return [failed(event.error)];
      case "response.created":
        this._responds = true;
        return [];
      case "response.output_audio_transcript.delta":
      case "response.output_text.delta":
        return [{ type: "token", text: event.delta, done: false }];
      case "response.output_audio_transcript.done":
      case "response.output_text.done":
        return [{ type: "token", text: "", done: true }];
      case "response.output_audio.delta":
        this._sounding = event.item_id;
        return [this._audio(event.delta)];
      case "response.done":
        return this._done(event.response);
      case "error":
        return [CANCEL, TRUNCATE].includes(event.error.event_id) ? [] : [failed(event.error)];
      default:
        return [];
    }
  }

  _partial(id, delta) {
    const text = (this._words.get(id) ?? "") + delta;
    this._words.set(id, text);
    return { type: "partial", text, stableChars: text.length };
  }

  _audio(delta) {
    return { type: "audio", pcm16: new Int16Array(fromBase64(delta)), rateHz: RATE_HZ, seq: null };
  }

  _done({ status, output }) {
    this._responds = false;
    if (status !== "cancelled") return [{ type: "replydone" }];
    const said = output.find(({ type }) => type === "message");
    if (said && said.id === this._sounding) this._cut = said.id;
    return [{ type: "interrupted", seq: null, heard: heardOf(said) }];
  }
}

/** What the person heard of a reply that was cut. */
const heardOf = (item) => (item?.content ?? []).map((part) => part.transcript ?? part.text).join("");

const append = (pcm16) =>
  json({ type: "input_audio_buffer.append", audio: toBase64(pcm16) });

/** Codes are written in lower case in this protocol. */
const failed = ({ code, message }) => ({
  type: "failure",
  code: (code ?? "").toUpperCase(),
  message,
  recoverable: true,
});

const json = (value) => JSON.stringify(value);

/**
 * Where a browser has no AudioWorklet: record an utterance, send it, play the answer.
 *
 * Events: `recording` {on}, `waiting`, `answer` {transcript, reply}, `failure` {message, advice}.
 * @module
 */

import { Access, LONG_MS } from "./access.js";
import { microphoneAdvice } from "./advice.js";
import { within } from "./deadline.js";

/** How long a person may think about the microphone. */
const ASKED_MS = 60_000;
const stop = (stream) => stream.getTracks().forEach((track) => track.stop());

/** Whether a whole call is possible here. */
export const canCall = () => Boolean(globalThis.AudioContext && globalThis.AudioWorkletNode);

export class Dictation extends EventTarget {
  /** @param {object} [options] @param {string|URL} [options.base] @param {Access} [options.access] */
  constructor({ base = document.baseURI, access = new Access(base) } = {}) {
    super();
    this._access = access;
    this._recorder = null;
    this._sound = new Audio();
  }

  get isRecording() {
    return this._recorder !== null;
  }

  /** Begin to record, or end it and have it answered. */
  async toggle() {
    if (this._recorder) return this._recorder.stop();
    this._sound.pause();
    let stream;
    try {
      const asked = navigator.mediaDevices.getUserMedia({ audio: true });
      stream = await within(asked, ASKED_MS, "nobody answered", stop);
    } catch (error) {
      return this._tell("failure", { message: "no microphone", advice: microphoneAdvice(error) });
    }
    const pieces = [];
    const recorder = (this._recorder = new MediaRecorder(stream));
    recorder.ondataavailable = ({ data }) => pieces.push(data);
    recorder.onstop = () => {
      for (const track of stream.getTracks()) track.stop();
      this._recorder = null;
      this._tell("recording", { on: false });
      this._ask(new Blob(pieces, { type: recorder.mimeType }));
    };
    recorder.start();
    this._tell("recording", { on: true });
  }

  close() {
    if (this._recorder) {
      this._recorder.onstop = null;
      for (const track of this._recorder.stream.getTracks()) track.stop();
      this._recorder.stop();
      this._recorder = null;
    }
    this._sound.pause();
  }

  async _ask(recording) {
    this._tell("waiting");
    try {
      const asked = { method: "POST", body: recording };
      const answer = await this._access.fetch("api/voice", asked, LONG_MS);
      const said = await answer.json();
      if (!said.ok) throw new Error(said.error);
      this._tell("answer", { transcript: said.transcript, reply: said.reply });
      if (said.audio_b64) {
        this._sound.src = `data:${said.mime};base64,${said.audio_b64}`;
        await this._sound.play();
      }
    } catch (error) {
      this._tell("failure", { message: error.message, advice: "Try again." });
    }
  }

  _tell(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/**
 * Where a browser has no AudioWorklet: record an utterance, send it, play the answer.
 *
 * Events: `recording` {on}, `waiting`, `answer` {transcript, reply}, `failure` {message, advice}.
 * @module
 */

import { microphoneAdvice } from "./advice.js";

/** Whether a whole call is possible here. */
export const canCall = () => Boolean(globalThis.AudioContext && globalThis.AudioWorkletNode);

export class Dictation extends EventTarget {
  /** @param {object} [options] @param {string|URL} [options.base] */
  constructor({ base = document.baseURI } = {}) {
    super();
    this._url = new URL("api/voice", base);
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
      stream = await navigator.mediaDevices.getUserMedia({ audio: true });
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
      const answer = await fetch(this._url, { method: "POST", body: recording });
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

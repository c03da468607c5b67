/** The microphone's side of Web Audio: resamples, cuts frames, tells their level. */

import { Resampler } from "./resample.js";
import { toPcm16 } from "./samples.js";

const FRAMES_PER_S = 50;

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this._resampler = null;
    this.port.onmessage = ({ data: { rateHz } }) => this._begin(rateHz);
  }

  /** A microphone was opened, or closed: 0 Hz. The context's rate is what it is, not what was asked. */
  _begin(rateHz) {
    this._resampler = rateHz ? new Resampler(sampleRate, rateHz) : null;
    this._frame = new Float32Array(rateHz / FRAMES_PER_S);
    this._filled = 0;
  }

  process([input]) {
    if (this._resampler && input.length) this._take(this._resampler.push(mono(input)));
    return true;
  }

  _take(samples) {
    for (let at = 0; at < samples.length; ) {
      const piece = samples.subarray(at, at + this._frame.length - this._filled);
      this._frame.set(piece, this._filled);
      this._filled += piece.length;
      at += piece.length;
      if (this._filled === this._frame.length) this._tell();
    }
  }

  _tell() {
    this._filled = 0;
    const pcm16 = toPcm16(this._frame);
    const power = this._frame.reduce((sum, sample) => sum + sample * sample, 0);
    const level = Math.sqrt(power / this._frame.length);
    this.port.postMessage({ pcm16, level, timeS: currentTime }, [pcm16.buffer]);
  }
}

/** All channels into one. */
function mono(channels) {
  if (channels.length === 1) return channels[0];
  return channels[0].map((_, n) => channels.reduce((sum, c) => sum + c[n], 0) / channels.length);
}

registerProcessor("parley-capture", Capture);

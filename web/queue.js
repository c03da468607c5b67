/** Reply audio that waits to be played, and what was really played of it. Plain arithmetic. */

import { Resampler } from "./resample.js";
import { toFloats } from "./samples.js";

/** Silence between the first piece and its sound, so that the next ones may be a little late. */
export const CUSHION_S = 0.04;
/** How long a gain takes to change, and a reply that is cut takes to fade: no click. */
const FADE_S = 0.008;

export class PlaybackQueue {
  /** @param {number} rateHz The loudspeaker's. */
  constructor(rateHz) {
    this.rateHz = rateHz;
    this.played = 0;
    this.dropped = 0;
    /** Times it ran dry in the middle of a reply. */
    this.gaps = 0;
    this.gain = 1;
    this._wantedGain = 1;
    this._pieces = [];
    this._at = 0;
    this._waiting = 0;
    this._resampler = null;
    this._playing = false;
    this._whole = true;
    this._fading = null;
    this._held = false;
  }

  /** Samples that wait. */
  get length() {
    return this._waiting;
  }

  get isPlaying() {
    return this._playing;
  }

  /** @param {Int16Array} pcm16 @param {number} rateHz */
  push(pcm16, rateHz) {
    if (this._resampler?.from !== rateHz) {
      this._finish();
      this._resampler = new Resampler(rateHz, this.rateHz);
    }
    this._whole = false;
    this._append(this._resampler.push(toFloats(pcm16)));
  }

  /** All of the reply is here: what waits is played however little it is. */
  end() {
    this._finish();
    this._whole = true;
  }

  /** Throw away what waits. */
  flush() {
    this._fading = this._playing ? this._take(Math.round(FADE_S * this.rateHz)) : null;
    this.dropped += this._waiting;
    this._pieces = [];
    this._at = this._waiting = 0;
    this._resampler = null;
    this._playing = false;
    this._whole = true;
    this._held = false;
  }

  /** @param {number} gain 1: as it is. */
  duck(gain) {
    this._wantedGain = gain;
  }

  /** Stop where it is, or go on from there. @param {boolean} held */
  hold(held) {
    if (held && !this._held && this._playing) {
      this._fading = this._take(Math.round(FADE_S * this.rateHz));
      this._playing = false;
    }
    this._held = held;
  }

  /**
   * Fill what the loudspeaker wants next.
   * @param {Float32Array} out
   * @returns {number} How many of its samples are of the reply.
   */
  pull(out) {
    out.fill(0);
    if (this._fading) return this._fade(out);
    if (this._held) return 0;
    if (!this._playing) {
      if (!this._waiting || (!this._whole && this._waiting < CUSHION_S * this.rateHz)) return 0;
      this._playing = true;
    }
    const piece = this._take(out.length);
    const step = 1 / (FADE_S * this.rateHz);
    for (let n = 0; n < piece.length; n++) {
      const way = this._wantedGain - this.gain;
      this.gain += Math.max(-step, Math.min(step, way));
      out[n] = piece[n] * this.gain;
    }
    if (piece.length < out.length) {
      this._playing = false;
      if (!this._whole) this.gaps++;
    }
    this.played += piece.length;
    return piece.length;
  }

  _fade(out) {
    const piece = this._fading.subarray(0, out.length);
    const left = this._fading.length;
    for (let n = 0; n < piece.length; n++) out[n] = (piece[n] * this.gain * (left - n)) / left;
    this._fading = left > out.length ? this._fading.subarray(out.length) : null;
    this.played += piece.length;
    return piece.length;
  }

  _finish() {
    if (this._resampler) this._append(this._resampler.flush());
    this._resampler = null;
  }

  _append(samples) {
    if (!samples.length) return;
    this._pieces.push(samples);
    this._waiting += samples.length;
  }

  _take(count) {
    const out = new Float32Array(Math.min(count, this._waiting));
    for (let filled = 0; filled < out.length; ) {
      const piece = this._pieces[0].subarray(this._at, this._at + out.length - filled);
      out.set(piece, filled);
      filled += piece.length;
      this._at += piece.length;
      if (this._at === this._pieces[0].length) {
        this._pieces.shift();
        this._at = 0;
      }
    }
    this._waiting -= out.length;
    return out;
  }
}

/**
 * The sound of a conversation, kept in memory: what the microphone heard on the left, what the
 * loudspeaker played on the right. Seconds in which a side was silent take no room; no more than the
 * newest MAX_S seconds are kept, 115 MB at the most. Plain arithmetic.
 */

import { Resampler } from "./resample.js";
import { toFloats, toPcm16 } from "./samples.js";
import { makeWav } from "./wav.js";

export const RATE_HZ = 16000;
/** Half an hour. */
export const MAX_S = 30 * 60;
export const HEARD = 0;
export const PLAYED = 1;
/** A piece that begins so close to the end of the one before follows it without a seam: the clock
 * that dates the pieces is coarser than a sample. */
const SEAM_S = 0.08;

export class SoundMemory {
  constructor() {
    /** Second of the clock to its samples of both sides, null where one was silent. */
    this._seconds = new Map();
    this._ends = [-Infinity, -Infinity];
    this._resamplers = [null, null];
  }

  /** Whether anything was kept. */
  get isEmpty() {
    return this._seconds.size === 0;
  }

  /**
   * @param {number} side HEARD or PLAYED.
   * @param {Int16Array} pcm16
   * @param {number} rateHz
   * @param {number} startS When it began, by a clock that both sides share.
   */
  add(side, pcm16, rateHz, startS) {
    let at = Math.round(startS * RATE_HZ);
    const follows = Math.abs(at - this._ends[side]) < SEAM_S * RATE_HZ;
    if (follows) at = this._ends[side];
    if (!follows || this._resamplers[side]?.from !== rateHz) {
      this._resamplers[side] = new Resampler(rateHz, RATE_HZ);
    }
    const resampler = this._resamplers[side];
    const samples = rateHz === RATE_HZ ? pcm16 : toPcm16(resampler.push(toFloats(pcm16)));
    this._ends[side] = at + samples.length;
    for (let done = 0; done < samples.length; ) {
      const second = Math.floor((at + done) / RATE_HZ);
      const offset = at + done - second * RATE_HZ;
      const piece = samples.subarray(done, done + RATE_HZ - offset);
      this._room(second, side).set(piece, offset);
      done += piece.length;
    }
  }

  /** All that is kept, in two channels. @returns {Blob} */
  wav() {
    const kept = [...this._seconds.keys()].sort((a, b) => a - b);
    const pieces = [];
    for (let second = kept[0]; second <= kept.at(-1); second++) {
      const [heard, played] = this._seconds.get(second) ?? [null, null];
      const both = new Int16Array(RATE_HZ * 2);
      for (let n = 0; n < RATE_HZ; n++) {
        if (heard) both[2 * n] = heard[n];
        if (played) both[2 * n + 1] = played[n];
      }
      pieces.push(both);
    }
    return makeWav(pieces, RATE_HZ, 2);
  }

  _room(second, side) {
    let both = this._seconds.get(second);
    if (!both) {
      this._seconds.set(second, (both = [null, null]));
      for (const old of this._seconds.keys()) {
        if (old > second - MAX_S) break; // a Map keeps the order in which they came
        this._seconds.delete(old);
      }
    }
    return (both[side] ??= new Int16Array(RATE_HZ));
  }
}

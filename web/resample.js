/**
 * Changing the rate of a stream of samples, piece by piece, without a seam between the pieces.
 *
 * A windowed sinc, read from a table. Plain arithmetic: it runs in a worklet, and in Node's tests.
 */

const CROSSINGS = 12;
const STEPS = 256;

export class Resampler {
  /**
   * @param {number} from The rate of what comes, in Hz.
   * @param {number} to The rate of what is wanted, in Hz.
   */
  constructor(from, to) {
    if (!(from > 0) || !(to > 0)) throw new RangeError(`no rates: ${from} to ${to}`);
    this.from = from;
    this.to = to;
    this._step = from / to;
    const cutoff = Math.min(1, to / from) * (from === to ? 1 : 0.94);
    this._half = Math.ceil(CROSSINGS / cutoff);
    this._table = kernel(cutoff, this._half);
    this._known = new Float32Array(this._half);
    /** Where the next sample lies, counted from the first that is known. */
    this._at = this._half;
  }

  /**
   * @param {Float32Array} samples
   * @returns {Float32Array} What can be said by now: a few milliseconds are held back.
   */
  push(samples) {
    if (this.from === this.to) return samples;
    const known = new Float32Array(this._known.length + samples.length);
    known.set(this._known);
    known.set(samples, this._known.length);
    const most = known.length - this._half;
    const out = new Float32Array(Math.max(0, Math.ceil((most - this._at) / this._step)));
    let at = this._at;
    for (let n = 0; n < out.length; n++, at += this._step) out[n] = this._sample(known, at);
    const done = Math.max(0, Math.floor(at) - this._half);
    this._known = known.slice(done);
    this._at = at - done;
    return out;
  }

  /** The end of the stream: what was held back. */
  flush() {
    const out = this.push(new Float32Array(this.from === this.to ? 0 : this._half));
    this._known = new Float32Array(this._half);
    this._at = this._half;
    return out;
  }

  _sample(known, at) {
    const first = Math.max(0, Math.ceil(at - this._half));
    const last = Math.min(known.length - 1, Math.floor(at + this._half));
    let sum = 0;
    for (let n = first; n <= last; n++) {
      const place = Math.abs(n - at) * STEPS;
      const low = place | 0;
      const a = this._table[low];
      sum += known[n] * (a + (this._table[low + 1] - a) * (place - low));
    }
    return sum;
  }
}

function kernel(cutoff, half) {
  const table = new Float32Array(half * STEPS + 2);
  for (let n = 0; n < half * STEPS; n++) {
    const x = n / STEPS;
    const sinc = n === 0 ? 1 : Math.sin(Math.PI * cutoff * x) / (Math.PI * cutoff * x);
    table[n] = cutoff * sinc * (0.5 + 0.5 * Math.cos((Math.PI * x) / half));
  }
  return table;
}

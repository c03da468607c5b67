/** The loudspeaker's side of Web Audio: plays the queue, and tells what was really played. */

import { PlaybackQueue } from "./queue.js";
import { toPcm16 } from "./samples.js";

const REPORT_S = 0.05;

class Playback extends AudioWorkletProcessor {
  constructor() {
    super();
    this._queue = new PlaybackQueue(sampleRate);
    this._was = false;
    this._toldS = 0;
    /** When the last sample of a reply was played: what silence is measured from. */
    this._lastS = 0;
    /** What was played since the last report, and when that began. */
    this._heard = [];
    this._heardS = 0;
    this.port.onmessage = ({ data }) => this._do(data);
  }

  _do(order) {
    switch (order.do) {
      case "play":
        return this._queue.push(order.pcm16, order.rateHz);
      case "end":
        return this._queue.end();
      case "duck":
        return this._queue.duck(order.gain);
      case "hold":
        return this._queue.hold(order.held);
      case "flush":
        this._queue.flush();
        return this._tell("flushed");
      case "forget":
        this._queue = new PlaybackQueue(sampleRate);
        this._was = false;
    }
  }

  process(_, [output]) {
    const sounding = this._queue.pull(output[0]);
    for (const channel of output.slice(1)) channel.set(output[0]);
    if (sounding) this._lastS = currentTime + sounding / sampleRate;
    const now = sounding > 0;
    if (now) this._keep(output[0].slice(0, sounding));
    if (now !== this._was) {
      this._was = now;
      this._tell(now ? "began" : "ended");
    } else if (now && currentTime - this._toldS > REPORT_S) this._tell("playing");
    return true;
  }

  _keep(samples) {
    if (!this._heard.length) this._heardS = currentTime;
    this._heard.push(samples);
  }

  _tell(what) {
    this._toldS = currentTime;
    const pcm16 = toPcm16(joined(this._heard));
    this._heard = [];
    const power = pcm16.reduce((sum, sample) => sum + (sample / 32768) ** 2, 0);
    const { played, dropped, gaps, length } = this._queue;
    const ms = (samples) => Math.round((samples * 1000) / sampleRate);
    this.port.postMessage({
      what,
      timeS: currentTime,
      lastS: this._lastS,
      playedMs: ms(played),
      droppedMs: ms(dropped),
      waitingMs: ms(length),
      gaps,
      level: pcm16.length ? Math.sqrt(power / pcm16.length) : 0,
      pcm16,
      rateHz: sampleRate,
      heardS: this._heardS,
    }, [pcm16.buffer]);
  }
}

function joined(pieces) {
  const all = new Float32Array(pieces.reduce((sum, piece) => sum + piece.length, 0));
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

registerProcessor("parley-playback", Playback);

/**
 * The loudspeaker: reply audio in, sound out, gapless and in order.
 *
 * Events, all with {timeS, lastS, playedMs, droppedMs, waitingMs, gaps}: `began` and `ended` (there is
 * sound, there is none), `playing` every 50 ms between them, `flushed`. Times are the context's, in
 * seconds; `lastS` is when the last sample was played. Beside them stand what was played since the
 * event before, as {level, pcm16, rateHz, heardS}: how loud it was, its samples, and when it began.
 * @module
 */

import { gainOf, nodeOf } from "./nodes.js";

const MODULE = new URL("./playback_worklet.js", import.meta.url);
const OPTIONS = { numberOfInputs: 0, outputChannelCount: [1] };

export class Speaker extends EventTarget {
  /** One at a time. @param {AudioContext} context */
  static async open(context) {
    return new Speaker(context, await nodeOf(context, "parley-playback", MODULE, OPTIONS));
  }

  /** Use `open`. */
  constructor(context, node) {
    super();
    this._node = node;
    this._node.port.onmessage = ({ data: { what, ...detail } }) =>
      this.dispatchEvent(new CustomEvent(what, { detail }));
    this._gain = gainOf(context);
    this._node.connect(this._gain).connect(context.destination);
  }

  /** How loud everything is, 0 to 1. */
  set volume(volume) {
    this._gain.gain.value = volume;
  }

  /** @param {Int16Array} pcm16 mono @param {number} rateHz */
  play(pcm16, rateHz) {
    this._node.port.postMessage({ do: "play", pcm16, rateHz }, [pcm16.buffer]);
  }

  /** All of the reply was given. */
  end() {
    this._node.port.postMessage({ do: "end" });
  }

  /** Fall silent now. */
  flush() {
    this._node.port.postMessage({ do: "flush" });
  }

  /** @param {number} gain 1 is as loud as it is. */
  duck(gain) {
    this._node.port.postMessage({ do: "duck", gain });
  }

  /** Stop where it is, or go on from there. @param {boolean} held */
  hold(held) {
    this._node.port.postMessage({ do: "hold", held });
  }

  close() {
    this._node.port.postMessage({ do: "forget" });
    this._node.port.onmessage = null;
    this._node.disconnect();
    this._gain.disconnect();
  }
}

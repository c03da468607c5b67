/**
 * The loudspeaker: reply audio in, sound out, gapless and in order.
 *
 * Events, all with {timeS, lastS, playedMs, droppedMs, waitingMs, gaps}: `began` and `ended` (there is
 * sound, there is none), `playing` every 50 ms between them, `flushed`. Times are the context's, in
 * seconds; `lastS` is when the last sample was played.
 * @module
 */

import { over } from "./ports.js";

export class Speaker extends EventTarget {
  /** @param {AudioContext} context */
  static async open(context) {
    await context.audioWorklet.addModule(new URL("./playback_worklet.js", import.meta.url));
    return new Speaker(context);
  }

  /** Use `open`. */
  constructor(context) {
    super();
    this._node = new AudioWorkletNode(context, "parley-playback", {
      numberOfInputs: 0,
      outputChannelCount: [1],
    });
    this._node.port.onmessage = ({ data: { what, ...detail } }) =>
      this.dispatchEvent(new CustomEvent(what, { detail }));
    this._node.connect(context.destination);
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

  /** Resolves when nothing of it is left. */
  async close() {
    await over(this._node.port, { do: "stop" });
    this._node.disconnect();
  }
}

/**
 * The microphone, as frames of PCM16 at the rate one wants.
 *
 * Events: `frame` {pcm16, level, timeS}, 20 ms each, and `ended` where the device went away.
 * @module
 */

import { over } from "./ports.js";

export class Microphone extends EventTarget {
  /** Open it. Rejects with what getUserMedia throws, or with one named InsecureError.
   * @param {AudioContext} context
   * @param {number} rateHz What the frames shall have, whatever the context has.
   */
  static async open(context, rateHz) {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw Object.assign(new Error("no secure context"), { name: "InsecureError" });
    }
    const stream = await navigator.mediaDevices.getUserMedia({
      audio: {
        echoCancellation: true,
        noiseSuppression: true,
        autoGainControl: true,
        channelCount: 1,
      },
    });
    try {
      await context.audioWorklet.addModule(new URL("./capture_worklet.js", import.meta.url));
    } catch (error) {
      for (const track of stream.getTracks()) track.stop();
      throw error;
    }
    return new Microphone(context, rateHz, stream);
  }

  /** Use `open`. */
  constructor(context, rateHz, stream) {
    super();
    this._stream = stream;
    this._source = context.createMediaStreamSource(stream);
    this._node = new AudioWorkletNode(context, "parley-capture", {
      numberOfOutputs: 0,
      processorOptions: { rateHz },
    });
    this._node.port.onmessage = ({ data }) => this._tell("frame", data);
    for (const track of stream.getTracks()) track.onended = () => this._tell("ended");
    this._source.connect(this._node);
  }

  /** Resolves when nothing of it is left. */
  async close() {
    for (const track of this._stream.getTracks()) {
      track.onended = null;
      track.stop();
    }
    await over(this._node.port, "stop");
    this._source.disconnect();
    this._node.disconnect();
  }

  _tell(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/**
 * The microphone, as frames of PCM16 at the rate one wants.
 *
 * Events: `frame` {pcm16, level, timeS}, 20 ms each, and `ended` where the device went away.
 * @module
 */

import { nodeOf } from "./nodes.js";

const MODULE = new URL("./capture_worklet.js", import.meta.url);

const PROCESSING = {
  echoCancellation: true,
  noiseSuppression: true,
  autoGainControl: true,
  channelCount: 1,
};

/** One that was pulled out meanwhile is no reason to be deaf: the system's own is used. */
async function ask(deviceId) {
  const open = (audio) => navigator.mediaDevices.getUserMedia({ audio });
  if (!deviceId) return open(PROCESSING);
  try {
    return await open({ ...PROCESSING, deviceId: { exact: deviceId } });
  } catch (error) {
    if (error.name !== "OverconstrainedError" && error.name !== "NotFoundError") throw error;
    return open(PROCESSING);
  }
}

export class Microphone extends EventTarget {
  /** Open it, one at a time. Rejects with what getUserMedia throws, or with one named InsecureError.
   * @param {AudioContext} context
   * @param {number} rateHz What the frames shall have, whatever the context has.
   * @param {string} [deviceId] Which one; "", or one that is gone: as the system has chosen.
   */
  static async open(context, rateHz, deviceId = "") {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw Object.assign(new Error("no secure context"), { name: "InsecureError" });
    }
    const stream = await ask(deviceId);
    try {
      const node = await nodeOf(context, "parley-capture", MODULE, { numberOfOutputs: 0 });
      return new Microphone(context, rateHz, stream, node);
    } catch (error) {
      for (const track of stream.getTracks()) track.stop();
      throw error;
    }
  }

  /** Use `open`. */
  constructor(context, rateHz, stream, node) {
    super();
    this._stream = stream;
    this._source = context.createMediaStreamSource(stream);
    this._node = node;
    this._node.port.postMessage({ rateHz });
    this._node.port.onmessage = ({ data }) => this._tell("frame", data);
    for (const track of stream.getTracks()) track.onended = () => this._tell("ended");
    this._source.connect(this._node);
  }

  /** The id of the device that it really is. */
  get deviceId() {
    return this._stream.getAudioTracks()[0]?.getSettings().deviceId ?? "";
  }

  /** Deaf, frames are silence. @param {boolean} on */
  set deaf(on) {
    for (const track of this._stream.getTracks()) track.enabled = !on;
  }

  close() {
    for (const track of this._stream.getTracks()) {
      track.onended = null;
      track.stop();
    }
    this._source.disconnect();
    this._node.port.onmessage = null;
    this._node.port.postMessage({ rateHz: 0 });
  }

  _tell(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/**
 * The calls of the page, one at a time: begun, ended, begun anew, muted, held. All events of the Call
 * come through; beside them `begun` {again}, `over`, and `changed` whenever a button may look other.
 * @module
 */

import { Call, EVENTS } from "../parley.js";

export class Talking extends EventTarget {
  /**
   * @param {() => object} wishes What the next Call is begun with.
   * @param {() => object} sound {microphoneId, volume, pushToTalk} as they are set.
   * @param {import("../access.js").Access} access
   */
  constructor(wishes, sound, access) {
    super();
    this._access = access;
    this._wishes = wishes;
    this._sound = sound;
    this._call = null;
    this._begunWith = "";
    this._opening = false;
    this._started = Promise.resolve();
    this._held = false;
    this._restarted = Promise.resolve();
    /** Of the newest call that was to be recorded. */
    this.recordingUrl = null;
    /** What must be known before the first call. */
    this.configured = Promise.resolve();
    /** Says whether a call can be begun, and if not, what is missing. */
    this.mayBegin = null;
  }

  get isOn() {
    return this._call !== null;
  }

  get hasMicrophone() {
    return this._call?.hasMicrophone ?? false;
  }

  get hasSound() {
    return this._call?.hasSound ?? false;
  }

  get isMuted() {
    return this._call?.isMuted ?? false;
  }

  get isHeld() {
    return this._held;
  }

  /** Whether the server records this call because the page asked for it. */
  get isRecorded() {
    return this.isOn && Boolean(JSON.parse(this._begunWith).record);
  }

  /** Whether the settings are other than those that the call was begun with. */
  get isOutdated() {
    return this.isOn && JSON.stringify(this._wishes()) !== this._begunWith;
  }

  /** The wishes that the call was begun with. */
  get wishes() {
    return this.isOn ? JSON.parse(this._begunWith) : null;
  }

  async begin({ microphone }) {
    await this.configured;
    if (this._call) return; // somebody was faster
    if (this.mayBegin && !this.mayBegin()) return;
    const options = this._wishes();
    const { pushToTalk, ...sound } = this._sound();
    this._begunWith = JSON.stringify(options);
    const call = (this._call = new Call({
      ...options,
      ...sound,
      muted: pushToTalk && !this._held,
      ticket: (door) => this._access.ticket(door),
    }));
    for (const type of EVENTS) {
      call.addEventListener(type, ({ detail }) => {
        if (type === "session") this.recordingUrl = call.recordingUrl ?? this.recordingUrl;
        this._tell(type, detail);
        if (type === "microphone" || type === "muted") this._tell("changed");
      });
    }
    this._tell("begun", { options });
    this._tell("changed");
    this._opening = microphone;
    this._started = call.start({ microphone }).finally(() => (this._opening = false));
    await this._started;
  }

  async end() {
    const over = this._call;
    this._call = null;
    this._held = false;
    await over?.close();
    this._tell("over");
    this._tell("changed");
  }

  /** The button of the call: begin it, open its microphone, end it. */
  async talk() {
    if (this.hasMicrophone || this._opening) await this.end();
    else if (this._call) await this._open();
    else await this.begin({ microphone: true });
  }

  /** The microphone of a call that was begun with typed words. */
  async _open() {
    const call = this._call;
    await this._started;
    if (this._call === call && !call.hasMicrophone) await call.openMicrophone();
  }

  /** Another conversation, one after the other however often it is asked for. */
  renew() {
    this._restarted = this._restarted.catch(() => {}).then(async () => {
      if (!this._call) return;
      const microphone = this.hasMicrophone || this._opening;
      await this.end();
      await this.begin({ microphone });
    });
    return this._restarted;
  }

  /** Push to talk: the button or the key goes down. */
  async hold() {
    this._held = true;
    if (!this._call) return this.begin({ microphone: true });
    this._call.mute(false);
    this._tell("changed");
    if (!this.hasMicrophone && !this._opening) await this._open();
  }

  /** It goes up. */
  release() {
    if (!this._held) return;
    this._held = false;
    this._call?.mute(true);
    this._tell("changed");
  }

  mute(on) {
    this._call?.mute(on);
  }

  interrupt() {
    this._call?.interrupt();
  }

  /** @returns {Promise<boolean>} Whether the protocol takes typed words. */
  async type(words) {
    if (!this._call) await this.begin({ microphone: false });
    if (!this._call?.takesText) return false;
    this._call.sendText(words);
    return true;
  }

  /** The settings of the sound are others: they take effect at once. */
  async soundChanged(what) {
    const { microphoneId, volume, pushToTalk } = this._sound();
    if (!this._call) return;
    if (what === "volume") this._call.volume = volume;
    if (what === "microphone") await this._call.useMicrophone(microphoneId);
    if (what === "push-to-talk") this._call.mute(pushToTalk);
    this._tell("changed");
  }

  close() {
    this._call?.close();
  }

  _tell(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

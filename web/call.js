/**
 * A call: the client, the microphone and the loudspeaker together, kept alive.
 *
 * All events of the Client come through, and `level` {level, loud, timeS, pcm16, rateHz} for each 20 ms
 * of the microphone, `sound` {what, playedMs, level, …} from the loudspeaker, `microphone`
 * {open, advice}, `muted` {on}, `offline` {waitMs, advice} and `online`. `refused` {status, message}:
 * the server wants a token, or another one; there is no new connection. `ended` {reason}: the server,
 * or its agent, has ended the conversation, and the last of it was played; there is none either.
 * @module
 */

import { failure, microphoneAdvice } from "./advice.js";
import { Client, DIALECTS, hasEnded } from "./client.js";
import { TooLate, within } from "./deadline.js";
import { Ducking } from "./ducking.js";
import { Microphone } from "./microphone.js";
import { PlayedAccount } from "./played_account.js";
import { takeContext, giveContextBack } from "./sound.js";
import { Speaker } from "./speaker.js";

const CLIENT_EVENTS = [
  "open", "session", "ticket", "state", "speechstart", "speechend", "partial", "finalizing", "final", "token",
  "phrase", "audio", "phrasedone", "replydone", "interrupted", "resumed",
  "takenback", "agent", "toolcall", "toolresult", "transfer", "latency", "info", "failure", "close",
];
/** All that a call tells. */
export const EVENTS = [
  ...CLIENT_EVENTS, "level", "sound", "microphone", "muted", "offline", "online", "refused", "ended",
];

const BACKOFF_MS = [250, 500, 1000, 2000, 4000, 8000];
/** Others have lost the same server in the same moment: not all come again at once. */
const JITTER_MS = 250;
/** How long what is left of the last words may take, after the server has ended the conversation. */
const LAST_WORDS_MS = 5000;
/** How long the conversation waits for the loudspeaker. It goes on in writing. */
const SOUND_MS = 6000;
/** How long a person may think about the microphone before the page says that it waits for that. */
const ASKED_MS = 12_000;
/** How long an open microphone may give nothing, not even silence. It gives a frame each 20 ms. */
const FRAMES_MS = 5000;

export class Call extends EventTarget {
  /**
   * @param {object} [options] What a Client takes: `protocol`, `base`, `record`, `silenceMs`,
   * `sensitivity`, `voice`, `agent`, `parameters`, `ticket`.
   * @param {string} [options.microphoneId] Which one; "": as the system has chosen.
   * @param {number} [options.volume] 0 to 1.
   * @param {boolean} [options.muted] Whether it begins deaf.
   */
  constructor({
    protocol = "newspeech",
    microphoneId = "",
    volume = 1,
    muted = false,
    ...options
  } = {}) {
    super();
    this._options = { protocol, ...options };
    this._microphoneId = microphoneId;
    this._volume = volume;
    this._muted = muted;
    /** Where the newest session's recording can be fetched; null: it was not asked for. */
    this.recordingUrl = null;
    this._client = null;
    this._microphone = null;
    this._speaker = null;
    this._context = null;
    this._over = false;
    this._failures = 0;
    this._ducking = null;
    this._sounds = false;
    this._account = new PlayedAccount((ms, flushed) => this._client?.tellPlayed(ms, flushed));
    /** By what the conversation goes on over another connection; "new": none is known. */
    this._goesOn = "new";
    /** Words that were typed while there was no connection. */
    this._unsent = [];
  }

  /**
   * Begin. Call it from a click: browsers want one before they play sound.
   * @param {object} [options]
   * @param {boolean} [options.microphone] False: typed words alone.
   */
  async start({ microphone = true } = {}) {
    try {
      await within(this._openSpeaker(), SOUND_MS, "The browser does not start any sound.");
    } catch (error) {
      if (!this._over) this._tell("failure", failure("NO_SOUND", error.message));
    }
    if (this._over) return this._release(); // hung up meanwhile
    if (this._speaker && this._context.state !== "running") {
      this._tell("failure", failure("NO_SOUND", "The browser did not start any sound."));
    }
    await this._connect();
    if (microphone && !this._over) await this.openMicrophone();
  }

  /** The loudspeaker may come late: what is said from then on is heard. */
  async _openSpeaker() {
    const context = await takeContext();
    if (this._over) return giveContextBack();
    this._context = context;
    const speaker = await Speaker.open(context);
    if (this._over) return speaker.close();
    this._speaker = speaker;
    speaker.volume = this._volume;
    this._ducking = new Ducking(speaker);
    for (const what of ["began", "playing", "ended", "flushed"]) {
      speaker.addEventListener(what, ({ detail }) => this._sound(what, detail));
    }
  }

  /** Whether replies can be heard. */
  get hasSound() {
    return this._speaker !== null && this._context.state === "running";
  }

  /** Ask for the microphone. Whatever comes of it is told by `microphone`. */
  async openMicrophone() {
    const hz = DIALECTS[this._options.protocol].microphoneHz;
    const id = this._microphoneId;
    const waits = setTimeout(
      () => this._tell("microphone", { open: false, advice: microphoneAdvice({ name: "Waiting" }) }),
      ASKED_MS,
    );
    try {
      if (!this._context) throw new TooLate("the browser does not start the sound");
      const found = await Microphone.open(this._context, hz, id);
      if (this._over) return found.close();
      if (id !== this._microphoneId) return found.close(), this.openMicrophone(); // chosen meanwhile
      this._microphone = found;
      found.deaf = this._muted;
    } catch (error) {
      if (!this._over) this._tell("microphone", { open: false, advice: microphoneAdvice(error) });
      return;
    } finally {
      clearTimeout(waits);
    }
    if (!this._muted) this._client?.listen();
    const opened = this._microphone;
    const hears = setTimeout(() => this._microphone === opened && this._hearsNothing(), FRAMES_MS);
    opened.addEventListener("frame", () => clearTimeout(hears), { once: true });
    opened.addEventListener("frame", ({ detail }) => this._frame(detail));
    opened.addEventListener("ended", () => {
      this.closeMicrophone();
      const advice = "The microphone went away. Plug it in and press Talk again.";
      this._tell("microphone", { open: false, advice });
    });
    this._tell("microphone", { open: true, advice: "" });
  }

  /** The microphone is open, and nothing comes of it: a sound system that stands still. */
  _hearsNothing() {
    this.closeMicrophone();
    this._tell("microphone", { open: false, advice: microphoneAdvice({ name: "TooLate" }) });
  }

  closeMicrophone() {
    this._microphone?.close();
    this._microphone = null;
    this._ducking?.stop();
    this._client?.unlisten();
  }

  /** Take another microphone, now if one is open. @param {string} id */
  async useMicrophone(id) {
    this._microphoneId = id;
    if (!this._microphone) return;
    this._microphone.close();
    this._microphone = null;
    await this.openMicrophone();
  }

  /**
   * Be deaf for a while, or hear again. What was said so far is answered.
   * @param {boolean} on
   */
  mute(on) {
    if (on === this._muted) return;
    this._muted = on;
    if (this._microphone) {
      this._microphone.deaf = on;
      if (on) this._client?.unlisten();
      else this._client?.listen();
    }
    if (on) this._ducking?.stop();
    this._tell("muted", { on });
  }

  get isMuted() {
    return this._muted;
  }

  /** How loud replies are. @param {number} volume 0 to 1. */
  set volume(volume) {
    this._volume = volume;
    if (this._speaker) this._speaker.volume = volume;
  }

  get hasMicrophone() {
    return this._microphone !== null;
  }

  /** Whether the protocol can carry typed words. */
  get takesText() {
    return DIALECTS[this._options.protocol].takesText;
  }

  /** While there is no connection yet, or none just now, the words wait for it. */
  sendText(text) {
    if (this._client?.isOpen) this._client.sendText(text);
    else this._unsent.push(text);
  }

  /** Fall silent, here and there. */
  interrupt() {
    this._speaker?.flush();
    this._client?.interrupt();
  }

  /** Hang up. Nothing is left: no socket, no node, no microphone. */
  async close() {
    if (this._over) return;
    this._over = true;
    clearTimeout(this._timer);
    this._client?.close();
    await this._release();
  }

  async _release() {
    const [microphone, speaker, context] = [this._microphone, this._speaker, this._context];
    this._microphone = this._speaker = this._context = null;
    microphone?.close();
    speaker?.close();
    if (context) await giveContextBack();
  }

  async _connect() {
    const resume = { resume: this._goesOn, playedMs: this._account.takeLost() };
    const client = (this._client = new Client({ ...this._options, ...resume }));
    this.recordingUrl = client.recordingUrl;
    for (const type of CLIENT_EVENTS) {
      client.addEventListener(type, ({ detail }) => {
        this._react(type, detail);
        this._tell(type, detail);
      });
    }
    try {
      await client.connect();
    } catch (error) {
      if (error.name === "Refused") this._refused(error);
      else if (this._client === client) this._closed({ code: 1006, reason: "", wanted: false });
      return; // else `close` has told of it
    }
    this._failures = 0;
    this._tell("online");
    for (const text of this._unsent.splice(0)) client.sendText(text);
    if (this._microphone && !this._muted) client.listen();
  }

  /** The server gives no ticket. */
  _refused(refusal) {
    this._client = null;
    if (this._over) return;
    if (refusal.wantsToken) {
      return this._tell("refused", { status: refusal.status, message: refusal.message });
    }
    this._again(refusal.waitMs, refusal.message);
  }

  /** Connect again, after the wait that the server asked for. */
  _again(wishedMs, advice) {
    const backoffMs = BACKOFF_MS[Math.min(this._failures++, BACKOFF_MS.length - 1)];
    const waitMs = Math.max(wishedMs, Math.round(backoffMs + JITTER_MS * Math.random()));
    this._tell("offline", { waitMs, advice });
    this._timer = setTimeout(() => this._over || this._connect(), waitMs);
  }

  _react(type, detail) {
    switch (type) {
      case "audio":
        this._account.audio();
        return this._speaker?.play(detail.pcm16.slice(), detail.rateHz);
      case "ticket":
        this._goesOn = detail.ticket;
        return;
      case "replydone":
        this._account.whole();
        return this._speaker?.end();
      case "interrupted":
        this._account.cut();
        return this._speaker?.flush();
      case "close":
        return this._closed(detail);
    }
  }

  _sound(what, detail) {
    this._sounds = what === "began" || what === "playing";
    this._account.sound(what, detail.playedMs);
    this._tell("sound", { what, ...detail });
    if (!this._sounds) this._lastWordsOver?.();
  }

  _closed({ code, reason, wanted }) {
    this._client = null;
    this._account.forget();
    if (!wanted && !this._over && hasEnded({ code, reason })) return this._ended(reason);
    this._speaker?.flush();
    if (wanted || this._over) return;
    this._again(0, "");
  }

  /** The server said goodbye: what it said last is still heard. */
  _ended(reason) {
    this._lastWordsOver = () => {
      this._lastWordsOver = null;
      clearTimeout(this._timer);
      if (!this._over) this._tell("ended", { reason });
    };
    if (!this._sounds) return this._lastWordsOver();
    this._speaker?.end();
    this._timer = setTimeout(() => this._lastWordsOver?.(), LAST_WORDS_MS);
  }

  _frame({ pcm16, level, timeS }) {
    const rateHz = DIALECTS[this._options.protocol].microphoneHz;
    if (this._muted) return this._tell("level", { level: 0, loud: false, timeS, pcm16: null, rateHz });
    this._client?.sendAudio(pcm16);
    const loud = this._ducking?.hear(level) ?? false;
    this._tell("level", { level, loud, timeS, pcm16, rateHz });
  }

  _tell(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

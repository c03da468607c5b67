/**
 * What is told to the server of what was really played: its memory holds what was heard. A reply
 * begins with the first audio behind the end of another. Plain arithmetic.
 */

/** How often the server is told. */
const TELL_MS = 200;

export class PlayedAccount {
  /** @param {(ms: number, flushed: boolean) => void} tell Of the reply that is played. */
  constructor(tell) {
    this._tell = tell;
    this._playedMs = 0;
    /** The reply that is played: where it began, and what was told of it. */
    this._reply = null;
    this._isWhole = false;
    this._isCut = false;
  }

  /** A piece of a reply came. */
  audio() {
    this._reply ??= { playedMs: this._playedMs, toldMs: 0 };
  }

  /** All of the reply came. */
  whole() {
    this._isWhole = true;
  }

  /** The server cut it: what was played of it by the time of the flush is told. */
  cut() {
    this._isCut = true;
  }

  /** The connection is gone. */
  forget() {
    this._reply = null;
  }

  /** What the loudspeaker tells. @param {string} what @param {number} playedMs Since it was opened. */
  sound(what, playedMs) {
    this._playedMs = playedMs;
    const ms = this._reply ? playedMs - this._reply.playedMs : 0;
    if (what === "flushed") {
      if (this._isCut) this._tell(ms, true);
      this._isCut = this._isWhole = false;
      this._reply = null;
    } else if (this._reply && (what === "ended" || ms - this._reply.toldMs >= TELL_MS)) {
      this._reply.toldMs = ms;
      this._tell(ms, false);
    }
    if (what === "ended" && this._isWhole) {
      this._isWhole = false;
      this._reply = null;
    }
  }
}

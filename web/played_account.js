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
    /** The reply that is played: where it began, what was told of it, and whether what came so far
     * was played, or thrown away here. */
    this._reply = null;
    this._isWhole = false;
    this._isCut = false;
    this._lost = null;
  }

  /** A piece of a reply came. */
  audio() {
    if (this._reply?.isOver) this._forget();
    this._reply ??= { playedMs: this._playedMs, toldMs: 0, hasEnded: false, isOver: false };
  }

  /** All of the reply came. Where it is said only after its last sound, the reply is over. */
  whole() {
    if (this._reply?.hasEnded) this._reply.isOver = true;
    else this._isWhole = true;
  }

  /** The server cut it: what was played of it by the time of the flush is told. */
  cut() {
    this._isCut = true;
  }

  /** The connection is gone. What was played of its reply is known when the loudspeaker has stopped. */
  forget() {
    this._lost = this._reply && { from: this._reply.playedMs, ms: this._playedMs - this._reply.playedMs };
    this._reply = null;
  }

  /** How much was played of the reply that the last connection was lost in; null: there was none. */
  takeLost() {
    const lost = this._lost;
    this._lost = null;
    return lost ? Math.max(0, Math.round(lost.ms)) : null;
  }

  /** What the loudspeaker tells. @param {string} what @param {number} playedMs Since it was opened. */
  sound(what, playedMs) {
    this._playedMs = playedMs;
    if (this._lost) this._lost.ms = playedMs - this._lost.from;
    const ms = this._reply ? playedMs - this._reply.playedMs : 0;
    if (this._reply) this._reply.hasEnded = what === "ended" || what === "flushed";
    if (what === "flushed") return this._flushed(ms);
    if (this._reply && (what === "ended" || ms - this._reply.toldMs >= TELL_MS)) {
      this._reply.toldMs = ms;
      this._tell(ms, false);
    }
    if (what === "ended" && this._isWhole) this._forget();
  }

  /** A flush without a cut is the person's, who has stopped the reply by a button: the server, which
   * was asked to, has still to cut it. */
  _flushed(ms) {
    if (this._isCut) {
      this._tell(ms, true);
      this._forget();
    } else if (this._isWhole && this._reply) this._reply.isOver = true;
  }

  _forget() {
    this._isCut = this._isWhole = false;
    this._reply = null;
  }
}

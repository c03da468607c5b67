/** Who is speaking: both levels, the word of the answer that is being spoken, and the sound that is kept. */

import { HEARD, PLAYED, SoundMemory, SpokenWords } from "../parley.js";
import { at } from "./element.js";
import { Level } from "./levels.js";

/** A frame of the microphone. */
const FRAME_S = 0.02;

export class Speaking {
  /** @param {import("./conversation.js").Conversation} conversation */
  constructor(conversation) {
    this.memory = new SoundMemory();
    this._conversation = conversation;
    this._heard = new Level(at("level-heard"));
    this._played = new Level(at("level-played"));
    this.restart();
  }

  /** Another call, or another connection: its stream of audio begins anew. */
  restart() {
    this._words = new SpokenWords();
    this._replyIsNew = true;
    this._droppedMs = 0;
  }

  /** The call is over. */
  silence() {
    this._heard.show(0);
    this._played.show(0);
  }

  level({ level, loud, timeS, pcm16, rateHz }) {
    this._heard.show(level, loud);
    if (pcm16) this.memory.add(HEARD, pcm16, rateHz, timeS - FRAME_S);
  }

  phrase(phrase) {
    if (this._replyIsNew) this._words.forget();
    this._replyIsNew = false;
    this._conversation.speaks();
    this._words.phrase(phrase);
  }

  audio({ pcm16, rateHz }) {
    this._words.audio((pcm16.length * 1000) / rateHz);
  }

  /** @returns {boolean} Whether Parley is to be heard. */
  sound({ what, playedMs, droppedMs, level, pcm16, rateHz, heardS }) {
    const sounds = what === "began" || what === "playing";
    if (pcm16.length) this.memory.add(PLAYED, pcm16, rateHz, heardS);
    this._played.show(sounds ? level : 0, sounds);
    // What a flush drops was not reached.
    const streamMs = playedMs + this._droppedMs;
    const where = this._words.at(streamMs);
    if (where) this._conversation.spoken(where);
    if (!sounds) this._conversation.silent();
    if (what === "flushed") this._words.cut(streamMs);
    this._droppedMs = droppedMs;
    return sounds;
  }

  /** All of it was sent, or it was cut. */
  replyOver() {
    this._replyIsNew = true;
  }

  resumed() {
    this._replyIsNew = false;
  }
}

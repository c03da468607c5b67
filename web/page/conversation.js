/**
 * The conversation as one sees it: what was heard, growing; what is answered, the word being spoken
 * lit; what was not heard of it, struck through. `entries` is the same for whoever saves it.
 * @module
 */

import { make } from "./element.js";
import { split } from "./heard.js";

const NAMES = { you: "You", typed: "You, typed", parley: "Parley" };

export class Conversation {
  /**
   * @param {HTMLElement} list
   * @param {() => void} changed Called when something was added: the view may follow.
   * @param {(words: string) => void} announce What screen readers read out: no partials.
   */
  constructor(list, changed, announce) {
    this._list = list;
    this._changed = changed;
    this._announce = announce;
    /** {who, text, unheard, at}; `who` is you, typed, parley or divider. */
    this.entries = [];
    this._heard = null;
    this._reply = null;
    this._spoken = null;
    this._cut = null;
  }

  partial(text, stableChars) {
    this._heard ??= this._say("you");
    this._heard.words.replaceChildren(
      text.slice(0, stableChars),
      make("span", "unsure", text.slice(stableChars)),
    );
    this._changed();
  }

  final(text) {
    if (!text) this._drop(this._heard);
    else {
      this._heard ??= this._say("you");
      this._settle(this._heard, text);
      this._announce(`You: ${text}`);
    }
    this._heard = null;
    this._changed();
  }

  typed(text) {
    this._settle(this._say("typed"), text);
    this._changed();
  }

  token(text) {
    if (!text) return;
    if (!this._reply) {
      this._reply = this._say("parley");
      this._cut = null;
    }
    const reply = this._reply;
    reply.entry.text += text;
    if (this._spoken === reply) this._light(reply);
    else reply.words.textContent = reply.entry.text;
    this._changed();
  }

  /** A phrase of the reply is about to be spoken. @returns {boolean} Whether it is its first. */
  speaks() {
    if (!this._reply || this._spoken === this._reply) return false;
    this._still();
    this._spoken = this._reply;
    return true;
  }

  /** @param {{before: number, word: number}} where Letters of the reply, without spaces. */
  spoken({ before, word }) {
    const reply = this._spoken;
    if (!reply || reply.entry.unheard || (reply.before === before && reply.word === word)) return;
    Object.assign(reply, { before, word });
    this._light(reply);
  }

  /** Nothing is being spoken any more. */
  silent() {
    if (this._spoken !== this._reply) this._still();
    else if (this._spoken) this._spoken.words.querySelector(".lit")?.classList.remove("lit");
  }

  /** All of the reply was sent: the next token begins another. */
  replyOver() {
    if (this._reply) this._announce(`Parley: ${this._reply.entry.text}`);
    this._reply = null;
  }

  /** The reply was cut. @param {string} [heard] What was heard of it, where the server says so. */
  interrupted(heard) {
    const reply = this._reply ?? this._spoken;
    if (!reply) return;
    const letters = heard ?? reply.entry.text.replace(/\s/g, "").slice(0, reply.before ?? 0);
    const [before, after] = split(reply.entry.text, letters);
    reply.entry.unheard = after;
    reply.words.replaceChildren(before, ...(after ? [make("del", "", after)] : []));
    this._cut = reply;
    this._reply = this._spoken = null;
  }

  /** Nobody said anything after all: the reply that was cut goes on. */
  resumed() {
    if (!this._cut) return;
    this._reply = this._cut;
    this._cut = null;
    this._reply.entry.unheard = "";
    this._reply.words.textContent = this._reply.entry.text;
  }

  /** The person was not done: the reply that was cut never was. */
  takenBack() {
    if (!this._cut) return;
    const { entry, item, words } = this._cut;
    entry.unheard = entry.text;
    words.replaceChildren(make("del", "", entry.text));
    item.classList.add("taken-back");
    item.title = "You went on speaking: this answer came too soon, and Parley forgot it.";
    this._cut = null;
  }

  /** The connection is gone: nothing of the reply will come any more. */
  broken() {
    this._drop(this._heard);
    this._still();
    this._heard = this._reply = this._cut = null;
  }

  /** A new conversation: Parley knows nothing of what stands above. */
  divide(words) {
    if (!this.entries.length || this.entries.at(-1).who === "divider") return;
    this.broken();
    const entry = { who: "divider", text: words, unheard: "", at: new Date() };
    this.entries.push(entry);
    this._list.append(make("li", "divider", make("span", "", `${words} · ${clock(entry.at)}`)));
    this._changed();
  }

  /** A whole answer at once. */
  answer(transcript, reply) {
    this.final(transcript);
    this.token(reply);
    this.replyOver();
  }

  _say(who) {
    const entry = { who, text: "", unheard: "", at: new Date() };
    const words = make("span", "words");
    const item = make("li", who === "parley" ? "parley" : "caller", make("span", "who", NAMES[who]), words);
    this.entries.push(entry);
    this._list.append(item);
    return { entry, words, item, before: 0, word: 0 };
  }

  _settle(said, text) {
    said.entry.text = text;
    said.words.textContent = text;
  }

  _drop(said) {
    if (!said) return;
    said.item.remove();
    this.entries = this.entries.filter((entry) => entry !== said.entry);
  }

  _light(reply) {
    const [before, rest] = splitAt(reply.entry.text, reply.before);
    const [word, after] = splitAt(rest, reply.word);
    const start = word.length - word.trimStart().length;
    reply.words.replaceChildren(
      before + word.slice(0, start),
      make("span", "lit", word.slice(start)),
      make("span", "unsaid", after),
    );
  }

  _still() {
    const reply = this._spoken;
    this._spoken = null;
    if (reply && !reply.entry.unheard) reply.words.textContent = reply.entry.text;
  }
}

/** After so many letters. */
const splitAt = (text, letters) => split(text, "x".repeat(letters));

export const clock = (at) => at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

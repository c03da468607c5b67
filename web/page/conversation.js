/**
 * The conversation as one sees it: what was heard, growing; what is answered, the word being spoken
 * lit; what was not heard of it, struck through. `entries` is the same for whoever saves it.
 * @module
 */

import { letters } from "../spoken_words.js";
import { make } from "./element.js";
import { Reply } from "./reply.js";
import { ToolLine } from "./tool_line.js";

const TOO_SOON = "You went on speaking: this answer came too soon, and Parley forgot it.";
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
    /** {who, text, unheard, at}; `who` is you, typed, parley, tool, note or divider. */
    this.entries = [];
    this._heard = null;
    this._reply = null;
    this._spoken = null;
    this._cut = null;
    /** The calls of tools that are not over, by their ids. */
    this._tools = new Map();
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
      this._reply = new Reply(() => this._say("parley"));
      this._cut = null;
    }
    this._reply.add(text);
    this._changed();
  }

  /** A phrase of the reply is about to be spoken. @returns {boolean} Whether it is its first. */
  speaks() {
    if (!this._reply || this._spoken === this._reply) return false;
    this._still();
    this._spoken = this._reply;
    this._spoken.begin();
    return true;
  }

  /** @param {{before: number, word: number}} where Letters of the reply, without spaces. */
  spoken({ before, word }) {
    this._spoken?.light({ before, word });
  }

  /** Nothing is being spoken any more. */
  silent() {
    if (this._spoken !== this._reply) this._still();
    else this._spoken?.dim();
  }

  /** All of the reply was sent: the next token begins another. */
  replyOver() {
    if (this._reply) this._announce(`Parley: ${this._reply.text}`);
    this._reply = null;
  }

  /** The reply was cut. @param {string} [heard] What was heard of it, where the server says so. */
  interrupted(heard) {
    const reply = this._reply ?? this._spoken;
    if (!reply) return;
    reply.cut(heard === undefined ? reply.spoken : letters(heard));
    this._cut = reply;
    this._reply = this._spoken = null;
  }

  /** Nobody said anything after all: the reply that was cut goes on. */
  resumed() {
    if (!this._cut) return;
    this._reply = this._cut;
    this._cut = null;
    this._reply.restore();
  }

  /** The person was not done: the reply that was cut never was. */
  takenBack() {
    this._cut?.takeBack(TOO_SOON);
    this._cut = null;
  }

  /** A tool is called. @param {{id: string, name: string, arguments: string}} call */
  toolCalled(call) {
    const line = new ToolLine(call);
    this._tools.set(call.id, line);
    this._put(line.entry, line.item);
  }

  /** The call is over. @returns {?object} Its entry; null where nobody knows of it. */
  toolOver({ id, outcome, output, ms }) {
    const line = this._tools.get(id);
    this._tools.delete(id);
    line?.over(outcome, output, ms);
    this._changed();
    return line?.entry ?? null;
  }

  /** Something that happened, in a line: another agent answers, the call goes on elsewhere. */
  note(words) {
    this._put({ who: "note", text: words, unheard: "", at: new Date() }, make("li", "note", words));
    this._announce(words);
  }

  /** The connection is gone: nothing of the reply will come any more. */
  broken() {
    this._drop(this._heard);
    this._still();
    for (const line of this._tools.values()) line.over("cancelled", "The connection has ended.");
    this._tools.clear();
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
    return { entry, words, item };
  }

  /** Between the words of the answer that is being written, if one is. */
  _put(entry, item) {
    this._reply?.pause();
    this.entries.push(entry);
    this._list.append(item);
    this._changed();
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

  _still() {
    const reply = this._spoken;
    this._spoken = null;
    reply?.plain();
  }
}

export const clock = (at) => at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

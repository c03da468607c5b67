/** The conversation as one sees it: what was heard, growing; what is answered, and cut. */

import { split } from "./heard.js";

export class Conversation {
  /** @param {HTMLElement} list */
  constructor(list) {
    this._list = list;
    this._words = null;
    this._reply = null;
    this._text = "";
    this._cut = null;
  }

  partial(text, stableChars) {
    this._words ??= this._say("caller", "you");
    this._words.replaceChildren(text.slice(0, stableChars), span("unsure", text.slice(stableChars)));
    this._follow();
  }

  final(text) {
    if (!text) {
      this._words?.parentElement.remove();
    } else {
      this._words ??= this._say("caller", "you");
      this._words.textContent = text;
    }
    this._words = null;
    this._follow();
  }

  typed(text) {
    this._say("caller", "you, typed").textContent = text;
    this._follow();
  }

  token(text, done) {
    if (text) {
      if (!this._reply) {
        this._reply = this._say("parley", "Parley");
        this._cut = null;
        this._text = "";
      }
      this._text += text;
      this._reply.textContent = this._text;
    }
    if (done) this._done = true;
    this._follow();
  }

  /** The reply is over: the next token begins another. */
  replyOver() {
    this._reply = null;
  }

  /** The reply was cut. @param {string} [heard] What was heard of it, where that is known. */
  interrupted(heard) {
    if (!this._reply) return;
    const [before, after] = split(this._text, heard ?? "");
    const cut = document.createElement("del");
    cut.textContent = after;
    this._reply.replaceChildren(before, ...(after ? [cut] : []));
    this._cut = { reply: this._reply, text: this._text };
    this._reply = null;
  }

  /** Nobody said anything after all: the reply that was cut goes on. */
  resumed() {
    if (!this._cut) return;
    this._reply = this._cut.reply;
    this._text = this._cut.text;
    this._reply.textContent = this._text;
    this._cut = null;
  }

  answer(transcript, reply) {
    this.final(transcript);
    if (reply) this._say("parley", "Parley").textContent = reply;
    this._follow();
  }

  _say(who, name) {
    const item = document.createElement("li");
    item.className = who;
    const words = span("words", "");
    item.append(span("who", name), words);
    this._list.append(item);
    return words;
  }

  _follow() {
    const view = this._list.parentElement;
    view.scrollTop = view.scrollHeight;
  }
}

function span(name, text) {
  const found = document.createElement("span");
  found.className = name;
  found.textContent = text;
  return found;
}

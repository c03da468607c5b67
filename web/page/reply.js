/**
 * An answer as one sees it: in one bubble, or in several where the call of a tool, or a hand-over,
 * stands between its words. The letters of all of them count through.
 */

import { letters } from "../spoken_words.js";
import { make } from "./element.js";
import { split } from "./heard.js";

export class Reply {
  /** @param {() => {entry: object, words: HTMLElement, item: HTMLElement}} open A new bubble. */
  constructor(open) {
    this._open = open;
    this._parts = [];
    this._paused = true;
    /** As SpokenWords tells it. */
    this._where = { before: 0, word: 0 };
    this._isSpoken = false;
    this._isCut = false;
  }

  get text() {
    return this._parts.map(({ entry }) => entry.text.trim()).join(" ");
  }

  /** How many letters lie before the word that is being spoken. */
  get spoken() {
    return this._where.before;
  }

  add(text) {
    if (this._paused) {
      text = text.trimStart();
      if (!text) return;
      this._parts.push(this._open());
      this._paused = false;
    }
    const part = this._parts.at(-1);
    part.entry.text += text;
    if (this._isSpoken) this._draw();
    else part.words.textContent = part.entry.text;
  }

  /** Something else is shown now: the next words stand in a bubble of their own. */
  pause() {
    this._paused = true;
  }

  /** The first of it is about to be spoken. */
  begin() {
    this._isSpoken = true;
    this._draw();
  }

  /** @param {{before: number, word: number}} where Letters, without spaces. */
  light({ before, word }) {
    if (this._isCut || (this._where.before === before && this._where.word === word)) return;
    this._where = { before, word };
    this._draw();
  }

  /** Nothing is being spoken at this moment; what was spoken stays as it is. */
  dim() {
    for (const { words } of this._parts) words.querySelector(".lit")?.classList.remove("lit");
  }

  /** All of it, as if it had been spoken. */
  plain() {
    this._isSpoken = false;
    if (this._isCut) return;
    for (const { entry, words } of this._parts) words.textContent = entry.text;
  }

  /** Only so many letters were heard. @param {number} heard */
  cut(heard) {
    this._isCut = true;
    for (const { entry, words } of this._parts) {
      const [before, after] = splitAt(entry.text, heard);
      heard = Math.max(0, heard - letters(entry.text));
      entry.unheard = after;
      words.replaceChildren(before, ...(after ? [make("del", "", after)] : []));
    }
  }

  /** It goes on after all. */
  restore() {
    this._isCut = false;
    for (const { entry } of this._parts) entry.unheard = "";
    this.plain();
  }

  /** It never was. @param {string} why */
  takeBack(why) {
    this._isCut = true;
    for (const { entry, item, words } of this._parts) {
      entry.unheard = entry.text;
      words.replaceChildren(make("del", "", entry.text));
      item.classList.add("taken-back");
      item.title = why;
    }
  }

  _draw() {
    const { before, word } = this._where;
    let offset = 0;
    for (const { entry, words } of this._parts) {
      const count = letters(entry.text);
      const within = (place) => Math.min(Math.max(place - offset, 0), count);
      const [start, end] = [within(before), within(before + word)];
      const [said, rest] = splitAt(entry.text, start);
      const [lit, unsaid] = splitAt(rest, end - start);
      const space = lit.length - lit.trimStart().length;
      words.replaceChildren(
        said + lit.slice(0, space),
        ...(lit ? [make("span", "lit", lit.slice(space))] : []),
        make("span", "unsaid", unsaid),
      );
      offset += count;
    }
  }
}

/** After so many letters. */
const splitAt = (text, count) => split(text, "x".repeat(count));

/** What went wrong, in words, once: the same again gets a count and no line of its own. */

import { make } from "./element.js";

/** Different failures that are shown at a time; the oldest goes first. */
const MAX_SHOWN = 3;

export class Alerts {
  /** @param {HTMLElement} region Announced by screen readers. */
  constructor(region) {
    this._region = region;
    /** Key to {line, count}, oldest first. */
    this._shown = new Map();
  }

  /**
   * @param {string} title What happened.
   * @param {string} advice What to do.
   * @param {string} [key] What makes two failures the same; the title and the advice.
   */
  show(title, advice, key = `${title} ${advice}`) {
    const known = this._shown.get(key);
    if (known) {
      known.count.textContent = `${Number(known.count.dataset.times) + 1} times`;
      known.count.dataset.times = String(Number(known.count.dataset.times) + 1);
      known.words.replaceChildren(make("strong", "", title), ` ${advice}`);
      return;
    }
    const words = make("p", "", make("strong", "", title), ` ${advice}`);
    const count = make("span", "count");
    count.dataset.times = "1";
    const close = make("button", "plain", "×");
    close.type = "button";
    close.ariaLabel = `Dismiss: ${title}`;
    const line = make("div", "alert", words, count, close);
    close.addEventListener("click", () => this.clear(key));
    this._region.append(line);
    this._shown.set(key, { line, words, count });
    if (this._shown.size > MAX_SHOWN) this.clear(this._shown.keys().next().value);
  }

  /** It is over. @param {string} [key] Without one, everything is. */
  clear(key) {
    for (const [known, { line }] of this._shown) {
      if (key !== undefined && known !== key) continue;
      line.remove();
      this._shown.delete(known);
    }
  }
}

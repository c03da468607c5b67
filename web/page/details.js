/** The panel behind the strip: the last answer step by step, and what happened, newest first. */

import { at, make } from "./element.js";

const MAX_MARKS = 200;
/** So wide, and the panel stands beside the conversation, open from the start. */
const WIDE = "(min-width: 1080px)";

export class Details {
  constructor() {
    this._openedMs = performance.now();
    const wide = matchMedia(WIDE);
    const kept = () => localStorage.getItem("parley-details");
    this._open(kept() === null ? wide.matches : kept() === "open");
    wide.addEventListener("change", () => kept() === null && this._open(wide.matches));
    at("strip").addEventListener("click", () => {
      this._open(at("details").hidden);
      localStorage.setItem("parley-details", at("details").hidden ? "shut" : "open");
      at("strip").blur();
    });
  }

  /** Something happened, now. */
  mark(words) {
    const seconds = ((performance.now() - this._openedMs) / 1000).toFixed(1);
    at("marks").prepend(make("li", "", make("time", "", `${seconds} s`), words));
    while (at("marks").children.length > MAX_MARKS) at("marks").lastElementChild.remove();
  }

  _open(open) {
    at("details").hidden = !open;
    at("strip").setAttribute("aria-expanded", String(open));
    at("strip-more").textContent = open ? "Hide details" : "Details";
    document.body.classList.toggle("with-details", open);
  }
}

/** The keys of the page. They do nothing while one types, or while a dialog is open. */

/** Where a key belongs to what has the focus. */
const TYPING = "input, textarea, select, [contenteditable]";
const PRESSING = "button, a, summary";

/**
 * Whether the key is for a thing of this kind. A dialog that was closed keeps the focus on its button
 * until the page is drawn again: what cannot be seen takes no keys.
 */
const isFor = (target, kind) => target.closest(kind)?.checkVisibility() ?? false;

export class Keys {
  /**
   * @param {object} does What each key does.
   * @param {() => void} does.talk Space goes down. @param {() => void} does.release It goes up.
   * @param {() => void} does.mute @param {() => void} does.interrupt @param {() => void} does.help
   */
  constructor(does) {
    this._does = does;
    this._held = false;
    document.addEventListener("keydown", (event) => this._down(event));
    document.addEventListener("keyup", (event) => {
      if (event.code !== "Space") return;
      if (this._held && event.target.id === "talk") event.preventDefault(); // no click behind it
      this._release();
    });
    // A key that goes up elsewhere is told to nobody.
    addEventListener("blur", () => this._release());
  }

  _down(event) {
    const { key, target } = event;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (document.querySelector("dialog[open]") || isFor(target, TYPING)) return;
    if (event.code === "Space") {
      // A button that has the focus is pressed by it; that of talking does the same.
      if (isFor(target, PRESSING) && target.id !== "talk") return;
      event.preventDefault();
      if (event.repeat || this._held) return;
      this._held = true;
      this._does.talk();
    } else if (event.repeat) return;
    else if (key === "m" || key === "M") this._does.mute();
    else if (key === "Escape") this._does.interrupt();
    else if (key === "?") this._does.help();
  }

  _release() {
    if (!this._held) return;
    this._held = false;
    this._does.release();
  }
}

/**
 * The view of the conversation stays at the newest words unless the person has scrolled up; then a
 * button leads back.
 */

/** So close to the end counts as the end. */
const NEAR_PX = 60;

export class Follow {
  /** @param {HTMLElement} view It scrolls. @param {HTMLButtonElement} button */
  constructor(view, button) {
    this._view = view;
    this._button = button;
    this._follows = true;
    view.addEventListener("scroll", () => {
      this._follows = view.scrollHeight - view.scrollTop - view.clientHeight < NEAR_PX;
      if (this._follows) button.hidden = true;
    });
    button.addEventListener("click", () => {
      this.end();
      view.focus();
    });
    // A keyboard that comes up, a panel that opens: the newest words stay in sight.
    new ResizeObserver(() => this._follows && this.end()).observe(view);
  }

  /** Something was added. */
  added() {
    if (this._follows) this.end();
    else this._button.hidden = false;
  }

  end() {
    this._follows = true;
    this._button.hidden = true;
    this._view.scrollTop = this._view.scrollHeight;
  }
}

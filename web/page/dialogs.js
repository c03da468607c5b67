/** Drawers and dialogs: opened by a button, closed by theirs, by Esc or by a press beside them. */

import { at } from "./element.js";

/** @param {string} id The dialog's; `open-ID` is the button's. @param {() => void} [opening] */
export function dialog(id, opening = () => {}) {
  const found = at(id);
  let pointer = false;
  const open = (event) => {
    pointer = event?.detail > 0;
    opening();
    if (!found.open) found.showModal();
  };
  // The focus goes back to the button. Where that was clicked it goes on: Space is for talking.
  const settle = () => pointer && at(`open-${id}`).blur();
  const close = () => {
    found.close();
    settle();
  };
  found.addEventListener("close", settle);
  at(`open-${id}`).addEventListener("click", open);
  found.querySelector(".close").addEventListener("click", close);
  // The dialog itself is hit only beside its content, which fills it.
  found.addEventListener("pointerdown", (event) => event.target === found && close());
  return { open, close };
}

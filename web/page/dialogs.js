/** Drawers and dialogs: opened by a button, closed by theirs, by Esc or by a press beside them. */

import { at } from "./element.js";

/** @param {string} id The dialog's; `open-ID` is the button's. @param {() => void} [opening] */
export function dialog(id, opening = () => {}) {
  const found = at(id);
  const open = () => {
    opening();
    if (!found.open) found.showModal();
  };
  at(`open-${id}`).addEventListener("click", open);
  found.querySelector(".close").addEventListener("click", () => found.close());
  // The dialog itself is hit only beside its content, which fills it.
  found.addEventListener("pointerdown", (event) => event.target === found && found.close());
  return { open, close: () => found.close() };
}

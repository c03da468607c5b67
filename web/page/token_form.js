/** Where the server asks for a token: the form in which a person gives theirs. */

import { at } from "./element.js";

export class TokenForm {
  /**
   * @param {import("../access.js").Access} access
   * @param {() => void} given Called when there is another token.
   */
  constructor(access, given) {
    /** Whether the server has asked for one, or for another one. */
    this.isWanted = false;
    this._access = access;
    at("token-form").addEventListener("submit", (event) => {
      event.preventDefault();
      const token = at("token").value;
      if (!token.trim()) return;
      at("token").value = "";
      access.token = token;
      at("access").close();
      given();
    });
    at("access").querySelector(".close").addEventListener("click", () => at("access").close());
  }

  /** The server refused. @param {{status: number, message: string}} refusal */
  ask({ status, message }) {
    this.isWanted = true;
    at("token-why").textContent = !this._access.hasToken
      ? "This server answers only those who have a token. Whoever runs it can give you one."
      : status === 403
        ? `Your token is not for this (${message}). Take another one.`
        : `Your token does not fit (${message}). Take another one.`;
    this.open();
  }

  /** @returns {boolean} Whether a call may begin: it may not, as long as the token is missing. */
  open() {
    if (!at("access").open) at("access").showModal();
    at("token").focus();
    return false;
  }
}

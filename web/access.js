/**
 * What a server asks for that not everybody may use: a token, which is kept for this tab alone, and
 * a ticket for each WebSocket, since a browser can give that no header.
 * @module
 */

const KEPT_AS = "parley-token";
/** How long the server may take for an answer that costs it nothing. */
const ASK_MS = 8000;
/** A fetch of a whole recording, or a spoken answer. */
export const LONG_MS = 150_000;

/** The server's answer where it is no. */
export class Refused extends Error {
  /** @param {number} status @param {string} message @param {number} waitMs 0: it does not say. */
  constructor(status, message, waitMs) {
    super(message);
    this.name = "Refused";
    this.status = status;
    this.waitMs = waitMs;
  }

  /** Whether a token is wanted, or another one. */
  get wantsToken() {
    return this.status === 401 || this.status === 403;
  }
}

export class Access {
  /** @param {string|URL} [base] Where the server's paths begin. */
  constructor(base = document.baseURI) {
    this._base = base;
    this._token = kept();
  }

  get hasToken() {
    return this._token !== "";
  }

  /** @param {string} token "": forget it. */
  set token(token) {
    this._token = token.trim();
    try {
      if (this._token) sessionStorage.setItem(KEPT_AS, this._token);
      else sessionStorage.removeItem(KEPT_AS);
    } catch {
      // it is kept until the page is loaded again
    }
  }

  /** A ticket for one WebSocket; "" where there is no token. Throws Refused.
   * @param {string} door Which one: "ws", "stream", "engine" or "realtime". */
  async ticket(door) {
    if (!this._token) return "";
    const wanted = { method: "POST", body: JSON.stringify({ doors: [door] }) };
    wanted.headers = { "Content-Type": "application/json" };
    try {
      const answer = await this.fetch("tickets", wanted);
      return (await answer.json()).ticket;
    } catch (error) {
      if (error.status === 404) return ""; // a server that asks nobody for a token
      throw error;
    }
  }

  /**
   * As `fetch`, with the token and a deadline. Throws Refused for an answer that is no success.
   * @param {string|URL} path Below the server's base.
   * @param {RequestInit} [options]
   * @param {number} [ms]
   */
  async fetch(path, options = {}, ms = ASK_MS) {
    const headers = { ...options.headers };
    if (this._token) headers.Authorization = `Bearer ${this._token}`;
    const signal = AbortSignal.timeout(ms);
    const answer = await fetch(new URL(path, this._base), { ...options, headers, signal });
    if (answer.ok) return answer;
    const seconds = Number(answer.headers.get("Retry-After"));
    throw new Refused(answer.status, await why(answer), seconds > 0 ? seconds * 1000 : 0);
  }
}

function kept() {
  try {
    return sessionStorage.getItem(KEPT_AS) ?? "";
  } catch {
    return ""; // a browser that keeps nothing
  }
}

/** The reason in an answer: {"error": words}, as all of Parley's routes have it, or OpenAI's shape. */
async function why(answer) {
  try {
    const { error } = await answer.json();
    return error?.message ?? error ?? `HTTP ${answer.status}`;
  } catch {
    return `HTTP ${answer.status}`;
  }
}

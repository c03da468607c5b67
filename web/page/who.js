/** Who hears, answers and speaks, and whether the server records: in plain words, from its settings. */

import { at, make } from "./element.js";

export class Who {
  constructor() {
    this._config = {};
    this._agent = { name: "", voice: "" };
    this.found = {};
  }

  serverIs(config) {
    this._config = config;
    this._show();
    const { stream_record_dir: folder, recordings_on_request: onRequest } = config;
    const where = at("where-recordings");
    if (folder) {
      where.textContent = `This server keeps recordings in ${folder}. \`parley show FILE\` shows one.`;
    } else if (onRequest) {
      where.textContent =
        "This server records a conversation where the page asks for it (Settings), and keeps it for an hour. Save has it.";
    }
    this.recording(false);
  }

  /** An agent answers, or will. @param {string} name "": none. @param {string} voice "": the server's. */
  answering(name, voice = "") {
    this._agent = { name, voice };
    this._show();
  }

  _show() {
    this.found = withAgent(this._config.who ?? {}, this._agent);
    const rows = Object.entries({ Hears: "hears", Answers: "answers", Speaks: "speaks" });
    const said = rows.filter(([, key]) => this.found[key]);
    const part = ([name, key]) => make("span", key, make("b", "", name), ` ${this.found[key]}`);
    at("who").replaceChildren(...said.map(part));
    at("who").hidden = said.length === 0;
    at("who-in-full").replaceChildren(
      ...said.flatMap(([name, key]) => [make("dt", "", name), make("dd", "", this.found[key])]),
    );
  }

  /** Say that there is a recording. @param {boolean} asked Whether this call asked for its own. */
  recording(asked) {
    const { stream_record_dir: folder, stream_record_share: share = 1 } = this._config;
    const all = Boolean(folder) && share > 0;
    // Written where the element stands already: screen readers say what changes in it.
    const words = asked
      ? "This call is being recorded on the server, so that you can save it. Settings turn it off."
      : all
        ? "This server records conversations."
        : "";
    if (at("recorded").textContent !== words) at("recorded").textContent = words;
  }
}

/** What the server tells of itself, with the agent's name before its model, and the agent's voice. */
function withAgent(told, { name, voice }) {
  const found = { ...told };
  if (name) found.answers = told.answers ? `${name}, with ${told.answers}` : name;
  if (voice && told.speaks) found.speaks = `${told.speaks.replace(/, voice .*/, "")}, voice ${voice}`;
  return found;
}

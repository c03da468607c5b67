/**
 * A call of a tool within the conversation: a small line with its name, its arguments and what
 * became of it. Arguments and result in full are behind it, for a click or a key.
 */

import { make } from "./element.js";

export class ToolLine {
  /** @param {{name: string, arguments: string}} call As the Client tells it. */
  constructor({ name, arguments: given }) {
    this._beganMs = performance.now();
    /** For whoever saves the conversation; `outcome` is "running" until it is over. */
    this.entry = {
      who: "tool",
      text: `${name}(${given})`,
      outcome: "running",
      result: "",
      ms: null,
      unheard: "",
      at: new Date(),
    };
    const call = make("span", "call", make("b", "", name), `(${inWords(given)})`);
    this._told = make("span", "outcome", "running");
    this._result = make("dd", "", make("i", "", "It is at work."));
    this.item = make(
      "li",
      "tool",
      make(
        "details",
        "",
        make("summary", "", make("span", "mark"), call, this._told),
        make(
          "dl",
          "",
          make("dt", "", "Arguments"),
          make("dd", "", indented(given) || make("i", "", "None.")),
          make("dt", "", "Result"),
          this._result,
        ),
      ),
    );
    this.item.dataset.outcome = "running";
  }

  /** @param {string} outcome done, failed or cancelled. @param {string} output
   * @param {number} [ms] how long it took, as the server measured it */
  over(outcome, output, ms = Math.round(performance.now() - this._beganMs)) {
    const { entry } = this;
    if (entry.outcome !== "running") return;
    entry.ms = ms;
    entry.outcome = outcome;
    entry.result = output;
    this.item.dataset.outcome = outcome;
    this._told.textContent = `${outcome}, ${entry.ms} ms`;
    this._result.replaceChildren(indented(output) || make("i", "", "None."));
  }
}

/** The arguments as one would say them: `day: "Monday"`. What is no JSON object stays as it is. */
function inWords(given) {
  const found = parsed(given);
  if (found === null || typeof found !== "object" || Array.isArray(found)) return given;
  return Object.entries(found)
    .map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
    .join(", ");
}

/** Objects and lists with a line for each value; "" where there is nothing. */
function indented(text) {
  const found = parsed(text);
  if (found === null || typeof found !== "object") return text;
  return Object.keys(found).length ? JSON.stringify(found, null, 2) : "";
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

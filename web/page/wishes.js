/**
 * The settings that a conversation begins with, kept in this browser. What nobody has touched is left
 * to the server. Event: `change`, when one of them is another.
 * @module
 */

import { at } from "./element.js";

const AS_SET = "as the server is set";
/** What may be wished of a session. */
const WISHES = ["silence", "sensitivity", "voice"];
const WORDS = {
  silence: (value) => `${value} ms`,
  sensitivity: (value) => Number(value).toFixed(2),
};

export class Wishes extends EventTarget {
  /** @param {{agent: string, parameters: object}} asked What the page's address asks for. */
  constructor({ agent, parameters }) {
    super();
    this._parameters = parameters;
    this._agent = agent || localStorage.getItem("parley-agent") || "";
    /** {name, tools} of each; null: the server has not said yet. */
    this._agents = null;
    at("agent").addEventListener("change", () => {
      this._choose(at("agent").value);
      this._show();
      this._changed();
    });
    /** What the server's own values are; null: it does not say. */
    this._servers = null;
    this._chosen = {};
    at("protocol").value = localStorage.getItem("parley-protocol") ?? "newspeech";
    if (!at("protocol").value) at("protocol").value = "newspeech";
    at("protocol").addEventListener("change", () => {
      localStorage.setItem("parley-protocol", at("protocol").value);
      this._show();
      this._changed();
    });
    for (const name of WISHES) {
      const kept = localStorage.getItem(`parley-${name}`);
      if (kept) {
        at(name).value = kept;
        this._take(name);
      }
      at(name).addEventListener("input", () => {
        this._take(name);
        this._show();
      });
      at(name).addEventListener("change", () => {
        if (!at(name).reportValidity()) return;
        this._keep(name);
        this._changed();
      });
    }
    at("keep").addEventListener("change", () => this._changed());
    at("as-set").addEventListener("click", () => {
      const any = Object.keys(this._chosen).length > 0 || this._agent !== "";
      this._choose("");
      for (const name of WISHES) localStorage.removeItem(`parley-${name}`);
      this._chosen = {};
      at("voice").value = "";
      this._show();
      if (any) this._changed();
    });
    this._show();
  }

  /** Who answers, or will: an agent's name; "" where the server has none. */
  get answering() {
    return this._wished?.name ?? this._agents?.[0]?.name ?? "";
  }

  /** The agent that is wished and not there; "": none is missing. */
  get missing() {
    return this._agents && this._agent && !this._wished ? this._agent : "";
  }

  /** What a Call takes. */
  get options() {
    const { silence, sensitivity, voice } = this._chosen;
    return {
      protocol: at("protocol").value,
      ...(this._agent && !this.missing && { agent: this._agent }),
      ...(Object.keys(this._parameters).length && { parameters: this._parameters }),
      record: !at("keeping").hidden && at("keep").checked,
      ...(silence && { silenceMs: Number(silence) }),
      ...(sensitivity && { sensitivity: Number(sensitivity) }),
      ...(voice && !at("speaking").hidden && at("voice").validity.valid && { voice }),
    };
  }

  /** Be as they were. @param {object} options What `options` was then. */
  restore(options) {
    const { protocol, silenceMs, sensitivity, voice, record, agent } = options;
    this._choose(agent ?? "");
    at("protocol").value = protocol;
    localStorage.setItem("parley-protocol", protocol);
    at("keep").checked = record || at("keeping").hidden;
    const values = { silence: silenceMs, sensitivity, voice };
    for (const name of WISHES) {
      at(name).value = values[name] ?? "";
      if (values[name] === undefined) delete this._chosen[name];
      else this._chosen[name] = String(values[name]);
      this._keep(name);
    }
    this._show();
    this._changed();
  }

  /** @param {object} config What the server tells of itself. */
  serverIs(config) {
    this._servers = config;
    at("keeping").hidden = !config.recordings_on_request;
    at("speaking").hidden = !config.voices?.length;
    const options = (config.voices ?? []).map((voice) => {
      const option = document.createElement("option");
      option.value = voice;
      return option;
    });
    at("voices").replaceChildren(...options);
    this._agents = config.agents ?? [];
    at("answering").hidden = this._agents.length < 2;
    at("agent").replaceChildren(...this._agents.map(({ name }) => new Option(name)));
    this._show();
  }

  get _wished() {
    return this._agents?.find(({ name }) => name === this._agent);
  }

  /** @param {string} agent "": the server's first. */
  _choose(agent) {
    this._agent = agent;
    if (agent) localStorage.setItem("parley-agent", agent);
    else localStorage.removeItem("parley-agent");
  }

  _take(name) {
    const value = at(name).value.trim();
    if (value) this._chosen[name] = value;
    else delete this._chosen[name];
  }

  _keep(name) {
    if (this._chosen[name]) localStorage.setItem(`parley-${name}`, this._chosen[name]);
    else localStorage.removeItem(`parley-${name}`);
  }

  _changed() {
    this.dispatchEvent(new Event("change"));
  }

  /** The words beside the sliders, and the sliders that nobody moved where the server's values are. */
  _show() {
    const stream = at("protocol").value === "io-speech";
    const silence = stream ? "vad_silence_duration_ms" : "stream_vad_silence_ms";
    if (!this._chosen.silence) at("silence").value = this._servers?.[silence] ?? 700;
    if (!this._chosen.sensitivity) at("sensitivity").value = 0.5;
    for (const [name, words] of Object.entries(WORDS)) {
      const told = this._chosen[name] ? words(at(name).value) : AS_SET;
      at(name).setAttribute("aria-valuetext", told);
      at(`${name}-told`).textContent = told;
    }
    at("agent").value = this.answering;
    const tools = this._agents?.find(({ name }) => name === this.answering)?.tools ?? [];
    at("agent-tools").textContent = tools.length ? `Its tools: ${tools.join(", ")}.` : "It has no tools.";
    at("as-set").disabled = !Object.keys(this._chosen).length && !this._agent;
  }
}

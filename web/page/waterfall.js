/**
 * Where the time of the last answer went: a strip of its parts, always in sight, and step by step in
 * the details, each against its aim.
 */

import { make } from "./element.js";

/** Name, label, what the part before it is called, and the aim in ms since the end of speech: 700 ms
 * of silence are in it. */
const STEPS = [
  ["silence", "You have finished", "silence", 800],
  ["final", "Your words", "words", 900],
  ["token", "First word back", "answer", 1000],
  ["sound", "First sound", "voice", 1200],
];
/** The shortest span that the details show, so that short answers look short. */
const LEAST_MS = 1500;

export class Waterfall {
  /**
   * @param {HTMLElement} list For the steps.
   * @param {{bar: HTMLElement, time: HTMLElement, parts: HTMLElement}} strip
   */
  constructor(list, { bar, time, parts }) {
    this._time = time;
    this._parts = parts;
    this._spokeMs = null;
    this._times = {};
    this._rows = STEPS.map(([name, label, part, aim]) => new Row(list, bar, { name, label, part, aim }));
  }

  /** A sound of the person, now. */
  spoke() {
    this._spokeMs = performance.now();
  }

  /** An utterance has begun: the next answer is measured. */
  begin() {
    this._times = {};
  }

  /** A step is reached, now. Only the first time counts. @param {string} name */
  reached(name) {
    if (this._spokeMs === null || name in this._times) return;
    this._times[name] = Math.round(performance.now() - this._spokeMs);
    this._draw();
  }

  _draw() {
    const mostMs = Math.max(LEAST_MS, ...Object.values(this._times).map((ms) => ms * 1.05));
    let before = 0;
    for (const row of this._rows) {
      const ms = this._times[row.name];
      row.draw(before, ms, mostMs);
      before = Math.max(before, ms ?? 0);
    }
    const sound = this._times.sound;
    if (sound === undefined) return;
    this._time.replaceChildren(make("b", "", `${(sound / 1000).toFixed(2)} s`), " to the first sound");
    const parts = this._rows.filter((row) => row.ms !== undefined);
    this._parts.replaceChildren(...parts.map((row) => row.words()));
  }
}

class Row {
  constructor(list, bar, { name, label, part, aim }) {
    this.name = name;
    this._called = part;
    this._aim = aim;
    this._part = make("span", name);
    bar.append(this._part);
    this._fill = make("span", `fill ${name}`);
    this._stroke = make("span", "aim");
    this._track = make("dd", "track", this._fill, this._stroke);
    this._figure = make("dd", "ms", "–");
    list.append(make("dt", "", label), this._track, this._figure);
    this.draw(0, undefined, LEAST_MS);
  }

  draw(beforeMs, ms, mostMs) {
    const percent = (value) => `${(Math.max(0, value) * 100) / mostMs}%`;
    const lengthMs = ms === undefined ? 0 : Math.max(0, ms - beforeMs);
    this.ms = ms;
    this._lengthMs = lengthMs;
    this._fill.hidden = ms === undefined;
    this._part.style.flexGrow = String(lengthMs);
    this._fill.style.left = percent(beforeMs);
    this._fill.style.width = percent(lengthMs);
    this._stroke.style.left = percent(this._aim);
    this._track.classList.toggle("late", ms > this._aim);
    this._figure.textContent = ms === undefined ? "–" : String(ms);
  }

  /** The part that ends with this step, in words. */
  words() {
    return make("span", "", make("i", this.name), `${this._called} ${(this._lengthMs / 1000).toFixed(2)}`);
  }
}

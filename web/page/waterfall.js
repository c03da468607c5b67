/** How long each step of the last answer took, against its aim. */

/** Name, and the aim in ms since the end of speech: 700 ms of silence are in it. */
const STEPS = [
  ["silence", "you are done", 800],
  ["final", "your words", 900],
  ["token", "first word back", 1000],
  ["sound", "first sound", 1200],
];

export class Waterfall {
  /** @param {HTMLElement} list */
  constructor(list) {
    this._list = list;
    this._spokeMs = null;
    this._times = {};
    this._bars = new Map(STEPS.map(([name, label, aim]) => [name, row(list, label, aim)]));
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
    const ms = Math.round(performance.now() - this._spokeMs);
    this._times[name] = ms;
    this._bars.get(name)(ms);
  }
}

const MOST_MS = 2000;

function row(list, label, aim) {
  const name = document.createElement("dt");
  name.textContent = label;
  const track = document.createElement("dd");
  track.className = "track";
  const fill = document.createElement("span");
  fill.className = "fill";
  fill.style.width = "0";
  const stroke = document.createElement("span");
  stroke.className = "aim";
  stroke.style.left = `${(aim * 100) / MOST_MS}%`;
  track.append(fill, stroke);
  const figure = document.createElement("dd");
  figure.className = "ms";
  figure.textContent = "–";
  list.append(name, track, figure);
  return (ms) => {
    fill.style.width = `${Math.min(100, (ms * 100) / MOST_MS)}%`;
    track.classList.toggle("late", ms > aim);
    figure.textContent = String(ms);
  };
}

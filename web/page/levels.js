/** How loud the person and Parley are, as two bars, and who is speaking. */

/** Bars are drawn by the eye's measure: twice the root of the level. */
const shown = (level) => Math.min(1, Math.sqrt(level) * 2);

export class Level {
  /** @param {HTMLElement} meter With the role of a meter, and one child that is the bar. */
  constructor(meter) {
    this._meter = meter;
    this._bar = meter.firstElementChild;
    this._label = document.getElementById(meter.getAttribute("aria-labelledby"));
    this._told = 0;
  }

  /** @param {number} level RMS, 0 to 1 @param {boolean} speaks */
  show(level, speaks = false) {
    const part = shown(level);
    this._bar.style.transform = `scaleX(${part.toFixed(3)})`;
    this._label.classList.toggle("speaks", speaks);
    const percent = Math.round(part * 10) * 10;
    if (percent === this._told) return;
    this._told = percent;
    this._meter.setAttribute("aria-valuenow", String(percent));
  }
}

// What part of the recording is in view: seconds to pixels and back. Whoever draws is told.

const MIN_SPAN_S = 0.25;

class View {
  constructor(duration) {
    this.total = duration + Math.min(0.5, duration * 0.02);
    this.start = 0;
    this.span = this.total;
    this.width = 1;
    this.listeners = [];
  }

  x(t) { return (t - this.start) / this.span * this.width; }
  t(x) { return this.start + x / this.width * this.span; }
  get end() { return this.start + this.span; }

  set(start, span) {
    this.span = clamp(span, Math.min(MIN_SPAN_S, this.total), this.total);
    this.start = clamp(start, 0, this.total - this.span);
    this.changed();
  }

  // By this factor, with the moment under x where it is.
  zoom(factor, x = this.width / 2) {
    const t = this.t(x);
    const span = clamp(this.span * factor, Math.min(MIN_SPAN_S, this.total), this.total);
    this.set(t - x / this.width * span, span);
  }

  move(seconds) { this.set(this.start + seconds, this.span); }
  fit() { this.set(0, this.total); }

  // Moves only where the moment is out of sight.
  reveal(t, margin = 0.08) {
    const room = this.span * margin;
    if (t < this.start + (this.start > 0 ? room : 0)) this.set(t - room, this.span);
    else if (t > this.end - room) this.set(t - this.span * 0.15, this.span);
  }

  changed() { for (const listener of this.listeners) listener(); }
}

// Steps of the ruler, so that labels have room.
function rulerStep(secondsPerLabel) {
  const steps = [0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600];
  return steps.find((step) => step >= secondsPerLabel) || 7200;
}

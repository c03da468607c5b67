// Waveforms: the loudest of each bin was found when the page was made. A pyramid of them makes
// drawing as fast for an hour as for a second.

class Wave {
  constructor(base64, bin) {
    this.bin = bin;
    this.levels = [bytesOf(base64)];
    while (this.levels.at(-1).length > 2000) {
      const fine = this.levels.at(-1);
      const coarse = new Uint8Array(Math.ceil(fine.length / 4));
      for (let i = 0; i < fine.length; i++) {
        if (fine[i] > coarse[i >> 2]) coarse[i >> 2] = fine[i];
      }
      this.levels.push(coarse);
    }
    this.loudest = this.levels.at(-1).reduce((a, b) => Math.max(a, b), 0);
  }

  peak(from, to) {
    let level = 0, step = this.bin;
    while (level + 1 < this.levels.length && step * 8 < to - from) { level++; step *= 4; }
    const peaks = this.levels[level];
    const first = Math.max(0, Math.floor(from / step));
    const last = Math.min(peaks.length - 1, Math.max(first, Math.ceil(to / step) - 1));
    let most = 0;
    for (let i = first; i <= last; i++) if (peaks[i] > most) most = peaks[i];
    return most;
  }

  // Mirrored at the middle of the lane; quiet sounds are lifted so that they are seen.
  draw(ctx, view, top, height, color, full) {
    const middle = top + height / 2;
    const most = Math.max(full, 24);
    ctx.fillStyle = color;
    const step = 1 / Math.min(2, window.devicePixelRatio || 1);
    for (let x = 0; x < view.width; x += step) {
      const peak = this.peak(view.t(x), view.t(x + step));
      if (!peak) continue;
      const half = peak < 3 ? 0.5 : Math.max(0.5, Math.min(1, peak / most) ** 0.75 * height / 2);
      ctx.fillRect(x, middle - half, step, half * 2);
    }
  }
}

// Diagonal lines over what was cut.
function hatch(ctx, x, y, width, height, color, gap = 6) {
  if (width <= 0) return;
  ctx.save();
  ctx.beginPath();
  ctx.rect(x, y, width, height);
  ctx.clip();
  ctx.strokeStyle = color;
  ctx.lineWidth = 1;
  ctx.beginPath();
  const first = Math.floor((x - height) / gap) * gap;
  for (let at = first; at < x + width + height; at += gap) {
    ctx.moveTo(at, y + height);
    ctx.lineTo(at + height, y);
  }
  ctx.stroke();
  ctx.restore();
}

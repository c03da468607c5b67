// The lanes: ruler, caller, what was understood, Parley, what it said, marks. One time axis.

const FONT = getComputedStyle(document.body).fontFamily;
const LANES = [
  ['ruler', 24, 0, ''], ['caller', 70, 2, 'CALLER'], ['words', 120, 2, 'UNDERSTOOD'],
  ['parley', 70, 2, 'PARLEY'], ['reply', 104, 2, 'REPLY'], ['marks', 58, 0, ''],
];
const KIND_COLOR = {
  interruption: 'alarm', error: 'alarm', restart: 'held', deadline: 'held',
  client: 'caller', server: 'quiet',
};

class Lanes {
  constructor(canvas, view, waves) {
    this.canvas = canvas;
    this.view = view;
    this.waves = waves;
    this.cursor = 0;
    this.lane = {};
    this.readColors();
  }

  readColors() {
    const style = getComputedStyle(document.documentElement);
    this.color = {};
    for (const name of ['card', 'ink', 'quiet', 'line', 'caller', 'caller-soft', 'parley',
      'parley-soft', 'lost', 'held', 'alarm', 'alarm-soft', 'cursor', 'partial', 'mute']) {
      this.color[name] = style.getPropertyValue('--' + name).trim();
    }
  }

  // Room that the window has left goes to the lanes, by their weight.
  resize(width, spare) {
    const weights = LANES.reduce((sum, lane) => sum + lane[2], 0);
    let top = 0;
    for (const [name, height, weight] of LANES) {
      const given = Math.round(height + Math.max(0, spare) * weight / weights);
      this.lane[name] = { top, height: given - (name === 'ruler' ? 0 : 6) };
      top += given;
    }
    const ratio = window.devicePixelRatio || 1;
    this.height = top;
    this.view.width = width;
    this.canvas.style.height = top + 'px';
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(top * ratio);
    this.ctx = this.canvas.getContext('2d');
    this.ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  static baseHeight() { return LANES.reduce((sum, lane) => sum + lane[1], 0); }

  seen(from, to) { return to >= this.view.start && from <= this.view.end; }

  draw() {
    const { ctx, view, color } = this;
    ctx.clearRect(0, 0, view.width, this.height);
    ctx.textBaseline = 'middle';
    this.drawGround();
    this.drawRuler();
    this.drawSound();
    this.drawMarkLines();
    this.drawWords();
    this.drawReplies();
    this.drawMarks();
    this.drawLabels();
    this.line(view.x(this.cursor), 0, this.height, color.cursor, 2);
  }

  line(x, top, bottom, color, width = 1, dash = []) {
    const { ctx } = this;
    ctx.save();
    ctx.strokeStyle = color;
    ctx.lineWidth = width;
    ctx.setLineDash(dash);
    ctx.beginPath();
    ctx.moveTo(x, top);
    ctx.lineTo(x, bottom);
    ctx.stroke();
    ctx.restore();
  }

  drawGround() {
    const { ctx, color, view } = this;
    for (const [name, , , label] of LANES) {
      if (!label) continue;
      ctx.fillStyle = color.mute;
      ctx.globalAlpha = 0.45;
      ctx.fillRect(0, this.lane[name].top, view.width, this.lane[name].height);
      ctx.globalAlpha = 1;
    }
  }

  drawRuler() {
    const { ctx, view, color } = this;
    const step = rulerStep(view.span / (view.width / 78));
    ctx.font = `11px ${FONT}`;
    ctx.fillStyle = color.quiet;
    ctx.textAlign = 'left';
    for (let n = Math.floor(view.start / step); n * step <= view.end; n++) {
      const x = view.x(n * step);
      this.line(x, 0, this.lane.marks.top, color.line);
      ctx.fillText(clock(n * step, step < 1 ? 2 : 0), x + 4, 11);
    }
  }

  drawSound() {
    const { ctx, view, color, waves } = this;
    const { caller, parley } = this.lane;
    for (const [from, to] of data.voiced) {
      if (!this.seen(from, to)) continue;
      ctx.fillStyle = color['caller-soft'];
      ctx.fillRect(view.x(from), caller.top, Math.max(1, view.x(to) - view.x(from)), caller.height);
    }
    waves.caller.draw(ctx, view, caller.top + 4, caller.height - 8, color.caller, waves.caller.loudest);
    const loudest = Math.max(waves.parley.loudest, waves.lost.loudest);
    for (const turn of data.turns) {
      if (turn.cut === null) continue;
      const end = Math.max(turn.cut, ...turn.phrases.map((phrase) => phrase.end));
      hatch(ctx, view.x(turn.cut), parley.top, view.x(end) - view.x(turn.cut), parley.height, color.line);
    }
    waves.lost.draw(ctx, view, parley.top + 4, parley.height - 8, color.lost, loudest);
    waves.parley.draw(ctx, view, parley.top + 4, parley.height - 8, color.parley, loudest);
    for (const [from, to] of data.holds) this.hold(from, to);
  }

  hold(from, to) {
    if (!this.seen(from, to)) return;
    const { ctx, view, color } = this;
    const { top, height } = this.lane.parley;
    const x = view.x(from), width = Math.max(2, view.x(to) - x);
    ctx.globalAlpha = 0.55;
    ctx.fillStyle = color.held;
    ctx.fillRect(x, top, width, height);
    ctx.globalAlpha = 1;
    if (width > 34) this.fit('held', x + 4, top + height - 9, width, color.ink);
  }

  // One line, cut to its room.
  fit(text, x, y, width, fill, size = 11, strike = false) {
    const { ctx } = this;
    ctx.font = `${size}px ${FONT}`;
    ctx.textAlign = 'left';
    let shown = text;
    if (ctx.measureText(shown).width > width) {
      while (shown && ctx.measureText(shown + '…').width > width) shown = shown.slice(0, -1);
      if (!shown) return 0;
      shown += '…';
    }
    ctx.fillStyle = fill;
    ctx.fillText(shown, x, y);
    const wide = ctx.measureText(shown).width;
    if (strike) ctx.fillRect(x, y, wide, 1);
    return wide;
  }

  // Words in lines; each word has its own color, and may be struck out. The largest type that
  // fits is taken; what does not fit at all ends in dots.
  wrap(words, x, y, width, height) {
    const { ctx } = this;
    for (const size of [14.5, 13, 11.5]) {
      const row = Math.round(size * 1.28), most = Math.max(1, Math.floor(height / row));
      ctx.font = `${size}px ${FONT}`;
      const space = ctx.measureText(' ').width;
      const lines = [[]];
      let at = 0, fits = true;
      for (const [text, fill, strike] of words) {
        const wide = ctx.measureText(text).width;
        if (wide > width) fits = false;
        if (at > 0 && at + wide > width) { lines.push([]); at = 0; }
        lines.at(-1).push({ text, fill, strike, at, wide });
        at += wide + space;
      }
      if ((!fits || lines.length > most) && size > 12) continue;
      this.lines(lines, x, y + row / 2, width, row, most, size);
      return;
    }
  }

  lines(lines, x, y, width, row, most, size) {
    const { ctx } = this;
    lines.slice(0, most).forEach((line, n) => {
      const full = n === most - 1 && lines.length > most;
      if (full || (line.length === 1 && line[0].wide > width)) {
        const text = line.map((word) => word.text).join(' ') + (full ? ' …' : '');
        this.fit(text, x, y + n * row, width, line[0].fill, size, line[0].strike);
        return;
      }
      ctx.font = `${size}px ${FONT}`;
      ctx.textAlign = 'left';
      line.forEach((word, i) => {
        ctx.fillStyle = word.fill;
        ctx.fillText(word.text, x + word.at, y + n * row);
        if (!word.strike) return;
        const from = i && line[i - 1].strike ? line[i - 1].at + line[i - 1].wide : word.at;
        ctx.fillRect(x + from, y + n * row, word.at + word.wide - from, 1);
      });
    });
  }

  // What was understood: a step for each partial, as high as it is long, then the final words.
  drawWords() {
    const { top, height } = this.lane.words;
    const list = data.utterances;
    list.forEach((said, i) => {
      const next = list[i + 1] ? list[i + 1].start : Infinity;
      if (this.seen(said.start, Math.min(next, said.start + 40))) this.utterance(said, next, top, height);
    });
  }

  utterance(said, next, top, height) {
    const { ctx, view, color } = this;
    const shown = said.partials.length ? said.partials.at(-1).at : 0;
    const end = said.final === null ? Math.max(said.end, shown) : said.final;
    const grown = Math.round(height * 0.5), base = top + height;
    this.growth(said, end, base, grown);
    const known = said.fate === 'final' || said.fate === 'typed';
    const tint = known ? color.caller : color.quiet;
    if (said.final !== null && said.fate !== 'typed') this.line(view.x(said.final), base - grown - 4, base, color.caller, view.width / view.span > 8 ? 2 : 0.5);
    const left = Math.max(view.x(said.start), 0);
    const room = Math.min(view.x(next) - 6, view.width) - left;
    const wide = Math.min(room, Math.max(view.x(end) - left, 150));
    if (wide < 2 || view.x(end) < -160) return;
    const tall = height - grown - 20;
    ctx.fillStyle = known ? color['caller-soft'] : color.mute;
    ctx.fillRect(left, top + 15, wide, tall);
    ctx.fillStyle = tint;
    ctx.fillRect(left, top + 15, 2, tall);
    if (wide < 16) return;
    const missing = { dropped: 'a sound, no speech', failed: 'not understood' };
    const text = known ? (said.text || noWords) : missing[said.fate] || '…';
    const words = (said.fate === 'typed' ? 'typed: ' + text : text).split(' ');
    this.wrap(words.map((word) => [word, tint, false]), left + 6, top + 17, wide - 8, tall - 2);
  }

  // Steps, as high as the partial is long; what will not change any more is darker.
  growth(said, end, base, grown) {
    const { ctx, view, color } = this;
    const longest = Math.max(said.text.length, ...said.partials.map((p) => p.text.length), 1);
    let free = -Infinity, above = 0;
    said.partials.forEach((partial, i) => {
      const to = said.partials[i + 1] ? said.partials[i + 1].at : end;
      const left = view.x(partial.at), wide = Math.max(1, view.x(to) - left - 1);
      const high = partial.text.length / longest * grown;
      ctx.fillStyle = color.partial;
      ctx.globalAlpha = 0.28;
      ctx.fillRect(left, base - high, wide, high);
      ctx.globalAlpha = 0.35;
      ctx.fillRect(left, base - partial.stable / longest * grown, wide, partial.stable / longest * grown);
      ctx.globalAlpha = 1;
      const before = i ? said.partials[i - 1].text.split(' ') : [];
      const fresh = partial.text.split(' ').filter((word, n) => word !== before[n]).join(' ');
      const y = base - Math.max(high - 7, 7);
      if (view.width / view.span < 45 || (left < free && above - y < 11)) return;
      free = left + 6 + this.fit(fresh, left + 2, y, Math.max(wide, 90), color.ink, 11);
      above = y;
    });
  }

  // What was said: waiting, tokens as they came, phrases as they were played.
  drawReplies() {
    for (const turn of data.turns) {
      const end = Math.max(turn.end, ...turn.phrases.map((phrase) => phrase.end));
      if (this.seen(turn.from, end)) this.reply(turn);
    }
  }

  reply(turn) {
    const { ctx, view, color } = this;
    const { top, height } = this.lane.reply;
    const y = top + 24;
    const first = turn.first_audio ?? turn.end;
    turn.phrases.forEach((phrase, i) => {
      const next = turn.phrases[i + 1] ? turn.phrases[i + 1].start : Infinity;
      this.phrase(phrase, Math.min(phrase.end, next), top + 37, height - 39);
    });
    if (view.x(turn.end) - view.x(turn.from) < 8) return;
    ctx.save();
    ctx.strokeStyle = color.quiet;
    ctx.setLineDash([3, 3]);
    ctx.strokeRect(view.x(turn.from), y - 7, Math.max(1, view.x(first) - view.x(turn.from)), 14);
    ctx.restore();
    if (turn.first_audio !== null) {
      const room = view.x(first) - view.x(turn.from), took = turn.first_audio - turn.from;
      const wait = room > 80 ? `${Math.round(took * 1000)} ms` : `${took.toFixed(1)} s`;
      ctx.font = `11px ${FONT}`;
      if (ctx.measureText(wait).width + 8 < room) {
        this.fit(wait, view.x(turn.from) + 5, y + 0.5, room, color.ink, 11);
      }
    }
    for (const [at] of turn.tokens) this.line(view.x(at), y - 13, y - 9, color.parley, 1.5);
  }

  phrase(phrase, end, top, height) {
    const { ctx, view, color } = this;
    const x = view.x(phrase.start), until = view.x(phrase.until), right = view.x(end) - 1;
    if (right < -10 || x > view.width || phrase.end <= phrase.start) return;
    ctx.fillStyle = color['parley-soft'];
    ctx.fillRect(x, top, Math.max(until > x ? 1 : 0, Math.min(until, right) - x), height);
    if (right - until > 1) {
      hatch(ctx, until, top, right - until, height, color.line);
      ctx.strokeStyle = color.line;
      ctx.strokeRect(until, top + 0.5, right - until, height - 1);
    }
    ctx.fillStyle = color.parley;
    if (right - x > 4) ctx.fillRect(x, top, 2, height);
    const count = !data.heard_known ? Infinity : phrase.heard ? phrase.heard.split(/\s+/).length : 0;
    const words = phrase.text.trim().split(/\s+/).map((word, i) =>
      [word, i < count ? color.parley : color.quiet, i >= count]);
    const left = Math.max(x, 0) + 6;
    const room = Math.min(right, view.width) - left - 4;
    if (room > 18) this.wrap(words, left, top + 3, room, height - 4);
  }

  drawMarkLines() {
    const { view, color } = this;
    for (const mark of data.marks) {
      if (!this.seen(mark.at, mark.at) || mark.kind === 'client' || mark.kind === 'server') continue;
      const strong = mark.kind === 'interruption' || mark.kind === 'error';
      const from = strong ? this.lane.caller.top : this.lane.words.top;
      this.line(view.x(mark.at), from, this.lane.marks.top + 8, color[KIND_COLOR[mark.kind]],
        strong ? 1.5 : 1, strong ? [] : [2, 3]);
    }
  }

  // Diamonds in the first row; what matters most gets its words first, where there is room.
  drawMarks() {
    const { ctx, view, color } = this;
    const { top } = this.lane.marks;
    const seen = data.marks.filter((mark) => this.seen(mark.at, mark.at));
    const taken = [seen.map((mark) => [view.x(mark.at) - 7, view.x(mark.at) + 7]), [], []];
    for (const mark of seen) {
      const x = view.x(mark.at);
      ctx.fillStyle = color[KIND_COLOR[mark.kind]];
      ctx.beginPath();
      ctx.moveTo(x, top + 2);
      ctx.lineTo(x + 5, top + 8);
      ctx.lineTo(x, top + 14);
      ctx.lineTo(x - 5, top + 8);
      ctx.fill();
    }
    const weight = (mark) => Object.keys(KIND_COLOR).indexOf(mark.kind);
    for (const mark of [...seen].sort((a, b) => weight(a) - weight(b))) this.markText(mark, taken, top);
  }

  markText(mark, taken, top) {
    const { ctx, view, color } = this;
    const x = view.x(mark.at);
    ctx.font = `11px ${FONT}`;
    const whole = ctx.measureText(mark.text).width + 2;
    const places = [];
    taken.forEach((spans, row) => {
      const right = Math.min(view.width, ...spans.filter(([from]) => from > x).map(([from]) => from - 4));
      const left = Math.max(0, ...spans.filter(([, to]) => to < x).map(([, to]) => to + 4));
      const covered = row && spans.some(([from, to]) => from <= x + 9 && to >= x - 9);
      const middle = clamp(x - whole / 2, left, Math.max(left, right - whole));
      if (row && !covered) places.push([right - left, middle, row]);
      if (!covered) places.unshift([right - x - 9, x + 9, row], [x - 9 - left, null, row]);
    });
    places.sort((a, b) => a[2] - b[2]);
    const place = places.find(([room]) => room >= whole) || places.sort((a, b) => b[0] - a[0])[0];
    if (!place || place[0] < Math.min(whole, 60)) return;
    const [room, from, row] = place, wide = Math.min(whole, room);
    const at = from ?? x - 9 - wide;
    this.fit(mark.text, at, top + 8 + row * 17, wide, color[KIND_COLOR[mark.kind]]);
    taken[row].push([at, at + wide]);
  }

  drawLabels() {
    const { ctx, color } = this;
    ctx.font = `600 9.5px ${FONT}`;
    ctx.textAlign = 'left';
    for (const [name, , , label] of LANES) {
      if (!label) continue;
      const { top } = this.lane[name];
      ctx.globalAlpha = 0.8;
      ctx.fillStyle = color.card;
      ctx.fillRect(0, top, ctx.measureText(label).width + 10, 13);
      ctx.globalAlpha = 1;
      ctx.fillStyle = color.quiet;
      ctx.fillText(label, 4, top + 7);
    }
  }
}

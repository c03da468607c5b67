// Everything put together: who is asked what, by pointer, keys and buttons.

const READABLE_PX = 18;  // a second

const view = new View(data.duration);
const waves = {
  caller: new Wave(data.caller, data.bin),
  parley: new Wave(data.parley, data.bin),
  lost: new Wave(data.lost, data.bin),
};
const lanes = new Lanes(byId('lanes'), view, waves);
const player = new Player(byId('audio'), byId('sound').textContent);
const scene = byId('scene'), overview = byId('overview'), tip = byId('tip');
showHead();
const buttons = showTurns((turn) => { show(turn); seek(turn.from); });

function show(turn) {
  const from = Math.min(turn.from, ...data.utterances.filter((u) => u.final === turn.asked_at).map((u) => u.start));
  const end = Math.max(turn.end, ...turn.phrases.map((phrase) => phrase.end));
  const span = Math.min(Math.max((end - from) * 1.25, 4), view.total);
  view.set(from - span * 0.08, span);
}

function seek(t) {
  player.seek(t);
  moved();
}

let wanted = false;
function redraw() {
  if (wanted) return;
  wanted = true;
  requestAnimationFrame(() => { wanted = false; lanes.draw(); drawOverview(); });
}
view.listeners.push(redraw);

let current;
function moved() {
  lanes.cursor = player.position;
  byId('clock').textContent = clock(lanes.cursor);
  scene.setAttribute('aria-valuenow', lanes.cursor.toFixed(3));
  scene.setAttribute('aria-valuetext', clock(lanes.cursor));
  const now = lastBefore(data.turns, lanes.cursor + 0.001, (turn) => turn.from);
  if (now !== current) {
    current = now;
    data.turns.forEach((turn, i) => buttons[i].classList.toggle('now', turn === now));
    const shown = buttons[data.turns.indexOf(now)];
    if (shown && window.innerWidth > 980) shown.scrollIntoView({ block: 'nearest' });
  }
  redraw();
}

function follow() {
  moved();
  if (!player.playing) return;
  view.reveal(player.position);
  requestAnimationFrame(follow);
}

function drawOverview() {
  const ratio = window.devicePixelRatio || 1, width = overview.clientWidth, height = 40;
  overview.width = Math.round(width * ratio);
  overview.height = Math.round(height * ratio);
  const ctx = overview.getContext('2d'), color = lanes.color;
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  const all = new View(data.duration);
  all.width = width;
  ctx.fillStyle = color.mute;
  ctx.fillRect(0, 0, width, height);
  waves.caller.draw(ctx, all, 0, 20, color.caller, waves.caller.loudest);
  waves.parley.draw(ctx, all, 20, 20, color.parley, waves.parley.loudest);
  for (const mark of data.marks) {
    if (mark.kind === 'client' || mark.kind === 'server') continue;
    ctx.fillStyle = color[KIND_COLOR[mark.kind]];
    ctx.fillRect(all.x(mark.at) - 1, 0, 2, height);
  }
  ctx.fillStyle = color.cursor;
  ctx.fillRect(all.x(lanes.cursor) - 1, 0, 2, height);
  const left = all.x(view.start), right = all.x(view.end);
  ctx.fillStyle = color.card;
  ctx.globalAlpha = 0.65;
  ctx.fillRect(0, 0, left, height);
  ctx.fillRect(right, 0, width - right, height);
  ctx.globalAlpha = 1;
  if (view.span >= view.total) return;
  ctx.strokeStyle = color.quiet;
  ctx.strokeRect(left + 0.5, 0.5, Math.max(3, right - left - 1), height - 1);
}

function resize() {
  const top = scene.getBoundingClientRect().top + window.scrollY;
  const spare = window.innerWidth > 980 ? window.innerHeight - top - 78 - Lanes.baseHeight() : 0;
  lanes.resize(scene.clientWidth, Math.min(spare, 320));
  redraw();
}

// Pointers: one drags or clicks, two pinch.

const held = new Map();
let travelled = 0;
const xOf = (event) => event.clientX - scene.getBoundingClientRect().left;

scene.addEventListener('pointerdown', (event) => {
  if (event.button) return;
  scene.setPointerCapture(event.pointerId);
  held.set(event.pointerId, xOf(event));
  if (held.size === 1) travelled = 0;
});
scene.addEventListener('pointermove', (event) => {
  const x = xOf(event);
  if (!held.has(event.pointerId)) { point(event, x); return; }
  tip.hidden = true;
  const before = held.get(event.pointerId);
  if (held.size === 1) {
    travelled += Math.abs(x - before);
    if (travelled > 4) { scene.classList.add('dragging'); view.move((before - x) / view.width * view.span); }
  } else {
    const [other] = [...held].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
    travelled = 99;
    const now = Math.abs(x - other);
    if (now > 8) view.zoom(Math.abs(before - other) / now, (x + other) / 2);
  }
  held.set(event.pointerId, x);
});
for (const kind of ['pointerup', 'pointercancel']) {
  scene.addEventListener(kind, (event) => {
    if (kind === 'pointerup' && held.has(event.pointerId) && travelled <= 4) seek(view.t(xOf(event)));
    held.delete(event.pointerId);
    scene.classList.remove('dragging');
  });
}
scene.addEventListener('pointerleave', () => { tip.hidden = true; });
scene.addEventListener('wheel', (event) => {
  event.preventDefault();
  const unit = event.deltaMode ? 16 : 1;
  if (Math.abs(event.deltaX) > Math.abs(event.deltaY) || event.shiftKey) {
    view.move((event.deltaX || event.deltaY) * unit / view.width * view.span);
  } else {
    view.zoom(Math.exp(clamp(event.deltaY * unit, -240, 240) * 0.0022), xOf(event));
  }
}, { passive: false });

function point(event, x) {
  if (event.pointerType === 'touch') return;
  tip.textContent = toldAt(view.t(x), view.span / view.width * 5);
  tip.hidden = false;
  const y = event.clientY - scene.getBoundingClientRect().top;
  const left = x + 16 + tip.offsetWidth > view.width ? x - 12 - tip.offsetWidth : x + 16;
  tip.style.transform = `translate(${Math.max(0, left)}px, ${clamp(y + 14, 0, lanes.height - tip.offsetHeight)}px)`;
}

const lookAt = (event) => {
  const x = (event.clientX - overview.getBoundingClientRect().left) / overview.clientWidth;
  if (view.span < view.total) view.set(x * view.total - view.span / 2, view.span);
  else seek(x * view.total);
};
overview.addEventListener('pointerdown', (event) => { overview.setPointerCapture(event.pointerId); lookAt(event); });
overview.addEventListener('pointermove', (event) => { if (event.buttons) lookAt(event); });

// Keys and buttons

const nextTurn = (step) => {
  const at = data.turns.findIndex((turn) => turn === lastBefore(data.turns, lanes.cursor + 0.001, (t) => t.from));
  const turn = data.turns[clamp(at + step, 0, data.turns.length - 1)];
  if (turn) { seek(turn.from); view.reveal(turn.from); }
};
const keys = {
  ' ': () => player.toggle(),
  ArrowLeft: () => { seek(lanes.cursor - 1); view.reveal(lanes.cursor); },
  ArrowRight: () => { seek(lanes.cursor + 1); view.reveal(lanes.cursor); },
  ArrowUp: () => nextTurn(-1),
  ArrowDown: () => nextTurn(1),
  Home: () => { seek(0); view.reveal(0); },
  End: () => { seek(data.duration); view.reveal(data.duration); },
  '+': () => view.zoom(1 / 1.5, view.x(lanes.cursor)),
  '=': () => view.zoom(1 / 1.5, view.x(lanes.cursor)),
  '-': () => view.zoom(1.5, view.x(lanes.cursor)),
  0: () => view.fit(),
};
document.addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === ' ' && event.target instanceof HTMLButtonElement) return;
  const act = keys[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

const play = byId('play');
play.disabled = !player.able;
play.addEventListener('click', () => player.toggle());
for (const kind of ['play', 'pause', 'ended']) {
  player.audio.addEventListener(kind, () => {
    play.textContent = player.playing ? '❚❚' : '▶';
    play.setAttribute('aria-label', player.playing ? 'Pause' : 'Play');
    follow();
  });
}
player.audio.addEventListener('seeked', moved);
for (const side of ['caller', 'parley']) {
  const button = byId('hear-' + side);
  button.disabled = !player.able;
  button.addEventListener('click', () => {
    const on = button.getAttribute('aria-pressed') !== 'true';
    button.setAttribute('aria-pressed', String(on));
    player.hear(side, on);
  });
}
byId('zoom-in').addEventListener('click', () => view.zoom(1 / 1.6));
byId('zoom-out').addEventListener('click', () => view.zoom(1.6));
byId('fit').addEventListener('click', () => view.fit());

scene.setAttribute('aria-valuemax', data.duration.toFixed(3));
window.addEventListener('resize', resize);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { lanes.readColors(); redraw(); });
resize();
// Where all of it would be too small to read, it begins with its beginning.
if (view.width / view.span < READABLE_PX) view.set(0, view.width / (READABLE_PX * 1.6));
moved();
document.documentElement.dataset.ready = 'yes';

// The list of turns, the head of the page, and what stands under the pointer, all as text.

function showHead() {
  byId('name').textContent = data.title;
  byId('summary').textContent = data.summary.join(' · ');
  for (const [name, value] of data.facts) {
    if (name === 'session') continue;
    byId('facts').append(el('div', '', el('dt', '', name), el('dd', '', value)));
  }
  for (const note of data.notes) byId('notes').append(el('li', '', note));
}

function showTurns(jump) {
  const list = byId('turns');
  const buttons = data.turns.map((turn) => {
    const left = unheard(turn.text, turn.heard);
    const bad = turn.outcome !== 'complete';
    const top = el('span', 'top', el('span', '', `${turn.number} · ${clock(turn.from, 1)}`),
      el('span', bad ? 'bad' : '', turn.outcome));
    const reply = el('span', 'reply', (data.heard_known ? turn.heard : turn.text) || (data.words_known ? '' : noWords), ' ',
      left ? el('span', 'unheard', el('span', 'visually-hidden', 'not heard: '), left) : null);
    const times = el('span', 'times', ...turn.latencies.map(([name, ms]) =>
      el('span', '', name + ' ', el('b', '', `${ms} ms`))));
    const button = el('button', 'turn', top, el('span', 'asked', turn.asked || noWords), reply, times);
    button.type = 'button';
    button.addEventListener('click', () => jump(turn));
    list.append(el('li', '', button));
    return button;
  });
  if (!buttons.length) list.append(el('li', '', 'No turn was begun.'));
  return buttons;
}

const inside = (t, from, to) => t >= from && t <= to;

// What there is at a moment, a line each.
function toldAt(t, near) {
  const lines = [clock(t)];
  for (const mark of data.marks) if (Math.abs(mark.at - t) <= near) lines.push(`${clock(mark.at)} ${mark.text}`);
  const said = data.utterances.find((u) => inside(t, u.start, Math.max(u.end, u.final ?? 0, u.start + near)));
  if (said) {
    const partial = lastBefore(said.partials, t, (p) => p.at);
    const final = said.final !== null && t >= said.final - near;
    if (final) lines.push(`final ${clock(said.final)}: ${said.text || noWords}`);
    else if (partial) {
      const covers = partial.audio_ms === null ? '' : `, covers ${clock(partial.audio_ms / 1000)}`;
      lines.push(`partial ${clock(partial.at)}${covers}: ${partial.text}`);
    } else lines.push(said.fate === 'dropped' ? 'a sound, no speech' : 'the caller speaks');
  }
  for (const turn of data.turns) {
    const phrase = turn.phrases.find((p) => inside(t, p.start, p.end));
    if (phrase) {
      const lost = unheard(phrase.text, phrase.heard);
      lines.push(`phrase ${clock(phrase.start)}-${clock(phrase.end)}, synthesized ${clock(phrase.ready)}: ${phrase.text}`);
      if (lost) lines.push(`not heard: ${lost}`);
    } else if (inside(t, turn.from, turn.first_audio ?? turn.end)) {
      const token = turn.first_token === null ? 'no token yet' : `first token ${clock(turn.first_token)}`;
      lines.push(`waiting for reply ${turn.number}, ${token}`);
    }
    const token = turn.tokens.find(([at]) => Math.abs(at - t) <= near / 2);
    if (token) lines.push(`token ${clock(token[0])}: ${token[1]}`);
  }
  if (data.holds.some(([from, to]) => inside(t, from, to))) lines.push('the reply is held: a sound was heard');
  return lines.join('\n');
}

// The recording's data, and small words about times.

const data = JSON.parse(document.getElementById('data').textContent);

const noWords = data.words_known ? '(no words)' : '(words not recorded)';

const byId = (id) => document.getElementById(id);

function bytesOf(base64) {
  const binary = atob(base64);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

function clock(seconds, digits = 3) {
  const scale = 10 ** digits;
  const whole = Math.round(Math.max(0, seconds) * scale);
  const s = Math.floor(whole / scale);
  const pad = (n, width = 2) => String(n).padStart(width, '0');
  const hours = Math.floor(s / 3600);
  const head = hours ? `${hours}:${pad(Math.floor(s / 60) % 60)}` : pad(Math.floor(s / 60));
  return `${head}:${pad(s % 60)}${digits ? '.' + pad(whole % scale, digits) : ''}`;
}

// An element with a text or with children; texts are never markup.
function el(tag, className, ...children) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...children.filter((child) => child !== null));
  return made;
}

function clamp(value, low, high) {
  return Math.min(Math.max(value, low), high);
}

// The last of a sorted list for which at(item) <= t; undefined where there is none.
function lastBefore(list, t, at) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at(list[middle]) <= t) low = middle + 1; else high = middle;
  }
  return list[low - 1];
}

// The words of a text behind those of it that were heard.
function unheard(text, heard) {
  if (!data.heard_known) return '';
  const count = heard ? heard.split(/\s+/).length : 0;
  return text.trim().split(/\s+/).slice(count).join(' ');
}

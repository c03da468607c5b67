// Recordings for clients of the Realtime API, and the frames that those clients saw.

import { appendFileSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const CHUNK_MS = 40;

// PCM16 at 24 kHz, with a second of silence behind.
export function recording(folder, name) {
  const bytes = readFileSync(`${folder}/${name}.wav`).subarray(44);
  const samples = new Int16Array(bytes.length / 2 + 24000);
  new Uint8Array(samples.buffer).set(bytes);
  return samples;
}

// Gives each piece to `send`, so many times faster than it was spoken.
export async function speak(samples, speed, send) {
  const began = performance.now();
  const size = 24 * CHUNK_MS;
  for (let at = 0; at < samples.length; at += size) {
    const piece = samples.slice(at, at + size);
    send(piece.buffer);
    const ahead = began + at / 24 / speed - performance.now();
    if (ahead > 0) await sleep(ahead);
  }
}

export function keep(path, event) {
  appendFileSync(path, `${JSON.stringify(event)}\n`);
}

export function tell(scenario, found) {
  console.log(JSON.stringify({ scenario, ...found }));
}

// Waits until `true_` holds; looks again whenever `emitter` has told of something.
export async function until(what, true_, limitMs = 40000) {
  const end = performance.now() + limitMs;
  while (!true_()) {
    if (performance.now() > end) throw new Error(`${what}: nothing of it in ${limitMs} ms`);
    await sleep(10);
  }
}

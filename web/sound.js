/**
 * One AudioContext for all calls of a page, asleep between them. Browsers allow few of them, and
 * Chromium keeps something of each one in memory that was closed.
 */

let context = null;
let users = 0;

/** @returns {Promise<AudioContext>} It runs. Give it back when it is not needed any more. */
export async function takeContext() {
  users++;
  context ??= new AudioContext({ latencyHint: "interactive" });
  await context.resume();
  return context;
}

export async function giveContextBack() {
  if (--users === 0) await context.suspend();
}

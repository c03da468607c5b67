/**
 * One AudioContext for all calls of a page, asleep between them. Browsers allow few of them, and
 * Chromium keeps something of each one in memory that was closed.
 */

import { within } from "./deadline.js";

let context = null;
let users = 0;
let loudspeaker = "";

/** Where there is no loudspeaker, Firefox never starts a context. The rest goes on without sound. */
const START_MS = 2500;
/** What is asked of the sound system besides: to take a loudspeaker, to fall asleep. */
const ASKED_MS = 2000;

/**
 * @returns {Promise<AudioContext>} It runs, unless its `state` says otherwise. Give it back when it is
 * not needed any more.
 */
export async function takeContext() {
  users++;
  context ??= new AudioContext({ latencyHint: "interactive" });
  await route();
  const late = new Promise((done) => setTimeout(done, START_MS));
  await Promise.race([context.resume().catch(() => {}), late]);
  return context;
}

export async function giveContextBack() {
  if (--users > 0) return;
  await within(context.suspend(), ASKED_MS, "the sound does not end").catch(() => {});
}

/** Whether this browser lets a page choose the loudspeaker. */
export const canChooseLoudspeaker = () =>
  typeof globalThis.AudioContext?.prototype.setSinkId === "function";

/**
 * Play through another loudspeaker, now and in later calls.
 * @param {string} id A device's id; "": the one that the system has chosen.
 */
export async function useLoudspeaker(id) {
  loudspeaker = id;
  if (context) await route();
}

/** One that was pulled out meanwhile is no reason to be silent: the system's own is used. */
async function route() {
  if (!canChooseLoudspeaker() || context.sinkId === loudspeaker) return;
  const take = (id) => within(context.setSinkId(id), ASKED_MS, "the loudspeaker does not answer");
  try {
    await take(loudspeaker);
  } catch {
    if (context.sinkId !== "") await take("").catch(() => {});
  }
}

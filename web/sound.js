/**
 * One AudioContext for all calls of a page, asleep between them. Browsers allow few of them, and
 * Chromium keeps something of each one in memory that was closed.
 */

let context = null;
let users = 0;
let loudspeaker = "";

/** Where there is no loudspeaker, Firefox never starts a context. The rest goes on without sound. */
const START_MS = 2500;

/**
 * @returns {Promise<AudioContext>} It runs, unless its `state` says otherwise. Give it back when it is
 * not needed any more.
 */
export async function takeContext() {
  users++;
  context ??= new AudioContext({ latencyHint: "interactive" });
  await route();
  const late = new Promise((done) => setTimeout(done, START_MS));
  await Promise.race([context.resume(), late]);
  return context;
}

export async function giveContextBack() {
  if (--users === 0) await context.suspend();
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
  try {
    await context.setSinkId(loudspeaker);
  } catch {
    if (context.sinkId !== "") await context.setSinkId("").catch(() => {});
  }
}

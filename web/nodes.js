/**
 * Nodes, one of each kind for a context, used again and again: browsers hold on to the
 * processor of a node that was thrown away.
 */

import { within } from "./deadline.js";

/** Loading a module takes milliseconds, and a second over a slow network. */
const MODULE_MS = 8000;

const known = new WeakMap();
const gains = new WeakMap();

/** What makes all of a context's replies louder or quieter. @param {AudioContext} context */
export function gainOf(context) {
  if (!gains.has(context)) gains.set(context, context.createGain());
  return gains.get(context);
}

/**
 * @param {AudioContext} context
 * @param {string} name What the module registers.
 * @param {URL} module
 * @param {AudioWorkletNodeOptions} options
 * @returns {Promise<AudioWorkletNode>}
 */
export async function nodeOf(context, name, module, options) {
  const loading = context.audioWorklet.addModule(module);
  await within(loading, MODULE_MS, "the browser does not start the sound");
  const nodes = known.get(context) ?? new Map();
  known.set(context, nodes);
  if (!nodes.has(name)) nodes.set(name, new AudioWorkletNode(context, name, options));
  return nodes.get(name);
}

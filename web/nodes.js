/**
 * Nodes, one of each kind for a context, used again and again: browsers hold on to the
 * processor of a node that was thrown away.
 */

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
  await context.audioWorklet.addModule(module);
  const nodes = known.get(context) ?? new Map();
  known.set(context, nodes);
  if (!nodes.has(name)) nodes.set(name, new AudioWorkletNode(context, name, options));
  return nodes.get(name);
}

/** What the page's own address asks for: `?agent=` who answers, and the parameters of the call. */

/**
 * @param {string} search The query of the address.
 * @returns {{agent: string, parameters: Object<string, string>}} `parameters` are all others. The
 * Client leaves out those that have a meaning of their own.
 */
export function fromAddress(search) {
  const { agent = "", ...parameters } = Object.fromEntries(new URLSearchParams(search));
  return { agent: agent.trim(), parameters };
}

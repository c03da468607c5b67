/** Elements by their names, and new ones. */

/** @param {string} id @returns {HTMLElement} */
export const at = (id) => document.getElementById(id);

/** @param {string} tag @param {string} name Its class. @param {...(string|Node)} content */
export function make(tag, name, ...content) {
  const found = document.createElement(tag);
  if (name) found.className = name;
  found.append(...content);
  return found;
}

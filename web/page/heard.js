/**
 * A reply's text in two: what was heard, and what was not. Both tell the words; spaces may differ.
 * @param {string} text
 * @param {string} heard
 * @returns {[string, string]}
 */
export function split(text, heard) {
  let left = heard.replace(/\s/g, "").length;
  let at = 0;
  while (at < text.length && left > 0) if (/\S/.test(text[at++])) left--;
  return [text.slice(0, at), text.slice(at)];
}

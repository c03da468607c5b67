/** What was said, as Markdown: for a file. Plain arithmetic. */

import { clock } from "./conversation.js";

/**
 * @param {{who: string, text: string, unheard: string, at: Date}[]} entries
 * @param {{hears?: string, answers?: string, speaks?: string}} who
 * @returns {string}
 */
export function transcript(entries, who = {}) {
  const lines = ["# A conversation with Parley", "", entries[0]?.at.toLocaleString() ?? ""];
  for (const [does, name] of Object.entries(who)) lines.push(`- ${does[0].toUpperCase()}${does.slice(1)}: ${name}`);
  for (const entry of entries) lines.push("", line(entry));
  if (entries.some((entry) => entry.unheard)) {
    lines.push("", "~~Struck through~~: not heard, because the answer was interrupted.");
  }
  return `${lines.join("\n")}\n`;
}

function line(entry) {
  const { who, text, unheard, at } = entry;
  if (who === "divider") return `---\n\n*${text}, ${clock(at)}*`;
  if (who === "note") return `*${text}, ${clock(at)}*`;
  if (who === "tool") return toolLine(entry);
  const name = who === "parley" ? "Parley" : who === "typed" ? "You, typed" : "You";
  const heard = unheard ? text.slice(0, text.length - unheard.length) : text;
  const space = heard && !/\s$/.test(heard) && /^\s/.test(unheard) ? " " : "";
  const struck = unheard.trim() ? `${space}~~${unheard.trim()}~~` : "";
  return `**${name}** (${clock(at)}): ${heard}${struck}`.trim();
}

/** A call of a tool, and what became of it. */
function toolLine({ text, outcome, result, ms, at }) {
  const code = (words) => `\`${words.replace(/\s+/g, " ").replaceAll("`", "'")}\``;
  const took = ms === null ? "" : `, ${ms} ms`;
  return `**Tool** (${clock(at)}): ${code(text)}${result ? ` → ${code(result)}` : ""} (${outcome}${took})`;
}

// Holds events of the Realtime API to the schemas of OpenAI's Agents SDK for JavaScript, and has
// that SDK handle each as it handles what comes over its connection.
//
//     node realtime_contract.mjs FRAMES...
//
// FRAMES hold one event a line. Prints { events, unknown: {type: count}, refused: [...] } as JSON:
// `unknown` are of types that the SDK does not know, `refused` of a shape that it does not take.

import { readFileSync } from "node:fs";
import { OpenAIRealtimeBase } from "@openai/agents-realtime";
import { pathToFileURL } from "node:url";

const dist = new URL("./node_modules/@openai/agents-realtime/dist/", pathToFileURL(`${process.cwd()}/`));
const { parseRealtimeEvent, realtimeServerEventSchema } = await import(
  new URL("openaiRealtimeEvents.mjs", dist)
);
const known = new Set(realtimeServerEventSchema.options.map((schema) => schema.shape.type.value));

class Fed extends OpenAIRealtimeBase {
  sendEvent() {}
}

const found = { events: 0, unknown: {}, refused: [] };
const client = new Fed();
client.on("error", () => {});
for (const path of process.argv.slice(2)) {
  for (const line of readFileSync(path, "utf8").split("\n").filter(Boolean)) {
    const { type } = JSON.parse(line);
    found.events += 1;
    if (!known.has(type)) {
      found.unknown[type] = (found.unknown[type] ?? 0) + 1;
      continue;
    }
    if (parseRealtimeEvent({ data: line }).isGeneric) {
      const { error } = realtimeServerEventSchema.safeParse(JSON.parse(line));
      found.refused.push(`${line.slice(0, 500)}: ${error}`);
    }
    try {
      client._onMessage({ data: line });
    } catch (error) {
      found.refused.push(`${line.slice(0, 500)}: ${error}`);
    }
  }
}
console.log(JSON.stringify(found));

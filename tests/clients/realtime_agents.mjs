// A client of the Realtime API with OpenAI's Agents SDK for JavaScript, as it is.
//
//     node realtime_agents.mjs ws://127.0.0.1:8084/v1/realtime RECORDINGS FRAMES
//
// Prints one line of JSON for each scenario.

import {
  OpenAIRealtimeWebSocket,
  RealtimeAgent,
  RealtimeSession,
  tool,
} from "@openai/agents-realtime";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { keep, recording, speak, tell, until } from "./realtime_wav.mjs";

const [url, recordings, frames] = process.argv.slice(2);
const city = z.object({ city: z.string() });
const weather = tool({
  name: "get_weather",
  description: "The weather in a city.",
  parameters: city,
  execute: async () => "rain",
});
const time = tool({
  name: "get_time",
  description: "The time in a city.",
  parameters: city,
  execute: async () => {
    await sleep(300);
    return "noon";
  },
});
const billing = new RealtimeAgent({ name: "billing", instructions: "You answer on bills." });
// The end of a reply is told a little before it has been played; who speaks then interrupts it.
const PLAYED_MS = 600;

class Client {
  constructor(agent, options) {
    this.raw = [];
    this.errors = [];
    this.tools = [];
    this.interrupted = 0;
    this.audioBytes = 0;
    this.handoffs = [];
    const transport = new OpenAIRealtimeWebSocket({ useInsecureApiKey: true });
    this.session = new RealtimeSession(
      new RealtimeAgent({ name: "main", instructions: "Be brief.", ...agent }),
      { transport, tracingDisabled: true, ...options },
    );
    this.session.transport.on("*", (event) => {
      keep(frames, event);
      this.raw.push(event);
    });
    this.session.on("error", (error) => this.errors.push(JSON.stringify(error.error ?? error)));
    this.session.on("audio", (event) => (this.audioBytes += event.data.byteLength));
    this.session.on("audio_interrupted", () => (this.interrupted += 1));
    this.session.on("agent_tool_end", (_context, _agent, called) => this.tools.push(called.name));
    this.session.on("agent_handoff", (_context, _from, to) => this.handoffs.push(to.name));
  }

  of(type) {
    return this.raw.filter((event) => event.type === type);
  }

  async wait(type, count = 1) {
    await until(`${type} ${count}`, () => this.of(type).length >= count);
    return this.of(type)[count - 1];
  }

  get audioMs() {
    return this.audioBytes / 48;
  }

  get quiet() {
    return this.of("response.created").length === this.of("response.done").length;
  }

  async speak(name, speed = 3) {
    await speak(recording(recordings, name), speed, (piece) => this.session.sendAudio(piece));
  }

  summary() {
    const completed = this.of("conversation.item.input_audio_transcription.completed");
    const messages = this.session.history.filter((item) => item.type === "message");
    return {
      heard: completed.map((event) => event.transcript),
      audio_ms: Math.round(this.audioMs),
      statuses: this.of("response.done").map((event) => event.response.status),
      errors: this.errors,
      interrupted: this.interrupted,
      tools: this.tools,
      history: messages.map((item) => [
        item.role,
        item.content.map((part) => part.transcript ?? part.text ?? "").join(" "),
        ...(item.role === "assistant" ? [item.status] : []),
      ]),
    };
  }
}

const scenarios = {
  async voice_turns(c) {
    await c.speak("1-weather");
    await c.wait("response.done");
    await sleep(PLAYED_MS);
    await c.speak("4-lights");
    await c.wait("response.done", 2);
  },
  async interruption(c) {
    c.session.sendMessage("Tell me a long story");
    await until("audio", () => c.audioMs > 1500);
    await c.speak("4-lights", 1);
    await c.wait("response.done", 2);
    const truncated = await c.wait("conversation.item.truncated");
    const [first] = c.of("response.done");
    return { details: first.response.status_details, audio_end_ms: truncated.audio_end_ms };
  },
  async interrupted_by_hand(c) {
    c.session.sendMessage("Tell me a long story");
    await until("audio", () => c.audioMs > 1500);
    c.session.interrupt();
    const done = await c.wait("response.done");
    c.session.sendMessage("hello again");
    await c.wait("response.done", 2);
    return { details: done.response.status_details };
  },
  async parallel_tools(c) {
    c.session.sendMessage("Weather and time, please");
    await until("both tools", () => c.tools.length === 2);
    const done = "response.output_audio_transcript.done";
    await until("noon", () => c.of(done).some((event) => event.transcript.includes("noon")));
    await until("quiet", () => c.quiet);
  },
  async spoken_tool(c) {
    await c.speak("1-weather");
    await until("the tool", () => c.tools.length === 1);
    await c.wait("response.done", 2);
  },
  async handoff(c) {
    c.session.sendMessage("I have a question on billing");
    await until("the handoff", () => c.handoffs.length === 1);
    await c.wait("response.done", 2);
    await until("quiet", () => c.quiet);
    const updated = c.of("session.updated").at(-1);
    return { to: c.handoffs[0], instructions: updated.session.instructions };
  },
  async push_to_talk(c) {
    await c.speak("1-weather", 10);
    c.session.transport.sendEvent({ type: "input_audio_buffer.commit" });
    c.session.transport.sendEvent({ type: "response.create" });
    await c.wait("response.done");
  },
  async history(c) {
    c.session.sendMessage("hello");
    await c.wait("response.done");
    c.session.updateHistory((items) => items.slice(1));
    await c.wait("conversation.item.deleted");
  },
};
const agents = {
  parallel_tools: { tools: [weather, time] },
  spoken_tool: { tools: [weather, time] },
  handoff: { handoffs: [billing] },
};
const byHand = { config: { audio: { input: { turnDetection: null } } } };
const options = { push_to_talk: byHand };

async function play(name) {
  const client = new Client(agents[name] ?? {}, options[name] ?? {});
  await client.session.connect({ apiKey: "none", url });
  const found = await scenarios[name](client);
  await sleep(300);
  client.session.close();
  tell(name, { ...client.summary(), ...found });
}

await Promise.all(
  Object.keys(scenarios).map(async (name, at) => {
    await sleep(at * 300);
    await play(name);
  }),
);

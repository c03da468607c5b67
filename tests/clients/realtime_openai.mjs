// A client of the Realtime API with OpenAI's own library for JavaScript, as it is.
//
//     node realtime_openai.mjs ws://127.0.0.1:8084/v1 RECORDINGS FRAMES
//
// The library opens TLS alone, so that its socket is handed a plain connection to loopback. Prints
// one line of JSON for each scenario.

import net from "node:net";
import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import { keep, recording, speak, tell, until } from "./realtime_wav.mjs";

const [url, recordings, frames] = process.argv.slice(2);
const { hostname, port, pathname } = new URL(url);
const client = new OpenAI({ apiKey: "none", baseURL: `https://${hostname}:${port}${pathname}` });
const transcribed = { input: { transcription: { model: "gpt-4o-mini-transcribe" } } };
const city = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const weather = { type: "function", name: "get_weather", description: "Weather", parameters: city };
const time = { type: "function", name: "get_time", description: "Time", parameters: city };

class Connection {
  constructor(props = { model: "gpt-realtime" }) {
    this.events = [];
    this.errors = [];
    const options = { createConnection: () => net.connect(Number(port), hostname) };
    this.socket = new OpenAIRealtimeWS({ ...props, options }, client);
    this.socket.on("event", (event) => {
      keep(frames, event);
      this.events.push(event);
    });
    this.socket.on("error", (error) => this.errors.push(error.error ?? { message: error.message }));
  }

  of(type) {
    return this.events.filter((event) => event.type === type);
  }

  async wait(type, count = 1) {
    await until(type, () => this.of(type).length >= count);
    return this.of(type)[count - 1];
  }

  audioMs() {
    const deltas = this.of("response.output_audio.delta");
    return deltas.reduce((sum, e) => sum + Buffer.from(e.delta, "base64").length / 48, 0);
  }

  async update(session) {
    const count = this.of("session.updated").length + 1;
    this.socket.send({ type: "session.update", session: { type: "realtime", ...session } });
    return this.wait("session.updated", count);
  }

  type(text) {
    const content = [{ type: "input_text", text }];
    this.socket.send({
      type: "conversation.item.create",
      item: { type: "message", role: "user", content },
    });
    this.socket.send({ type: "response.create" });
  }

  speak(name, speed = 3) {
    return speak(recording(recordings, name), speed, (piece) =>
      this.socket.send({
        type: "input_audio_buffer.append",
        audio: Buffer.from(piece).toString("base64"),
      }),
    );
  }

  returns(call, output) {
    this.socket.send({
      type: "conversation.item.create",
      item: { type: "function_call_output", call_id: call.call_id, output },
    });
  }

  summary() {
    const completed = this.of("conversation.item.input_audio_transcription.completed");
    const spoken = this.of("response.output_audio_transcript.done").map((e) => e.transcript);
    const written = this.of("response.output_text.done").map((e) => e.text);
    return {
      heard: completed.map((e) => e.transcript),
      said: [...spoken, ...written],
      audio_ms: Math.round(this.audioMs()),
      statuses: this.of("response.done").map((e) => e.response.status),
      errors: this.errors,
    };
  }
}

const scenarios = {
  async voice_turns(c) {
    await c.update({ audio: transcribed });
    await c.speak("4-lights");
    await c.wait("response.done");
    await c.speak("8-mother");
    await c.wait("response.done", 2);
  },
  async interruption(c) {
    await c.update({ audio: transcribed });
    c.type("Tell me a long story");
    await until("audio", () => c.audioMs() > 1500);
    await c.speak("4-lights", 1);
    const cancelled = await c.wait("response.done");
    const [item] = cancelled.response.output;
    c.socket.send({
      type: "conversation.item.truncate",
      item_id: item.id,
      content_index: 0,
      audio_end_ms: 1200,
    });
    const truncated = await c.wait("conversation.item.truncated");
    await c.wait("response.done", 2);
    return {
      reason: cancelled.response.status_details.reason,
      item_status: item.status,
      audio_end_ms: truncated.audio_end_ms,
    };
  },
  async parallel_tools(c) {
    await c.update({ tools: [weather, time] });
    c.type("Weather and time, please");
    const { output } = (await c.wait("response.done")).response;
    for (const call of output) c.returns(call, `${call.name} is fine`);
    c.socket.send({ type: "response.create" });
    await c.wait("response.done", 2);
    return { calls: output.map((call) => [call.name, call.arguments, call.status]) };
  },
  async text_only(c) {
    await c.update({ output_modalities: ["text"] });
    c.type("hello");
    await c.wait("response.done");
  },
  async push_to_talk(c) {
    await c.update({ audio: { input: { ...transcribed.input, turn_detection: null } } });
    await c.speak("4-lights", 10);
    c.socket.send({ type: "input_audio_buffer.commit" });
    c.socket.send({ type: "response.create" });
    await c.wait("response.done");
  },
  async errors(c) {
    c.socket.send({ type: "response.cancel", event_id: "e1" });
    c.socket.send({ type: "input_audio_buffer.commit", event_id: "e2" });
    c.type("are you there");
    await c.wait("response.done");
  },
};

async function play(name, scenario, props) {
  const connection = new Connection(props);
  const created = await connection.wait("session.created");
  const found = await scenario(connection);
  connection.socket.close();
  tell(name, { model: created.session.model, ...connection.summary(), ...found });
}

async function transcription(c) {
  c.socket.send({
    type: "session.update",
    session: { type: "transcription", audio: { input: { transcription: { model: "whisper-1" } } } },
  });
  await c.wait("session.updated");
  await c.speak("4-lights");
  await c.wait("conversation.item.input_audio_transcription.completed");
}

await Promise.all([
  ...Object.entries(scenarios).map(([name, scenario]) => play(name, scenario)),
  play("transcription", transcription, { intent: "transcription" }),
]);

// A client of `/stream` in JavaScript, with the WebSocket that browsers and Node have.
//
//     node --experimental-websocket io_speech.mjs ws://127.0.0.1:8084/stream RECORDING.wav
//
// Prints every message as a line of JSON; ends when the reply has been spoken.

import { readFileSync } from "node:fs";

const [url, path] = process.argv.slice(2);
const pcm16 = readFileSync(path).subarray(44);
const socket = new WebSocket(url);
let sequence = 0;
let spoken = false;
let microphone;

socket.onopen = () => {
  socket.send(JSON.stringify({ type: "control", action: "start_listening" }));
  microphone = setInterval(() => {
    const chunk = pcm16.subarray(sequence * 3200, (sequence + 1) * 3200);
    if (chunk.length === 0) return clearInterval(microphone);
    const data = btoa(String.fromCharCode(...chunk));
    socket.send(JSON.stringify({ type: "audio", data, timestamp: Date.now(), sequence }));
    sequence += 1;
  }, 100);
};

socket.onmessage = (event) => {
  const message = JSON.parse(event.data);
  delete message.data;
  console.log(JSON.stringify(message));
  if (message.status === "speaking") spoken = true;
  if (spoken && message.status === "listening") socket.close();
};

socket.onclose = () => process.exit(0);
socket.onerror = (event) => {
  console.error(event.message ?? "the connection failed");
  process.exit(1);
};

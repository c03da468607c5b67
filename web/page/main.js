/**
 * The page: buttons to a Call, its events to what one sees. For whoever watches the page, each event
 * is told on the document too, as `parley` with {type, …}.
 */

import { Call, canCall, Dictation, EVENTS } from "../parley.js";
import { Conversation } from "./conversation.js";
import { Settings } from "./settings.js";
import { Waterfall } from "./waterfall.js";

const at = (id) => document.getElementById(id);
const conversation = new Conversation(at("conversation"));
const waterfall = new Waterfall(at("waterfall"));
const settings = new Settings();
const openedMs = performance.now();

let call = null;
let begunWith = "";
let opening = false;
let restarted = Promise.resolve();
let recordingUrl = null;
let configured = null;
let speechMs = 0;

// What is shown

function state(words) {
  at("state").textContent = words;
  at("state").dataset.is = words;
}

/** Nothing happens at this moment. */
function rest() {
  state(call?.hasMicrophone ? "listening" : "connected");
}

function mark(words) {
  const item = document.createElement("li");
  const time = document.createElement("time");
  time.textContent = `${((performance.now() - openedMs) / 1000).toFixed(1)} s`;
  item.append(time, words);
  at("marks").prepend(item);
  while (at("marks").children.length > 200) at("marks").lastElementChild.remove();
}

function alarm(title, advice) {
  const line = document.createElement("p");
  const strong = document.createElement("strong");
  strong.textContent = title;
  line.append(strong, " ", advice);
  at("alerts").replaceChildren(line);
  mark(title);
}

function calm() {
  at("alerts").replaceChildren();
}

function pressed(on) {
  at("talk").textContent = on ? "Stop" : "Start talking";
  at("talk").setAttribute("aria-pressed", String(on));
}

// What happens

const REACTIONS = {
  online: () => {
    calm();
    rest();
    mark("connected");
  },
  session: () => (recordingUrl = call?.recordingUrl ?? recordingUrl),
  offline: ({ waitMs }) => {
    conversation.replyOver();
    state("offline");
    alarm("The server is not there.", `Trying again in ${waitMs / 1000} s.`);
  },
  microphone: ({ open, advice }) => {
    pressed(open);
    rest();
    if (open) calm();
    else alarm("No microphone.", advice);
  },
  level: ({ level, loud }) => {
    at("level").value = Math.min(1, Math.sqrt(level) * 2);
    if (loud) waterfall.spoke();
  },
  state: ({ state: words }) => words === "processing" && state("thinking"),
  speechstart: () => {
    speechMs = performance.now();
    state("hearing you");
    waterfall.begin();
    mark("speech begins");
  },
  speechend: () => {
    waterfall.reached("silence");
    mark(`speech ends, ${((performance.now() - speechMs) / 1000).toFixed(1)} s`);
  },
  partial: ({ text, stableChars }) => conversation.partial(text, stableChars),
  finalizing: () => waterfall.reached("silence"),
  final: ({ text }) => {
    waterfall.reached("final");
    conversation.final(text);
    if (text) state("thinking");
    else rest();
    mark(text ? "understood" : "no words");
  },
  token: ({ text, done }) => {
    waterfall.reached("token");
    conversation.token(text, done);
  },
  sound: ({ what }) => {
    if (what === "began") {
      waterfall.reached("sound");
      state("speaking");
    } else if (what === "ended" || what === "flushed") {
      if (at("state").dataset.is === "speaking") rest();
    }
    at("hush").disabled = what === "ended" || what === "flushed";
  },
  replydone: () => {
    conversation.replyOver();
    mark("answered");
  },
  interrupted: ({ heard }) => {
    conversation.interrupted(heard);
    mark("interrupted");
  },
  resumed: () => {
    conversation.resumed();
    mark("resumed");
  },
  info: ({ message }) => mark(message),
  failure: ({ code, message, advice }) => alarm(`${code}: ${message}`, advice),
};

async function begin({ microphone }) {
  await configured;
  const options = settings.options;
  begunWith = JSON.stringify(options);
  call = new Call(options);
  at("save").disabled = !options.record;
  for (const [type, react] of Object.entries(REACTIONS)) {
    call.addEventListener(type, ({ detail }) => react(detail));
  }
  for (const type of EVENTS) {
    call.addEventListener(type, ({ detail }) =>
      document.dispatchEvent(new CustomEvent("parley", { detail: { type, ...detail } })),
    );
  }
  at("hello").hidden = true;
  state("connecting");
  opening = microphone;
  await call.start({ microphone }).finally(() => (opening = false));
}

async function end() {
  const over = call;
  call = null;
  await over?.close();
  conversation.replyOver();
  at("level").value = 0;
  at("hush").disabled = true;
  pressed(false);
  state("not connected");
}

/** Other settings: a new session, one after the other however quickly they change. */
function restart() {
  restarted = restarted.catch(() => {}).then(async () => {
    if (!call || JSON.stringify(settings.options) === begunWith) return;
    const microphone = call.hasMicrophone || opening;
    await end();
    if (!call) await begin({ microphone }); // else somebody pressed the button meanwhile
  });
  return restarted;
}

async function talk() {
  if (call?.hasMicrophone) return end();
  if (call) return call.openMicrophone();
  await begin({ microphone: true });
}

async function type(event) {
  event.preventDefault();
  const words = at("words").value.trim();
  if (!words) return;
  if (!call) await begin({ microphone: false });
  if (!call?.takesText) {
    alarm("Typed words need newspeech.", "Choose it in the settings.");
    return;
  }
  at("words").value = "";
  waterfall.begin();
  waterfall.spoke();
  conversation.typed(words);
  call.sendText(words);
}

// Where there is no AudioWorklet: an utterance at a time.

const dictation = canCall() ? null : new Dictation();

function dictate() {
  dictation.addEventListener("recording", ({ detail: { on } }) => {
    at("talk").textContent = on ? "Done: answer me" : "Start talking";
    at("talk").setAttribute("aria-pressed", String(on));
    state(on ? "listening" : "thinking");
    if (on) calm();
  });
  dictation.addEventListener("answer", ({ detail: { transcript, reply } }) => {
    at("hello").hidden = true;
    conversation.answer(transcript, reply);
    state("not connected");
    if (!transcript) alarm("Nothing was heard.", "Say it again, closer to the microphone.");
  });
  dictation.addEventListener("failure", ({ detail: { message, advice } }) => {
    state("not connected");
    alarm(message, advice);
  });
  at("hello").textContent =
    "This browser has no AudioWorklet: press the button, say something, press it again. " +
    "The answer comes in one piece and cannot be interrupted.";
  at("typing").hidden = true;
  at("hush").hidden = true;
  document.querySelector(".levels").hidden = true;
}

/** A file for `parley show` and `parley replay`: all that happened, up to a second or two ago. */
async function save() {
  const answer = await fetch(recordingUrl);
  if (!answer.ok) throw new Error((await answer.json()).error);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await answer.blob());
  link.download = `parley-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.mcap`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  mark("saved");
}

// What one presses

const guarded = (work) => (event) =>
  Promise.resolve(work(event)).catch((error) => alarm("Something failed.", error.message));

at("talk").addEventListener("click", guarded(dictation ? () => dictation.toggle() : talk));
at("save").addEventListener("click", guarded(save));
at("hush").addEventListener("click", () => call?.interrupt());
at("typing").addEventListener("submit", guarded(type));
settings.addEventListener("change", guarded(restart));
addEventListener("pagehide", () => call?.close());

if (dictation) dictate();

configured = fetch(new URL("api/stream_config", document.baseURI))
  .then((answer) => answer.json())
  .then((config) => settings.serverIs(config))
  .catch(() => {});

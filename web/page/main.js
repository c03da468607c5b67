/**
 * The page: what happens in a call to what one sees. For whoever watches the page, each event of the
 * call is told on the document too, as `parley` with {type, …}.
 */

import { Access, canCall, EVENTS } from "../parley.js";
import { fromAddress } from "./address.js";
import { Alerts } from "./alerts.js";
import { Controls } from "./controls.js";
import { Conversation } from "./conversation.js";
import { Details } from "./details.js";
import { dialog } from "./dialogs.js";
import { dictate } from "./dictation_page.js";
import { at } from "./element.js";
import { Follow } from "./follow.js";
import { offerFiles } from "./saving.js";
import { SoundSettings } from "./sound_settings.js";
import { Speaking } from "./speaking.js";
import { Talking } from "./talking.js";
import { TokenForm } from "./token_form.js";
import { Waterfall } from "./waterfall.js";
import { Who } from "./who.js";
import { Wishes } from "./wishes.js";

/** Keys of failures that are over when there is a connection, or a microphone. */
/** How long a server may take to say whether the conversation goes on. */
const UNTOLD_MS = 3000;
const [OFFLINE, DEAF, AWAY] = ["offline", "deaf", "away"];

const follow = new Follow(at("log"), at("newest"));
const announce = (words) => (at("announcer").textContent = words);
const conversation = new Conversation(at("conversation"), () => follow.added(), announce);
const alerts = new Alerts(at("alerts"));
const details = new Details();
const waterfall = new Waterfall(at("waterfall"), {
  bar: at("strip-bar"),
  time: at("strip-time"),
  parts: at("strip-parts"),
});
const wishes = new Wishes(fromAddress(location.search));
const sound = new SoundSettings();
const who = new Who();
const speaking = new Speaking(conversation);
const access = new Access();
const talking = new Talking(() => wishes.options, () => sound.options, access);
const tokenForm = new TokenForm(access, () => (talking.configured = configure()));
talking.mayBegin = () => !tokenForm.isWanted || tokenForm.open();

let speechMs = 0;
/** The agent that answers in this conversation, as far as the server has said; and whether it has
 * put the caller through. */
let [answering, transferred] = ["", false];
/** Whether the connection was lost, and it is not known yet whether the conversation goes on. */
let wasLost = false;

function state(words) {
  if (at("state").textContent !== words) at("state").textContent = words;
  at("state").dataset.is = words;
}

/** Nothing happens at this moment. */
function rest() {
  const [words, hello] = !talking.isOn
    ? ["not connected", "Press Talk and say something."]
    : !talking.hasMicrophone
      ? ["connected", "Type something."]
      : !talking.isMuted
        ? ["listening", "Say something."]
        : sound.pushToTalk
          ? ["hold to speak", "Hold Space or the button, and speak."]
          : ["muted", "Parley does not hear you now."];
  state(words);
  at("hello-lead").textContent = hello;
}

const sentence = (words) => (/[.!?]$/.test(words) ? words : `${words}.`);

function alarm(title, advice, key) {
  alerts.show(title, advice, key);
  details.mark(title);
}

const guarded = (work) => async (event) => {
  try {
    await work(event);
  } catch (error) {
    alarm("Something failed.", error.message);
  }
};

function configure() {
  return access
    .fetch("api/stream_config")
    .then((answer) => answer.json())
    .then((config) => {
      tokenForm.isWanted = false;
      alerts.clear(AWAY);
      wishes.serverIs(config);
      who.serverIs(config);
      who.recording(talking.isRecorded);
      if (!answering) who.answering(wishes.answering);
      if (wishes.missing) {
        alarm(`There is no agent ${wishes.missing} here.`, `${wishes.answering || "Parley"} answers.`);
      }
      at("saving-recording").hidden = !config.recordings_on_request;
    })
    .catch((error) => {
      if (error.wantsToken) return tokenForm.ask(error);
      // Where the server is away the call will say so.
      if (error.name === "Refused") alarm("The server lets nobody in now.", waitFor(error), AWAY);
    });
}

function waitFor({ message, waitMs }) {
  const when = waitMs ? `in ${Math.ceil(waitMs / 1000)} s` : "later";
  return `${sentence(message)} Try again ${when}.`;
}

function newConversation(words) {
  conversation.divide(words);
  speaking.restart();
  [answering, transferred] = ["", false];
}

// What happens in a call

const REACTIONS = {
  begun: () => {
    newConversation("New conversation");
    wasLost = false;
    state("connecting");
    who.recording(talking.isRecorded);
    alerts.clear();
    configure();
  },
  over: () => {
    conversation.broken();
    speaking.silence();
    answering = "";
    who.answering(wishes.answering);
    at("interrupt").disabled = true;
    who.recording(false);
    pending();
    rest();
  },
  online: () => {
    alerts.clear(OFFLINE);
    rest();
    details.mark("connected");
    // A server that keeps nothing says nothing of it.
    setTimeout(() => wasLost && REACTIONS.ticket({ resumed: false, why: "" }), UNTOLD_MS);
  },
  offline: ({ waitMs, advice }) => {
    conversation.broken();
    wasLost = true;
    state("offline");
    const title = advice ? "The server lets nobody in now." : "The server is not there, or has no room.";
    const again = `Trying again in ${Math.ceil(waitMs / 100) / 10} s.`;
    alarm(title, advice ? `${sentence(advice)} ${again}` : again, OFFLINE);
  },
  ticket: ({ resumed, why }) => {
    if (wasLost && resumed) conversation.note("The connection was lost for a moment: the conversation goes on");
    if (wasLost && !resumed) newConversation("The connection was lost: a new conversation");
    if (why) details.mark(`a new conversation: ${why}`);
    wasLost = false;
  },
  refused: (refusal) => {
    tokenForm.ask(refusal);
    details.mark(`refused: ${refusal.message}`);
    guarded(() => talking.end())();
  },
  ended: ({ reason }) => {
    if (!transferred) conversation.note(`The call has ended${reason ? `: ${reason}` : ""}`);
    details.mark(`ended: ${reason}`);
    guarded(() => talking.end())();
  },
  microphone: ({ open, advice }) => {
    rest();
    sound.list();
    if (open) alerts.clear(DEAF);
    else alarm("No microphone.", advice, DEAF);
  },
  muted: () => at("state").dataset.is !== "speaking" && rest(),
  level: (level) => {
    speaking.level(level);
    if (level.loud) waterfall.spoke();
  },
  state: ({ state: words }) => words === "processing" && state("thinking"),
  speechstart: () => {
    speechMs = performance.now();
    state("hearing you");
    waterfall.begin();
    details.mark("speech begins");
  },
  speechend: () => {
    waterfall.reached("silence");
    details.mark(`speech ends, ${((performance.now() - speechMs) / 1000).toFixed(1)} s`);
  },
  partial: ({ text, stableChars }) => conversation.partial(text, stableChars),
  finalizing: () => waterfall.reached("silence"),
  final: ({ text }) => {
    waterfall.reached("final");
    conversation.final(text);
    if (text) state("thinking");
    else rest();
    details.mark(text ? "understood" : "no words");
  },
  token: ({ text }) => {
    waterfall.reached("token");
    conversation.token(text);
  },
  phrase: (phrase) => speaking.phrase(phrase),
  audio: (audio) => speaking.audio(audio),
  sound: (sound) => {
    const sounds = speaking.sound(sound);
    if (sound.what === "began") {
      waterfall.reached("sound");
      state("speaking");
    } else if (!sounds && at("state").dataset.is === "speaking") rest();
    at("interrupt").disabled = !sounds;
  },
  replydone: () => {
    conversation.replyOver();
    speaking.replyOver();
    if (!talking.hasSound) rest(); // the reply was read, and no sound will say that it is over
    details.mark("answered");
  },
  interrupted: ({ heard: words }) => {
    conversation.interrupted(words);
    speaking.replyOver();
    details.mark("interrupted");
  },
  resumed: () => {
    conversation.resumed();
    speaking.resumed();
    details.mark("resumed");
  },
  takenback: () => {
    conversation.takenBack();
    details.mark("taken back");
  },
  agent: ({ name, voice }) => {
    if (answering && answering !== name) conversation.note(`Now answering: ${name}`);
    answering = name;
    who.answering(name, voice);
    details.mark(`${name} answers`);
  },
  toolcall: (call) => {
    conversation.toolCalled(call);
    details.mark(`tool ${call.name}`);
  },
  toolresult: (result) => {
    const entry = conversation.toolOver(result);
    details.mark(`tool ${result.name}: ${result.outcome}${entry ? `, ${entry.ms} ms` : ""}`);
  },
  transfer: ({ to }) => {
    transferred = true;
    conversation.note(`Transferred to ${to}`);
    details.mark(`transferred to ${to}`);
  },
  info: ({ message }) => details.mark(message),
  failure: ({ code, title, message, advice }) => {
    alerts.show(title, `${sentence(message)} ${advice}`, code);
    details.mark(`${code}: ${message}`);
  },
};

for (const [type, react] of Object.entries(REACTIONS)) {
  talking.addEventListener(type, ({ detail }) => react(detail));
}
for (const type of EVENTS) {
  talking.addEventListener(type, ({ detail }) =>
    document.dispatchEvent(new CustomEvent("parley", { detail: { type, ...detail } })),
  );
}

async function type(event) {
  event.preventDefault();
  const words = at("words").value.trim();
  if (!words) return;
  if (!(await talking.type(words))) {
    alarm("Typed words need newspeech or realtime.", "Choose it in the settings.");
    return;
  }
  at("words").value = "";
  waterfall.begin();
  waterfall.spoke();
  conversation.typed(words);
}

// Settings, help, files

/** Changes that wait for a new conversation: said, and asked for. */
function pending() {
  at("pending").hidden = !talking.isOutdated;
}

const help = dialog("help");
const settings = dialog("settings", () => sound.list());
offerFiles({ talking, conversation, speaking, who, access, guarded, saved: () => details.mark("saved") });

wishes.addEventListener("change", () => {
  pending();
  if (!answering) who.answering(wishes.answering);
});
at("apply").addEventListener("click", guarded(async () => {
  settings.close();
  await talking.renew();
}));
at("undo").addEventListener("click", () => wishes.restore(talking.wishes));
sound.addEventListener("change", guarded(({ detail }) => talking.soundChanged(detail.what)));

at("typing").addEventListener("submit", guarded(type));
addEventListener("pagehide", () => talking.close());

if (canCall()) {
  const controls = new Controls(talking, () => sound.pushToTalk, guarded, help.open);
  sound.addEventListener("change", () => {
    controls.show();
    if (at("state").dataset.is !== "speaking") rest();
  });
} else {
  const dictation = dictate(conversation, alerts, state, access);
  at("talk").addEventListener("click", guarded(() => dictation.toggle()));
}

talking.configured = configure();

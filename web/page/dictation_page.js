/** The page where there is no AudioWorklet: an utterance at a time, between two presses of Talk. */

import { Dictation } from "../parley.js";
import { at } from "./element.js";

/**
 * @param {import("./conversation.js").Conversation} conversation
 * @param {import("./alerts.js").Alerts} alerts
 * @param {(words: string) => void} state
 * @param {import("../access.js").Access} access
 */
export function dictate(conversation, alerts, state, access) {
  const dictation = new Dictation({ access });
  dictation.addEventListener("recording", ({ detail: { on } }) => {
    at("talk-words").textContent = on ? "Done: answer me" : "Talk";
    state(on ? "listening" : "thinking");
    if (on) alerts.clear();
  });
  dictation.addEventListener("answer", ({ detail: { transcript, reply } }) => {
    conversation.answer(transcript, reply);
    state("not connected");
    if (!transcript) alerts.show("Nothing was heard.", "Say it again, closer to the microphone.");
  });
  dictation.addEventListener("failure", ({ detail: { message, advice } }) => {
    state("not connected");
    alerts.show(message, advice);
  });
  at("hello-more").textContent =
    "This browser has no AudioWorklet: press Talk, say something, press it again. " +
    "The answer comes in one piece and cannot be interrupted.";
  for (const name of ["typing", "interrupt", "mute", "renew", "strip"]) at(name).hidden = true;
  document.querySelector(".levels").hidden = true;
  document.querySelector("#talk kbd").hidden = true;
  return dictation;
}

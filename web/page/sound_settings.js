/**
 * Which devices, how loud, and push to talk: kept in this browser, in effect at once. Event: `change`
 * {what}: microphone, loudspeaker, volume or push-to-talk.
 * @module
 */

import { canChooseLoudspeaker, listDevices, onDeviceChange, useLoudspeaker } from "../parley.js";
import { at, make } from "./element.js";

const SYSTEM = "As the system is set";

export class SoundSettings extends EventTarget {
  constructor() {
    super();
    for (const name of ["microphone", "loudspeaker"]) {
      at(name).addEventListener("change", () => this._changed(name, at(name).value));
    }
    at("volume").value = localStorage.getItem("parley-volume") ?? "100";
    at("volume").addEventListener("input", () => this._changed("volume", at("volume").value));
    at("push-to-talk").checked = localStorage.getItem("parley-push-to-talk") === "true";
    at("push-to-talk").addEventListener("change", () =>
      this._changed("push-to-talk", String(at("push-to-talk").checked)),
    );
    at("loudspeaker-field").hidden = !canChooseLoudspeaker();
    this._show();
    this.list();
    onDeviceChange(() => this.list());
    if (canChooseLoudspeaker()) useLoudspeaker(kept("loudspeaker"));
  }

  /** What a call is begun with. */
  get options() {
    return {
      microphoneId: kept("microphone"),
      volume: Number(at("volume").value) / 100,
      pushToTalk: this.pushToTalk,
    };
  }

  get pushToTalk() {
    return at("push-to-talk").checked;
  }

  /** The devices there are, by now: browsers name them once a microphone was allowed. */
  async list() {
    const { microphones, loudspeakers } = await listDevices().catch(() => ({
      microphones: [],
      loudspeakers: [],
    }));
    fill(at("microphone"), microphones, kept("microphone"));
    fill(at("loudspeaker"), loudspeakers, kept("loudspeaker"));
    at("names-missing").hidden = microphones.length > 0;
  }

  _changed(what, value) {
    localStorage.setItem(`parley-${what}`, value);
    this._show();
    if (what === "loudspeaker") useLoudspeaker(value);
    this.dispatchEvent(new CustomEvent("change", { detail: { what } }));
  }

  _show() {
    const told = `${at("volume").value} %`;
    at("volume-told").textContent = told;
    at("volume").setAttribute("aria-valuetext", told);
  }
}

const kept = (name) => localStorage.getItem(`parley-${name}`) ?? "";

/** One that was chosen and is gone stays chosen: it may come back. */
function fill(select, devices, chosen) {
  const option = (id, name) => Object.assign(make("option", "", name), { value: id });
  // Chromium lists the system's choice as a device of its own, by this id.
  const found = devices.filter(({ id }) => id !== "default").map(({ id, name }) => option(id, name));
  const known = chosen === "" || devices.some(({ id }) => id === chosen);
  if (!known) found.push(option(chosen, "The one you chose: not there now"));
  select.replaceChildren(option("", SYSTEM), ...found);
  select.value = chosen;
}

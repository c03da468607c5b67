/** The buttons at the bottom: what they say, what they do, and push to talk. */

import { at } from "./element.js";
import { Keys } from "./keys.js";

export class Controls {
  /**
   * @param {import("./talking.js").Talking} talking
   * @param {() => boolean} pushToTalk
   * @param {(work: () => any) => () => Promise<void>} guarded Work whose failure is told.
   * @param {() => void} help
   */
  constructor(talking, pushToTalk, guarded, help) {
    this._talking = talking;
    this._pushToTalk = pushToTalk;
    const talk = guarded(() => (pushToTalk() ? talking.hold() : talking.talk()));
    const release = () => pushToTalk() && talking.release();
    const mute = () => !pushToTalk() && talking.hasMicrophone && talking.mute(!talking.isMuted);
    at("talk").addEventListener("click", () => pushToTalk() || talk());
    at("talk").addEventListener("pointerdown", (event) => {
      if (!pushToTalk() || event.button !== 0) return;
      at("talk").setPointerCapture(event.pointerId);
      talk();
    });
    for (const end of ["pointerup", "pointercancel", "lostpointercapture"]) {
      at("talk").addEventListener(end, release);
    }
    at("talk").addEventListener("contextmenu", (event) => pushToTalk() && event.preventDefault());
    at("end").addEventListener("click", guarded(() => talking.end()));
    at("mute").addEventListener("click", mute);
    at("interrupt").addEventListener("click", () => talking.interrupt());
    at("renew").addEventListener("click", guarded(() => talking.renew()));
    // A button that was clicked keeps no focus: Space is for talking.
    for (const name of ["mute", "end", "interrupt", "renew", "newest"]) {
      at(name).addEventListener("click", (event) => event.detail > 0 && at(name).blur());
    }
    const interrupt = () => talking.interrupt();
    new Keys({ talk, release, mute, interrupt, help });
    talking.addEventListener("changed", () => this.show());
    this.show();
  }

  /** As the call is at this moment. */
  show() {
    const talking = this._talking;
    const held = this._pushToTalk();
    at("talk-words").textContent = held
      ? talking.isHeld
        ? "Let go to send"
        : "Hold to speak"
      : talking.hasMicrophone
        ? "End"
        : "Talk";
    at("talk").classList.toggle("ends", !held && talking.hasMicrophone);
    at("talk").classList.toggle("held", held && talking.isHeld);
    // In the same place: what mutes, or where that is done by letting go, what hangs up.
    at("end").hidden = !talking.isOn || (!held && talking.hasMicrophone);
    at("mute").hidden = !at("end").hidden;
    at("mute").disabled = held || !talking.hasMicrophone;
    at("mute").setAttribute("aria-pressed", String(talking.isMuted && !held));
    at("renew").disabled = !talking.isOn;
  }
}

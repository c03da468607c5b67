/**
 * What a sound of the person does to the reply: at the first sound the reply grows quiet, and where
 * the sound goes on it stops. Nobody has to wait for the server to be sure that it was speech. Where
 * it was none, the reply goes on where it stopped. Plain arithmetic over levels.
 */

/** How loud the reply stays while it is not known whether a sound is speech. */
const DUCKED = 0.3;
/** A sound: so many times the room's own noise, and at least so loud. */
const SOUND = { times: 4, least: 0.01 };
/** After so many frames of it, 20 ms each, the reply grows quiet; after so many it stops. */
const DUCK_FRAMES = 2;
const HOLD_FRAMES = 5;
/** So many frames without a sound, and the reply goes on, as loud as before. */
const QUIET_FRAMES = 15;

export class Ducking {
  /** @param {{duck: (gain: number) => void, hold: (held: boolean) => void}} speaker */
  constructor(speaker) {
    this._speaker = speaker;
    this._noise = 0.002;
    this._loud = 0;
    this._quiet = 0;
    this._ducked = false;
  }

  /** A frame of the microphone. @param {number} level @returns {boolean} Whether it is a sound. */
  hear(level) {
    const loud = level > Math.max(SOUND.least, this._noise * SOUND.times);
    this._loud = loud ? this._loud + 1 : 0;
    this._quiet = loud ? 0 : this._quiet + 1;
    if (!loud) this._noise += (level - this._noise) * 0.05;
    const ducked = this._loud >= DUCK_FRAMES || (this._ducked && this._quiet < QUIET_FRAMES);
    if (!ducked) this._loosen();
    else if (!this._ducked) {
      this._ducked = true;
      this._speaker.duck(DUCKED);
    }
    if (this._loud === HOLD_FRAMES) this._speaker.hold(true);
    return loud;
  }

  /** No frames come any more: nothing will say that it is quiet again. */
  stop() {
    this._loud = this._quiet = 0;
    this._loosen();
  }

  /** The reply goes on, as loud as it was. */
  _loosen() {
    if (!this._ducked) return;
    this._ducked = false;
    this._speaker.duck(1);
    this._speaker.hold(false);
  }
}

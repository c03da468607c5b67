/** What other pages import: a whole call, or its parts. */

export { Access, Refused } from "./access.js";
export { adviceFor, microphoneAdvice, titleFor } from "./advice.js";
export { Call, EVENTS } from "./call.js";
export { Client, DIALECTS } from "./client.js";
export { listDevices, onDeviceChange } from "./devices.js";
export { canCall, Dictation } from "./dictation.js";
export { Microphone } from "./microphone.js";
export { canChooseLoudspeaker, useLoudspeaker } from "./sound.js";
export { HEARD, PLAYED, SoundMemory } from "./sound_memory.js";
export { Speaker } from "./speaker.js";
export { SpokenWords } from "./spoken_words.js";

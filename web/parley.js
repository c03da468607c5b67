/** What other pages import: a whole call, or its parts. */

export { adviceFor, microphoneAdvice } from "./advice.js";
export { Call, EVENTS } from "./call.js";
export { Client, DIALECTS } from "./client.js";
export { canCall, Dictation } from "./dictation.js";
export { Microphone } from "./microphone.js";
export { Speaker } from "./speaker.js";

/** What an error's code means in words, and what a person can do about it. */

const TITLES = {
  ASR_FAIL: "Your words could not be made out.",
  ASR_TIMEOUT: "Making out your words took too long.",
  BACKPRESSURE: "The server is busy.",
  RATE_LIMIT: "You have used what you may use for now.",
  LLM_FAIL: "No answer could be made.",
  LLM_TIMEOUT: "The answer took too long.",
  TTS_FAIL: "The answer could not be spoken.",
  MODEL_LOAD_FAIL: "A model or a voice is missing.",
  MAX_DURATION_EXCEEDED: "You spoke for very long without a pause.",
  UNSUPPORTED_SAMPLE_RATE: "The sound does not fit the protocol.",
  PROTOCOL_VIOLATION: "The server did not understand this page.",
  CLIENT: "This page did not understand the server.",
  INTERNAL: "The server failed.",
  NO_SOUND: "There is no sound.",
};

const ADVICE = {
  ASR_FAIL: "Say it again.",
  ASR_TIMEOUT: "The recognizer is slow. Say it again, or choose a smaller model.",
  BACKPRESSURE: "Many people are talking at this moment. Say it again in a few seconds.",
  RATE_LIMIT: "There is some more each minute: try again later, or ask whoever gave you the token.",
  LLM_FAIL: "Ask again. If it goes on, check OPENAI_BASE_URL, OPENAI_MODEL and the key.",
  LLM_TIMEOUT: "The language model does not answer. Ask again.",
  TTS_FAIL: "The reply can be read. If it goes on, run `parley doctor`.",
  MODEL_LOAD_FAIL: "`parley doctor` says which, and why. A voice can be chosen in the settings.",
  MAX_DURATION_EXCEEDED: "Pause now and then: what you said so far is answered.",
  UNSUPPORTED_SAMPLE_RATE: "Choose another protocol in the settings.",
  PROTOCOL_VIOLATION: "This is a fault of the page. Reload it.",
  NO_SOUND: "Connect a loudspeaker or headphones, and press Talk again. You can type, and read the answers.",
  INTERNAL: "This is a fault of the server; its log has the reason. Start again.",
};

/** A failure as the Client tells it, with its words for people. */
export function failure(code, message, recoverable = true) {
  return { code, message, recoverable, title: titleFor(code), advice: adviceFor(code) };
}

/** What happened. @param {string} code @returns {string} */
export function titleFor(code) {
  return TITLES[code] ?? "Something went wrong.";
}

/** What to do. @param {string} code @returns {string} */
export function adviceFor(code) {
  return ADVICE[code] ?? "Try again. The server's log may say more.";
}

/**
 * Why there is no microphone.
 * @param {Error} error What getUserMedia threw.
 * @returns {string}
 */
export function microphoneAdvice(error) {
  switch (error?.name) {
    case "NotAllowedError":
    case "SecurityError":
      return "The microphone is not allowed. Allow it in the browser's address bar, then press Talk again. You can type meanwhile.";
    case "NotFoundError":
    case "OverconstrainedError":
      return "There is no microphone. Plug one in and press Talk again. You can type meanwhile.";
    case "NotReadableError":
    case "AbortError":
      return "The microphone cannot be opened: perhaps another program has it. Close that one and press Talk again.";
    case "Waiting":
      return "The browser is asking whether Parley may use the microphone: allow it there. You can type meanwhile.";
    case "TooLate":
      return "The browser does not start the sound. Reload the page, or restart the browser. You can type meanwhile.";
    case "InsecureError":
      return "Browsers give the microphone only to pages over HTTPS, or on this machine itself (127.0.0.1). You can type meanwhile.";
    default:
      return `The microphone cannot be opened (${error?.message ?? error}). Press Talk again.`;
  }
}

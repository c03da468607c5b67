/** What a person can do about an error's code. */

const ADVICE = {
  ASR_FAIL: "Say it again.",
  ASR_TIMEOUT: "The recognizer is slow. Say it again, or choose a smaller model.",
  BACKPRESSURE: "Many people are talking at this moment. Say it again in a few seconds.",
  LLM_FAIL: "Ask again. If it goes on, look at OPENAI_BASE_URL, OPENAI_MODEL and the key.",
  LLM_TIMEOUT: "The language model does not answer. Ask again.",
  TTS_FAIL: "The reply can be read. If it goes on, run `parley doctor`.",
  MODEL_LOAD_FAIL: "A model or a voice is not there: `parley doctor` says which, and why. A voice can be chosen in the settings.",
  MAX_DURATION_EXCEEDED: "Pause now and then: what you said so far is answered.",
  UNSUPPORTED_SAMPLE_RATE: "Choose another protocol in the settings.",
  PROTOCOL_VIOLATION: "This is a fault of the page. Reload it.",
  INTERNAL: "This is a fault of the server; its log has the reason. Start again.",
};

/** @param {string} code @returns {string} */
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
      return "The microphone is not allowed. Allow it in the browser's address bar, then press the button again. You can type meanwhile.";
    case "NotFoundError":
    case "OverconstrainedError":
      return "There is no microphone. Plug one in and press the button again. You can type meanwhile.";
    case "NotReadableError":
    case "AbortError":
      return "The microphone cannot be opened: perhaps another program has it. Close that one and press the button again.";
    case "InsecureError":
      return "Browsers give the microphone only to pages over HTTPS, or on this machine itself (127.0.0.1). You can type meanwhile.";
    default:
      return `The microphone cannot be opened (${error?.message ?? error}). Press the button again.`;
  }
}

/**
 * Which word of the reply is being spoken. The server tells before each phrase which words its audio
 * says (`phrase` of the Client); how much was played, the loudspeaker tells. A word takes time in
 * proportion to its letters, as in the server's own account of what was heard. Plain arithmetic.
 */

/** Phrases that are kept: those of the longest reply that anyone listens to. */
const MAX_PHRASES = 500;

export class SpokenWords {
  constructor() {
    /** {text, ms, fromMs, startMs}: `startMs` is where its audio begins in the stream of audio. */
    this._phrases = [];
    this._receivedMs = 0;
    this._wasCut = false;
  }

  /** The audio that follows says this. @param {{text: string, ms: number, fromMs: number}} phrase */
  phrase({ text, ms, fromMs }) {
    // A phrase that goes on after an interruption is told again; its letters count once.
    if (this._wasCut && this._phrases.at(-1)?.text === text) this._phrases.pop();
    this._wasCut = false;
    this._phrases.push({ text, ms, fromMs, startMs: this._receivedMs });
    if (this._phrases.length > MAX_PHRASES) this._phrases.shift();
  }

  /** A piece of audio came. @param {number} ms */
  audio(ms) {
    this._receivedMs += ms;
  }

  /** The reply was cut here: what has not begun will be told again, if it is ever spoken. */
  cut(streamMs) {
    this._phrases = this._phrases.filter((phrase) => phrase.startMs < streamMs);
    this._wasCut = true;
  }

  /** Another reply begins. */
  forget() {
    this._phrases = [];
    this._wasCut = false;
  }

  /**
   * How much of the reply's text was spoken when so much of the stream is over.
   * @param {number} streamMs What was played and what was dropped, together.
   * @returns {{before: number, word: number} | null} Letters (no spaces) of the text of all phrases
   * that lie before the word being spoken, and letters of that word; null: nobody told any text.
   */
  at(streamMs) {
    let before = 0;
    let found = null;
    for (const { text, ms, fromMs, startMs } of this._phrases) {
      if (streamMs < startMs) break;
      const { offset, word } = wordAt(text, (fromMs + streamMs - startMs) / ms);
      found = { before: before + offset, word };
      before += letters(text);
    }
    return found;
  }
}

export const letters = (text) => text.replace(/\s/g, "").length;

/** Which word is reached at a share of the phrase: the letters before it, and its own. */
export function wordAt(text, share) {
  const words = text.split(/\s+/).filter(Boolean);
  const spoken = share * letters(text);
  let offset = 0;
  for (const word of words) {
    if (offset + word.length > spoken) return { offset, word: word.length };
    offset += word.length;
  }
  return { offset, word: 0 };
}

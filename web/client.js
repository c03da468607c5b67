/**
 * A conversation with a Parley server over one WebSocket: no microphone, no loudspeaker.
 *
 * Whatever the protocol, the events are the same. Each is a CustomEvent whose `detail` is what
 * stands behind its name:
 *
 *   open                                     the socket is open
 *   session      {id}                        the server's name for it
 *   ticket       {ticket, resumed, why}      by what the conversation goes on over another connection,
 *                                            whether it does, and why not where that was asked for
 *   state        {state}                     dialect B only
 *   speechstart, speechend                   dialects B, C and D
 *   partial      {text, stableChars}         so many characters will not change any more
 *   finalizing                               the utterance has ended
 *   final        {text}                      empty where there were no words
 *   token        {text, done}                a piece of the reply's text (A, C and D)
 *   phrase       {seq, text, ms, fromMs}     what the audio that follows says, how long all of it
 *                                            lasts, where in it the audio begins (A and C)
 *   audio        {pcm16, rateHz, seq}        a piece of the reply
 *   phrasedone   {seq}                       dialect A
 *   replydone                                all audio of the reply was sent (A, C and D)
 *   interrupted  {seq, heard}                the reply was cut: stop playing; what was heard of it
 *   resumed                                  nobody said anything after all: the reply goes on
 *   takenback                                the person was not done: the reply never was, and what
 *                                            they said is answered together with what they say now
 *   agent        {name, voice}               who answers from now on; voice "": as it was
 *   toolcall     {id, name, arguments}       a tool is called; arguments are JSON, as the model
 *                                            wrote it
 *   toolresult   {id, name, outcome, output, ms} the call is over: done, failed or cancelled
 *   transfer     {to}                        the caller is to be put through there; close follows
 *   latency      {times}                     ms: first sample, first partial, final, token, audio
 *   info         {message}
 *   failure      {code, message, recoverable, title, advice}   title and advice: for people
 *   close        {code, reason, wanted}      the last one
 *
 * @module
 */

import { failure } from "./advice.js";
import { ioSpeech } from "./dialects/io_speech.js";
import { newspeech } from "./dialects/newspeech.js";
import { promptVoice } from "./dialects/prompt_voice.js";
import { realtime } from "./dialects/realtime.js";

/** What each protocol is called, and how it speaks. */
export const DIALECTS = Object.freeze({
  newspeech,
  "prompt-voice": promptVoice,
  "io-speech": ioSpeech,
  realtime,
});

/** What may wait in the socket: more of the microphone than that is old, and is left out. */
const WAITING_BYTES = 256 * 1024;

/** A handshake takes two ways through the network. One that takes longer never ends. */
const OPEN_MS = 10_000;

/** Parameters that mean something to the server: whoever names one as a parameter of the call is
 * not heard. A link must not choose how a session is spelled, have it recorded, or bring a proof. */
const RESERVED = new Set([
  "agent", "events", "phrases", "record", "sensitivity", "silence_ms", "speak", "tools", "voice",
  "resume", "played_ms", "ticket", "token", "access_token", "api_key", "api-key", "apikey", "authorization",
]);

/** Why an idle connection is closed, with 1000. */
const IDLE = "idle timeout";
const AGENT_FAILED = "the agent failed";

/** Whether a connection was closed because the conversation is over, and not because it was lost. */
export const hasEnded = ({ code, reason }) =>
  code === 1000 ? reason !== IDLE : reason === AGENT_FAILED;

export class Client extends EventTarget {
  /**
   * @param {object} [options]
   * @param {string} [options.protocol] One of DIALECTS.
   * @param {string|URL} [options.base] Where the server's paths begin; the page's own address.
   * @param {boolean} [options.record] Ask for a recording, which `recordingUrl` then leads to.
   * @param {number} [options.silenceMs] How long a silence ends an utterance, 300 to 2000.
   * @param {number} [options.sensitivity] How readily a sound is taken for speech, 0 to 1.
   * @param {string} [options.voice] Which voice answers; the server suggests some.
   * @param {string} [options.agent] Who answers, by name; the server's first.
   * @param {(door: string) => Promise<string>} [options.ticket] Gets a ticket for the connection
   * (`door` is "ws", "stream", "engine" or "realtime"), where the server asks for one; "": it does not.
   * @param {string} [options.resume] The ticket of a conversation that goes on here; "new": one that
   * begins is to be able to, and a ticket is told.
   * @param {number} [options.playedMs] So much was played of the reply that was lost.
   * @param {Object<string, string>} [options.parameters] Of the call, for the agent's code. Names
   * that mean something to the server itself are left out.
   *
   * What is left out is as the server is set; what it refuses ends the attempt to connect.
   */
  constructor({
    protocol = "newspeech",
    base = globalThis.document?.baseURI,
    record = false,
    silenceMs = null,
    sensitivity = null,
    voice = null,
    agent = null,
    parameters = {},
    resume = null,
    playedMs = null,
    ticket = async () => "",
  } = {}) {
    super();
    this._ticket = ticket;
    const dialect = DIALECTS[protocol];
    if (!dialect) throw new RangeError(`no protocol ${protocol}: ${Object.keys(DIALECTS)}`);
    /** Its `microphoneHz` is the rate that `sendAudio` wants. */
    this.dialect = dialect;
    this.url = new URL(dialect.path, base);
    this.url.protocol = this.url.protocol.replace("http", "ws");
    if (dialect.tellsPhrases) {
      this.url.searchParams.set("phrases", "told");
      // Short phrases are for clients that know no better; whole sentences sound natural.
      this.url.searchParams.set("speak", "sentences");
    }
    if (dialect.tellsTools) this.url.searchParams.set("tools", "told");
    const wished = {
      silence_ms: silenceMs, sensitivity, voice, agent, resume, played_ms: playedMs,
    };
    for (const [name, value] of Object.entries(wished)) {
      if (value !== null) this.url.searchParams.set(name, value);
    }
    for (const [name, value] of Object.entries(parameters)) {
      const isReserved = RESERVED.has(name) || dialect.reserved?.includes(name);
      if (!isReserved) this.url.searchParams.set(name, value);
    }
    /** Where the session's recording can be fetched, while it lasts and for a while after. */
    this.recordingUrl = null;
    if (record) {
      const token = secret();
      this.url.searchParams.set("record", token);
      this.recordingUrl = new URL(`recordings/${token}`, base);
    }
    /** How many frames were left out because the network was slower than the microphone. */
    this.leftOut = 0;
    this._codec = dialect.makeCodec();
    this._socket = null;
    this._begun = this._wanted = false;
  }

  /** Open the conversation; resolves when the socket is open, rejects with an Error in words, or
   * with what the ticket's getter throws. */
  async connect() {
    if (this._begun) throw new Error("a Client connects once");
    this._begun = true;
    const ticket = await this._ticket(this.dialect.path.split("/").at(-1));
    if (this._wanted) return this._tell("close", { code: 1000, reason: "", wanted: true });
    const url = new URL(this.url);
    if (ticket) url.searchParams.set("ticket", ticket);
    await this._open(url);
  }

  _open(url) {
    return new Promise((resolve, reject) => {
      const socket = (this._socket = new WebSocket(url));
      socket.binaryType = "arraybuffer";
      const timer = setTimeout(() => socket.readyState === WebSocket.CONNECTING && socket.close(), OPEN_MS);
      socket.onopen = () => {
        clearTimeout(timer);
        this._tell("open");
        resolve();
      };
      socket.onmessage = ({ data }) => this._read(data);
      socket.onclose = ({ code, reason }) => {
        clearTimeout(timer);
        reject(new Error("the server cannot be reached, or has no room"));
        this._tell("close", { code, reason, wanted: this._wanted });
      };
    });
  }

  /** Whether it can be talked to now. */
  get isOpen() {
    return this._socket?.readyState === WebSocket.OPEN;
  }

  /** Open the microphone: audio may follow. */
  listen() {
    this._send(this._codec.listen());
  }

  /** Close the microphone: what is pending is finalized. */
  unlisten() {
    this._send(this._codec.unlisten());
  }

  /** @param {Int16Array} pcm16 mono, at `dialect.microphoneHz`; 20 to 100 ms are sensible. */
  sendAudio(pcm16) {
    if (!this.isOpen) return;
    if (this._socket.bufferedAmount > WAITING_BYTES) this.leftOut++;
    else this._send(this._codec.audio(pcm16));
  }

  /** Typed words, answered like spoken ones. @param {string} text */
  sendText(text) {
    if (!this._codec.text) throw new Error(`${this.dialect.name} has no typed words`);
    this._send(this._codec.text(text));
  }

  /** Cut the reply. */
  interrupt() {
    this._send(this._codec.interrupt());
  }

  /**
   * Tell what was really played of the reply, in ms; `flushed`: of the one that was interrupted.
   * Nothing happens where the protocol cannot carry it.
   */
  tellPlayed(ms, flushed = false) {
    if (this._codec.played) this._send(this._codec.played(ms, flushed));
  }

  /** Say goodbye. `close` follows. */
  close() {
    this._wanted = true;
    if (this.isOpen) this._send(this._codec.goodbye());
    this._socket?.close(1000);
  }

  _send(frames) {
    if (!this.isOpen) return;
    for (const frame of frames) this._socket.send(frame);
  }

  _read(frame) {
    let found;
    try {
      found = this._codec.read(frame);
    } catch (error) {
      const message = `a message was not understood: ${error.message}`;
      found = [{ type: "failure", code: "CLIENT", message, recoverable: true }];
    }
    for (const { type, ...detail } of found) {
      const isFailure = type === "failure";
      this._tell(type, isFailure ? failure(detail.code, detail.message, detail.recoverable) : detail);
    }
  }

  _tell(type, detail = {}) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** 128 bits that nobody guesses. */
function secret() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Samples and bytes: PCM16 little-endian as it travels, floats as Web Audio has them. */

/** @param {Float32Array} samples -1 to 1 @returns {Int16Array} */
export function toPcm16(samples) {
  const out = new Int16Array(samples.length);
  for (let n = 0; n < samples.length; n++) {
    out[n] = Math.max(-32768, Math.min(32767, Math.round(samples[n] * 32768)));
  }
  return out;
}

/** @param {Int16Array} pcm16 @returns {Float32Array} */
export function toFloats(pcm16) {
  return Float32Array.from(pcm16, (sample) => sample / 32768);
}

/** @param {Int16Array} pcm16 @returns {string} */
export function toBase64(pcm16) {
  const bytes = new Uint8Array(pcm16.buffer, pcm16.byteOffset, pcm16.byteLength);
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return btoa(text);
}

/** @param {string} base64 @returns {ArrayBuffer} */
export function fromBase64(base64) {
  const text = atob(base64);
  const bytes = new Uint8Array(text.length);
  for (let n = 0; n < text.length; n++) bytes[n] = text.charCodeAt(n);
  return bytes.buffer;
}

/**
 * A WAV of 16 bits, mono.
 * @param {ArrayBuffer} wav
 * @returns {{pcm16: Int16Array, rateHz: number}} Throws RangeError for anything else.
 */
export function readWav(wav) {
  const view = new DataView(wav);
  const name = (at) => String.fromCharCode(...new Uint8Array(wav, at, 4));
  if (wav.byteLength < 12 || name(0) !== "RIFF" || name(8) !== "WAVE") throw new RangeError("no WAV");
  let rateHz = 0;
  for (let at = 12; at + 8 <= wav.byteLength; ) {
    const size = view.getUint32(at + 4, true);
    if (name(at) === "fmt ") {
      if (view.getUint16(at + 10, true) !== 1 || view.getUint16(at + 22, true) !== 16) {
        throw new RangeError("not mono, or not 16 bits");
      }
      rateHz = view.getUint32(at + 12, true);
    } else if (name(at) === "data" && rateHz) {
      const end = Math.min(at + 8 + size, wav.byteLength);
      return { pcm16: new Int16Array(wav.slice(at + 8, end - ((end - at) % 2))), rateHz };
    }
    at += 8 + size + (size % 2);
  }
  throw new RangeError("a WAV without sound");
}
